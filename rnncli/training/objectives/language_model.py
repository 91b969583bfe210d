"""Predicting the next word in each direction: sampled softmax while training, perplexity on validation."""

import math
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import unflatten_dict
from jax import Array

from rnncli.data.batching import Batcher, Plan
from rnncli.data.dataset import Split
from rnncli.errors import DataError
from rnncli.models.language_model import LanguageModel
from rnncli.models.layers import Keys
from rnncli.models.parameters import initial_parameters
from rnncli.models.word_lookup import rows_at
from rnncli.settings.model import DIRECTIONS, ModelShape
from rnncli.settings.train import TrainSettings
from rnncli.text.tokenizer import PAD_ID
from rnncli.training.objectives.base import Batch, Objective, Params, Part, Sums
from rnncli.training.objectives.sampled_softmax import Sampler, log, sampled_cross_entropy

NEGATIVES = 512  # words that every answer of a step is told apart from
VALIDATION_TOKENS = 50_000  # as many are scored against the whole vocabulary after an epoch
CHUNK = 256  # of them at a time
MOST_NATS = 700.0  # a loss whose perplexity is still a number


class LanguageModelling(Objective):
    """The mean cross-entropy of the next word, over the tokens of all texts and both directions, in nats.

    The score of word w where a direction expects e is ``e · v_w + log p(w)``, with the word's vector v of
    the embedding and its frequency p in the training texts: what is learned is by how much a text makes
    a word more or less probable than it is anyway.

    A batch holds ``positions`` [batch, time], ``words`` [devices, words] or None, as that of
    `rnncli.training.objectives.classification.Classification`, and ``weights`` [batch], 1 for each text.
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
    ) -> None:
        """Count the words of the training texts, and choose the validation texts, always the same ones.

        No text has more than `max_length` tokens; the `num_devices` have equal parts of a batch.

        Raises:
            DataError: one of the parts has no text of two tokens.
        """
        self.model = LanguageModel(shape, jnp.bfloat16 if settings.precision == "bfloat16" else None)
        self._splits = {"train": _longer_than_a_word(train), "validation": _longer_than_a_word(validation)}
        self._splits["validation"] = _some_of(self._splits["validation"], VALIDATION_TOKENS)
        counts = np.bincount(self._splits["train"].token_ids, minlength=shape.vocab_size) + 1.0
        counts[PAD_ID] = 0
        self._log_frequency = log(counts / counts.sum())
        self._sampler = Sampler(counts, NEGATIVES)
        self._batch_size = settings.data.batch_size
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
        texts = self._batcher.texts(part, plan)
        weights = (np.arange(self._batch_size) < len(plan.rows)).astype(np.float32)
        return {"positions": texts.positions, "words": texts.words, "weights": weights}

    def sums(self, params: Params, batch: Batch, keys: Keys | None) -> Sums:
        """See the base class; without randomness also the loss and the weight of each direction.

        While training the loss is that among `NEGATIVES` words, otherwise among the whole vocabulary.
        """
        positions = jnp.asarray(batch["positions"])
        words = None if batch["words"] is None else jnp.asarray(batch["words"])[0]
        expected = jnp.asarray(self.model.apply({"params": params}, positions, words, keys))
        # What follows a token forwards stands before it backwards: [directions, time - 1, batch] each.
        index = positions.T
        expected = jnp.stack([expected[0, :-1], *expected[1:, 1:]])
        answers = jnp.stack([index[1:], index[:-1]][: len(expected)])
        counts = jnp.broadcast_to((index[1:] != PAD_ID) & (index[:-1] != PAD_ID), answers.shape)
        table = params["embedding"]["table"]
        sums = {
            "weight": counts.sum(dtype=jnp.float32),
            "examples": jnp.asarray(batch["weights"]).sum(),
        }
        if keys is not None:
            return sums | {"loss": self._sampled(expected, answers, counts, table, words, keys.step)}
        losses = self._exact(expected, answers, counts, table, words)
        for number, direction in enumerate(DIRECTIONS[: len(expected)]):
            sums[f"loss_{direction}"] = losses[number].sum()
            sums[f"weight_{direction}"] = counts[number].sum(dtype=jnp.float32)
        return sums | {"loss": losses.sum()}

    def _sampled(
        self,
        expected: Array,
        answers: Array,
        counts: Array,
        table: Array,
        words: Array | None,
        step_key: Array,
    ) -> Array:
        """The sum of the answers' losses among the step's negatives."""
        negatives = self._sampler.draw(step_key)
        bias = jnp.asarray(self._log_frequency - self._sampler.log_expected)
        rows, ids = (table, answers) if words is None else (table[words], words[answers])
        scores = (expected * _vectors(rows, answers)).sum(-1) + bias[ids]
        return sampled_cross_entropy(
            expected.reshape(-1, expected.shape[-1]),
            scores.reshape(-1),
            table[negatives],
            bias[negatives],
            ids.reshape(-1),
            negatives,
            counts.reshape(-1).astype(jnp.float32),
        )

    def _exact(
        self, expected: Array, answers: Array, counts: Array, table: Array, words: Array | None
    ) -> Array:
        """The loss of each answer among all words, [directions, time, batch]; 0 at padding."""
        ids = answers if words is None else words[answers]

        def loss(expected_and_answer: tuple[Array, Array]) -> Array:
            vector, answer = expected_and_answer
            scores = table @ vector + jnp.asarray(self._log_frequency)
            return jax.nn.logsumexp(scores) - scores[answer]

        flat = expected.reshape(-1, expected.shape[-1]), ids.reshape(-1)
        found = jax.lax.map(loss, flat, batch_size=CHUNK).reshape(ids.shape)
        return jnp.where(counts, found, 0)

    def figures(self, sums: Mapping[str, float]) -> dict[str, float]:
        """Mean loss in nats, and of a validation the perplexity of each direction, ``exp(loss)``."""
        found = {"loss": sums["loss"] / sums["weight"]}
        for direction in DIRECTIONS:
            if f"loss_{direction}" in sums:
                mean = sums[f"loss_{direction}"] / sums[f"weight_{direction}"]
                found[f"perplexity_{direction}"] = math.exp(min(mean, MOST_NATS))
        return found

    def rank(self, figures: Mapping[str, float]) -> tuple[float, ...]:
        """The loss decides."""
        return (-figures["loss"],)


def _vectors(rows: Array, index: Array) -> Array:
    """``rows[index]`` of an index [directions, time, batch]."""
    directions, time, batch = index.shape
    return rows_at(rows, index.reshape(directions * time, batch)).reshape(*index.shape, rows.shape[-1])


def _longer_than_a_word(split: Split) -> Split:
    """The texts that have a next word."""
    longer = split.lengths > 1
    if not longer.any():
        raise DataError(f"no text of split '{split.name}' has two words: there is no next word to predict")
    return split if longer.all() else split.take(np.flatnonzero(longer))


def _some_of(split: Split, tokens: int) -> Split:
    """Texts from all over the split with about as many tokens, one text at least."""
    order = np.random.default_rng(0).permutation(len(split))
    some = np.searchsorted(np.cumsum(split.lengths[order]), tokens) + 1
    return split.take(np.sort(order[:some])) if some < len(split) else split
