"""The forward pass of the recurrence by words: as `recurrence`, with fewer products and more speed.

What it computes is the recurrence of ``rows[index]``; a test compares the two for every cell.

Why it is faster. Equal words have equal projected inputs x W + b, and a batch holds far fewer
distinct words than tokens. So the first layer multiplies each word by W once, as a row of a table,
and `index` says which row stands at a time step. All of them, [directions, time, batch, columns],
would be the largest array of the forward pass; the scan looks up those of one step at a time.
While predicting, the words are the whole vocabulary, and the table is made only once (`kept`).
"""

from operator import itemgetter

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array, lax

from rnncli.models.cells import Carry
from rnncli.models.recurrence import cell_class, initial_carry, recurrence

PROJECTIONS = "projections"  # the collection of Flax variables that `kept` fills and reads


def recurrence_by_word(
    cell: str, projected: Array, index: Array | None, valid: Array, kernel: Array
) -> tuple[Array, Array]:
    """`recurrence` with the cell of a name in `rnncli.settings.model.CELLS`, from zeros.

    With `index`, [directions, time, batch], `projected` holds the rows [rows, columns] that it points
    to, see `as_rows`; without it, the layer reads no words, and `projected` is as in `recurrence`.
    """
    step = cell_class(cell) if index is None else _looking_up(cell, projected)
    steps = (initial_carry(cell, valid, kernel), projected if index is None else index, valid, kernel)
    if jax.default_backend() != "cpu":
        return recurrence(step, *steps)
    # A core reads faster with one direction after the other, whose rows then stay in its cache.
    each = [slice(number, number + 1) for number in range(len(kernel))]
    parts = [recurrence(step, *jax.tree.map(itemgetter(direction), steps)) for direction in each]
    states, last = zip(*parts, strict=True)
    return jnp.concatenate(states), jnp.concatenate(last)


def _looking_up(cell: str, rows: Array) -> type[nn.Module]:
    """The cell, as a module that is given places in `rows` for projected inputs."""

    class LookingUp(nn.Module):
        @nn.compact
        def __call__(self, carry: Carry, index: Array, valid: Array, kernel: Array) -> tuple[Carry, Array]:
            projected = rows_at(rows, index)
            if cell == "gru" and jax.default_backend() == "cpu":
                # For the compiler alone: the zeros stand where nobody reads. Without a branch it merges
                # the look-up into the GRU's equations, which it then computes number by number instead of
                # sixteen at a time; with it, scoring takes a third of the time. Other cells gain nothing.
                projected = lax.cond(valid.any(), lambda row: row, jnp.zeros_like, projected)
            return cell_class(cell)()(carry, projected, valid, kernel)

    return LookingUp


def as_rows(words: Array, index: Array) -> tuple[Array, Array]:
    """Rows of projected words [words, directions, columns], and the index [directions, time, batch] of rows.

    The rows of one word stand one under the other: direction d of word w is ``w * directions + d``.
    """
    _, directions, columns = words.shape
    return words.reshape(-1, columns), index * directions + jnp.arange(directions)[:, None, None]


def rows_at(rows: Array, index: Array) -> Array:
    """``rows[index]`` of rows [rows, size], all of which exist.

    Written so that neither this nor its gradient, which adds up rows, makes the compiler check
    the index or rearrange the large result.
    """
    numbers = lax.GatherDimensionNumbers(offset_dims=(1, 2), collapsed_slice_dims=(), start_index_map=(0,))
    size = rows.shape[-1]
    found = lax.gather(rows, index.reshape(-1, 1), numbers, (1, size), mode="promise_in_bounds")
    return found.reshape(*index.shape, size)


def kept(layer: nn.Module, words: Array) -> Array:
    """The layer's projected words: as given, or from an earlier call.

    Prediction asks for the collection `PROJECTIONS` once, and gives it back with every batch; the
    compiler then leaves the product out whose result nobody reads.
    """
    if layer.has_variable(PROJECTIONS, "words"):
        return jnp.asarray(layer.get_variable(PROJECTIONS, "words"))
    layer.sow(PROJECTIONS, "words", words, reduce_fn=lambda _, new: new)
    return words
