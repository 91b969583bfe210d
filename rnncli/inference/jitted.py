"""The jitted forward pass for many texts: length-sorted batches over all devices."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from rnncli.data.batching import pad, pad_evidence, plan_epoch, round_up
from rnncli.settings.model import ModelShape
from rnncli.system.jax_setup import data_mesh, start_jax
from rnncli.text.ngrams import NgramTable, Texts

BATCH_SIZE = 1024
# With evidence each time step's inputs are projected by themselves: so many numbers of a batch, 256 MiB.
MOST_PROJECTED = 1 << 26
WIDTHS = 4

Forward = Callable[[Sequence[NDArray[np.int32]]], NDArray[np.float32]]


def jitted_forward(
    model: ModelShape,
    learned: Mapping[str, NDArray[np.float32]],
    max_length: int,
    ngrams: NgramTable | None = None,
) -> Forward:
    """Start JAX, copy the parameters to its devices, and return the classifier as compiled programs.

    There is one program for each of a few padded lengths.

    Args:
        model: the classifier's shape.
        learned: its parameters by name, as in `rnncli.inference.model_folder`.
        max_length: the length of the longest text to come.
        ngrams: the table of a model that reads evidence.

    Returns:
        A function from texts, as token ids, to their logits [texts, num_outputs], in their order.
    """
    start_jax()
    import jax
    from flax.traverse_util import unflatten_dict
    from jax.sharding import NamedSharding, PartitionSpec

    from rnncli.models.classifier import Classifier
    from rnncli.models.word_lookup import PROJECTIONS

    size = BATCH_SIZE if ngrams is None else _batch_size(model, max_length)
    mesh = data_mesh(size, local=True)  # the first of several processes scores alone
    split, whole = NamedSharding(mesh, PartitionSpec("data")), NamedSharding(mesh, PartitionSpec())
    params = jax.device_put(unflatten_dict(learned, sep="."), whole)
    apply = jax.jit(Classifier(model).apply, static_argnames="mutable")
    _, projections = apply({"params": params}, np.zeros((1, 1), np.int32), mutable=(PROJECTIONS,))
    variables = {"params": params, **projections}
    widths = tuple(sorted({round_up(-(-max_length * part // WIDTHS)) for part in range(1, WIDTHS + 1)}))

    def forward(token_ids: Sequence[NDArray[np.int32]]) -> NDArray[np.float32]:
        lengths = np.array([len(ids) for ids in token_ids], np.int32)
        logits = np.empty((len(token_ids), model.num_outputs), np.float32)
        results = []
        for plan in plan_epoch(lengths, size, widths, None):
            positions = pad(token_ids, plan.rows, plan.width, size)
            evidence = None
            if ngrams is not None:
                texts = Texts.of([token_ids[row] for row in plan.rows])
                evidence = pad_evidence(
                    ngrams.evidence(texts), texts.offsets, range(len(plan.rows)), *positions.shape
                )
            batch = jax.device_put((positions, evidence), split)
            results.append((plan.rows, apply(variables, batch[0], evidence=batch[1])))
        for rows, result in results:
            logits[rows] = np.asarray(result)[: len(rows)]
        return logits

    return forward


def _batch_size(model: ModelShape, max_length: int) -> int:
    """The greatest power of two of texts whose projected inputs stay below `MOST_PROJECTED`, or 8."""
    columns = 4 * model.hidden_size * model.num_directions
    size = BATCH_SIZE
    while size > 8 and size * max_length * columns > MOST_PROJECTED:
        size //= 2
    return size
