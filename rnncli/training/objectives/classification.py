"""Telling the classes of texts apart: cross-entropy, accuracy, weights of classes, soft targets."""

from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np
import optax
from flax.traverse_util import unflatten_dict
from jax import Array
from numpy.typing import NDArray

from rnncli.data.batching import Batcher, Plan, pad_evidence
from rnncli.data.dataset import Split
from rnncli.models.classifier import Classifier
from rnncli.models.layers import Keys
from rnncli.models.parameters import initial_parameters
from rnncli.settings.model import ModelShape
from rnncli.settings.train import ClassWeights, TrainSettings
from rnncli.training.objectives.base import Batch, Objective, Params, Part, Sums


class Classification(Objective):
    """The mean cross-entropy of labelled texts, weighted by class while training.

    `sums` serves both parts: what tells training from validation is in the batch, whose weights are of
    its part, and in the keys, which only training has.

    A batch holds ``positions`` [batch, time] and ``words`` [devices, words], a list for each device's
    share of the texts, or None (see `Classifier`), ``evidence`` [batch, time, size] or None, ``targets``
    [batch, classes], the probabilities that the model should give, and ``weights`` [batch].
    """

    def __init__(
        self,
        settings: TrainSettings,
        shape: ModelShape,
        train: Split,
        validation: Split,
        *,
        max_length: int,
        num_devices: int,
        evidence: Mapping[str, NDArray[np.float32]] | None = None,
        targets: NDArray[np.float32] | None = None,
    ) -> None:
        """Make the targets and the weights of both parts.

        No text has more than `max_length` tokens; the `num_devices` have equal parts of a batch.
        `evidence` is that of each part's tokens [tokens, size], where the model reads it. `targets` are
        the probabilities of the training texts [texts, classes], where they are not 1 for the label.
        """
        self.model = Classifier(shape, jnp.bfloat16 if settings.precision == "bfloat16" else None)
        self._splits = {"train": train, "validation": validation}
        self._evidence = evidence
        self._labels = {part: np.asarray(split.labels, np.int32) for part, split in self._splits.items()}
        certain = np.eye(shape.num_classes, dtype=np.float32)
        self._targets = {part: certain[labels] for part, labels in self._labels.items()}
        if targets is not None:
            self._targets["train"] = targets
        uniform = np.float32(1 / shape.num_classes)
        smoothing = settings.label_smoothing
        self._targets["train"] = (1 - smoothing) * self._targets["train"] + smoothing * uniform
        self._batch_size = settings.data.batch_size
        self._class_weights = {
            "train": class_weights(self._labels["train"], shape.num_classes, settings.class_weights),
            "validation": np.ones(shape.num_classes, np.float32),
        }
        self._batcher = Batcher(
            self._splits,
            settings,
            vocab_size=shape.vocab_size,
            max_length=max_length,
            num_devices=num_devices,
        )

    def initial_params(self, seed: int) -> Params:
        """See the base class."""
        return unflatten_dict(initial_parameters(self.model.shape, seed), sep=".")

    def plans(self, part: Part, random: np.random.Generator | None) -> list[Plan]:
        """See the base class."""
        return self._batcher.plans(part, random)

    def batch(self, part: Part, plan: Plan) -> Batch:
        """See the base class."""
        size, rows = self._batch_size, len(plan.rows)
        listed = self._batcher.texts(part, plan)
        targets = np.zeros((size, self.model.shape.num_classes), np.float32)
        weights = np.zeros(size, np.float32)
        targets[:rows] = self._targets[part][plan.rows]
        weights[:rows] = self._class_weights[part][self._labels[part][plan.rows]]
        evidence = None
        if self._evidence is not None:
            offsets = self._splits[part].offsets
            evidence = pad_evidence(self._evidence[part], offsets, plan.rows, *listed.positions.shape)
        return {
            "positions": listed.positions,
            "words": listed.words,
            "evidence": evidence,
            "targets": targets,
            "weights": weights,
        }

    def sums(self, params: Params, batch: Batch, keys: Keys | None) -> Sums:
        """See the base class; ``correct`` counts the examples whose most probable class the targets share."""
        words = None if batch["words"] is None else batch["words"][0]
        logits = self.model.apply({"params": params}, batch["positions"], words, keys, batch["evidence"])
        return sums_of(jnp.asarray(logits), jnp.asarray(batch["targets"]), jnp.asarray(batch["weights"]))

    def figures(self, sums: Mapping[str, float]) -> dict[str, float]:
        """Mean loss in nats, and accuracy."""
        return {"loss": sums["loss"] / sums["weight"], "accuracy": sums["correct"] / sums["examples"]}

    def rank(self, figures: Mapping[str, float]) -> tuple[float, ...]:
        """Accuracy decides, and the loss where it is equal."""
        return figures["accuracy"], -figures["loss"]


def cross_entropy(logits: Array, targets: Array) -> Array:
    """``-Σ target · log(probability)`` over the classes, in nats, [batch].

    One logit is that of class 1 against class 0 (binary cross-entropy); more are a softmax's. The
    targets [batch, classes] are 1 for the label, or what teachers make of a text (Hinton et al. 2015).
    """
    if logits.shape[-1] == 1:
        return optax.sigmoid_binary_cross_entropy(logits[:, 0], targets[:, 1].astype(logits.dtype))
    return optax.softmax_cross_entropy(logits, targets)


def sums_of(logits: Array, targets: Array, weights: Array) -> Sums:
    """Weighted loss and hits of logits [batch, num_outputs]; rows without weight do not count."""
    predicted = (logits[:, 0] > 0).astype(jnp.int32) if logits.shape[-1] == 1 else logits.argmax(axis=-1)
    counts = weights > 0
    return {
        "loss": (weights * cross_entropy(logits, targets)).sum(),
        "weight": weights.sum(),
        "correct": (counts & (predicted == targets.argmax(axis=-1))).sum(dtype=jnp.float32),
        "examples": counts.sum(dtype=jnp.float32),
    }


def class_weights(labels: NDArray[np.int32], num_classes: int, how: ClassWeights) -> NDArray[np.float32]:
    """The weight of each class in the loss, [num_classes].

    Balanced weights are n / (classes · n_c), so that every class weighs the same in sum; a class
    without examples gets 0.
    """
    if how == "none":
        return np.ones(num_classes, np.float32)
    counts = np.bincount(labels, minlength=num_classes)
    return np.where(counts > 0, len(labels) / (num_classes * np.maximum(counts, 1)), 0).astype(np.float32)
