"""The jitted forward pass for many texts: length-sorted batches over all devices."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from rnncli.data.batching import pad, plan_epoch, round_up
from rnncli.models.parameters import nested
from rnncli.settings.model import ModelShape
from rnncli.system.jax_setup import data_mesh, start_jax

BATCH_SIZE = 1024
WIDTHS = 4


class JittedForward:
    """The classifier as compiled programs, one for each of a few padded lengths."""

    def __init__(
        self, model: ModelShape, learned: Mapping[str, NDArray[np.float32]], max_length: int
    ) -> None:
        """Start JAX and copy the parameters to its devices.

        Args:
            model: the classifier's shape.
            learned: its parameters by name, as in `rnncli.inference.model_folder`.
            max_length: the length of the longest text to come.
        """
        start_jax()
        import jax
        from jax.sharding import NamedSharding, PartitionSpec

        from rnncli.models.classifier import Classifier
        from rnncli.models.encoder import PROJECTIONS

        classifier = Classifier(model)
        mesh = data_mesh(BATCH_SIZE)
        self._num_outputs = model.num_outputs
        self._widths = tuple(
            sorted({round_up(-(-max_length * part // WIDTHS)) for part in range(1, WIDTHS + 1)})
        )
        self._split = NamedSharding(mesh, PartitionSpec("data"))
        params = jax.device_put(nested(learned), NamedSharding(mesh, PartitionSpec()))
        project = jax.jit(classifier.apply, static_argnames="mutable")
        _, projections = project({"params": params}, np.zeros((1, 1), np.int32), mutable=(PROJECTIONS,))
        self._variables = {"params": params, **projections}
        self._put = jax.device_put
        self._forward = jax.jit(classifier.apply)

    def __call__(self, token_ids: Sequence[NDArray[np.int32]]) -> NDArray[np.float32]:
        """Logits [batch, num_outputs] of texts no longer than `max_length`, in their order."""
        lengths = np.array([len(ids) for ids in token_ids], np.int32)
        logits = np.empty((len(token_ids), self._num_outputs), np.float32)
        results = []
        for plan in plan_epoch(lengths, BATCH_SIZE, self._widths, None):
            batch = self._put(pad(token_ids, plan.rows, plan.width, BATCH_SIZE), self._split)
            results.append((plan.rows, self._forward(self._variables, batch)))
        for rows, result in results:
            logits[rows] = np.asarray(result)[: len(rows)]
        return logits
