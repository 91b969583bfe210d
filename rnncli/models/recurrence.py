"""The recurrence: a cell scanned over time. `recurrence` is its definition; JAX differentiates it."""

from operator import itemgetter
from typing import Any, cast

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array, lax

from rnncli.models import cells
from rnncli.models.cells import Carry, Cell, sum_dtype
from rnncli.settings.model import CELLS


def recurrence(
    cell: str, projected: Array, index: Array | None, valid: Array, kernel: Array
) -> tuple[Array, Array]:
    """Read sequences step by step with a cell, once for each of one or two readers with own parameters.

    Equal words have equal projected inputs, which can be stored once: then `index` says which row of
    `projected` stands where, and the loop looks each row up at its time step.

    Args:
        cell: a key of `rnncli.settings.model.CELLS`.
        projected: ``x W + b``: rows [rows, columns] that `index` points to, or, without it, those of
            every time step, [readers, time, batch, columns].
        index: [readers, time, batch] rows of `projected`, or None.
        valid: [readers, time, batch, 1] booleans, False at padding, where the carry stays as it is.
        kernel: ``U``, [readers, hidden, gates * hidden]. In bfloat16 it makes the products bfloat16 too.

    Returns:
        The states [readers, time, batch, hidden] and the states after the last step,
        [readers, batch, hidden].
    """
    scan = nn.scan(
        TimeStep,
        variable_broadcast="params",
        split_rngs={"params": False},
        in_axes=(1, 1, nn.broadcast, nn.broadcast),
        out_axes=1,
    )
    rows, steps = (None, projected) if index is None else (projected, index)
    start = initial_carry(cell, valid, kernel)

    def read(readers: slice) -> tuple[Array, Array]:
        part = jax.tree.map(itemgetter(readers), (start, steps, valid))
        carry, states = cast(Any, scan(cell, parent=None).apply({}, *part, rows, kernel[readers]))
        return states, carry[0]

    if jax.default_backend() != "cpu":
        return read(slice(None))
    # A core reads faster with one reader after the other, whose rows then stay in its cache.
    parts = [read(slice(number, number + 1)) for number in range(len(kernel))]
    states, last = zip(*parts, strict=True)
    return jnp.concatenate(states), jnp.concatenate(last)


class TimeStep(nn.Module):
    """What `recurrence` scans: a cell that looks its input up."""

    cell: str

    @nn.compact
    def __call__(
        self, carry: Carry, now: Array, valid: Array, rows: Array | None, kernel: Array
    ) -> tuple[Carry, Array]:
        """Advance by one step; see `Cell`. `now` is the projected input, or its place in `rows`."""
        projected = now if rows is None else rows_at(rows, now)
        if rows is not None and self.cell == "gru" and jax.default_backend() == "cpu":
            # For the compiler alone: the zeros stand where nobody reads. Without a branch it merges the
            # look-up into the GRU's equations, which it then computes number by number instead of
            # sixteen at a time; with it, scoring takes a third of the time. Other cells gain nothing.
            projected = lax.cond(valid.any(), lambda row: row, jnp.zeros_like, projected)
        return cell_class(self.cell)()(carry, projected, valid, kernel)


def cell_class(cell: str) -> type[Cell]:
    """The cell of that name in `rnncli.settings.model.CELLS`."""
    return getattr(cells, CELLS[cell].class_name)


def initial_carry(cell: str, valid: Array, kernel: Array) -> Carry:
    """Zeros, [readers, batch, hidden] each."""
    readers, hidden, _ = kernel.shape
    zeros = jnp.zeros((readers, valid.shape[2], hidden), sum_dtype(kernel))
    return (zeros,) * len(CELLS[cell].carry)


def rows_at(rows: Array, index: Array) -> Array:
    """``rows[index]`` of rows [rows, size], all of which exist.

    Written so that neither this nor its gradient, which adds up rows, makes the compiler check
    the index or rearrange the large result.
    """
    numbers = lax.GatherDimensionNumbers(offset_dims=(1, 2), collapsed_slice_dims=(), start_index_map=(0,))
    size = rows.shape[-1]
    found = lax.gather(
        rows, index.reshape(-1, 1), numbers, (1, size), mode=lax.GatherScatterMode.PROMISE_IN_BOUNDS
    )
    return found.reshape(*index.shape, size)
