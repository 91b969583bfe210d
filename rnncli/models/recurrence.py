"""The loop over time, with a reverse pass of its own that works in place.

Training is bound by memory as much as by arithmetic: at every step the loop takes one row of the
projected inputs and leaves behind the gates for the reverse pass, which in turn leaves behind the
gradient of that row. All three have the same shape, and each is the last use of the one before it.
So one buffer, [time, batch, columns], holds them all in turn, a row at a time.

The row at hand is carried from step to step: the loop first writes a row back and only then
fetches the next one. A loop that computes from a row still lying in the buffer that it writes to
makes the compiler copy the whole buffer at every step.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array, lax

from rnncli.models.cells import CELLS, Carry, hold


class Inputs(NamedTuple):
    """Vectors over time, with equal vectors stored once.

    Attributes:
        rows: distinct vectors, [rows, size].
        positions: which row stands at each step, [time, batch]. None says that ``rows`` holds every
            step itself, [time, batch, size].
    """

    rows: Array
    positions: Array | None = None

    def at_each_step(self) -> Array:
        """The vectors written out, [time, batch, size]."""
        return self.rows if self.positions is None else rows_at(self.rows, self.positions)


def rows_at(rows: Array, positions: Array) -> Array:
    """``rows[positions]`` of rows [rows, size], all of which exist.

    Written so that neither this nor its gradient, which adds up rows, makes the compiler check
    positions or rearrange the large result.
    """
    numbers = lax.GatherDimensionNumbers(offset_dims=(1, 2), collapsed_slice_dims=(), start_index_map=(0,))
    size = rows.shape[-1]
    found = lax.gather(
        rows, positions.reshape(-1, 1), numbers, (1, size), mode=lax.GatherScatterMode.PROMISE_IN_BOUNDS
    )
    return found.reshape(*positions.shape, size)


class Step(nn.Module):
    """What `recurrence` scans: a cell that looks its input up."""

    cell: str

    @nn.compact
    def __call__(
        self, carry: Carry, now: Array, valid: Array, rows: Array | None, kernel: Array
    ) -> tuple[Carry, Array]:
        """Advance by one step; see `Cell`. `now` is the projected input, or its positions in `rows`."""
        projected = now if rows is None else rows_at(rows, now)
        return CELLS[self.cell]()(carry, projected, valid, kernel)


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def recurrence(
    cell: str, reverse: bool, projected: Inputs, valid: Array, kernel: Array
) -> tuple[Array, Array]:
    """Read a sequence with a cell.

    Args:
        cell: a name in `CELLS`.
        reverse: read from the last step to the first.
        projected: the columns of the cell's gates without the state's share, of
            [time, batch, columns].
        valid: [time, batch, 1] booleans, False at padding, where the carry stays as it is.
        kernel: what the state is multiplied by, [hidden, recurrent columns].

    Returns:
        The states [time, batch, hidden] and the state after the last step read, [batch, hidden].
    """
    scan = nn.scan(
        Step,
        variable_broadcast="params",
        split_rngs={"params": False},
        in_axes=(0, 0, nn.broadcast, nn.broadcast),
        reverse=reverse,
    )
    rows, steps = projected if projected.positions is not None else (None, projected.rows)
    start = _initial_carry(cell, valid, kernel)
    carry, states = scan(cell, parent=None).apply({}, start, steps, valid, rows, kernel)
    return states, carry[0]


def _forward(
    cell_name: str, reverse: bool, inputs: Inputs, valid: Array, kernel: Array
) -> tuple[tuple[Array, Array], tuple[Any, ...]]:
    """`recurrence`, leaving the gates in place of the projected inputs, and the carries before each step."""
    cell = CELLS[cell_name]

    def step(loop: tuple[Carry, Array, Array], now: tuple[Array, ...]) -> tuple[Any, Carry]:
        (carry, row, buffer), (time, following, valid) = loop, now
        gates = cell.gates(row, carry[0], kernel)
        buffer = _replace(buffer, gates, time)
        return (hold(valid, cell.advance(gates, carry), carry), _fetch(buffer, following), buffer), carry

    projected = inputs.at_each_step()
    times, following = _order(len(projected), reverse)
    loop = (_initial_carry(cell_name, valid, kernel), projected[-1 if reverse else 0], projected)
    (carry, _, gates), before = lax.scan(step, loop, (times, following, valid), reverse=reverse)
    last = carry[0][None]
    parts = (last, before[0][:-1]) if reverse else (before[0][1:], last)
    return (jnp.concatenate(parts), carry[0]), (gates, before, inputs, valid, kernel)


def _backward(
    cell_name: str, reverse: bool, residuals: tuple[Any, ...], gradients: tuple[Array, Array]
) -> tuple[Inputs, None, Array]:
    """Back-propagation through time, leaving each step's gradient in place of its gates."""
    cell = CELLS[cell_name]
    buffer, before, inputs, valid, kernel = residuals
    d_states, d_last = gradients

    def step(loop: tuple[Carry, Array, Array], now: tuple[Any, ...]) -> tuple[Any, None]:
        (d_carry, gates, buffer), (time, following, valid, d_state, carry) = loop, now
        d_carry = (d_carry[0] + d_state, *d_carry[1:])
        _, pull = jax.vjp(cell.advance, gates, carry)
        none = tuple(jnp.zeros_like(part) for part in d_carry)
        d_gates, d_before = pull(hold(valid, d_carry, none))
        d_sums = cell.sums_gradient(gates, d_gates)
        d_state = d_sums[:, : kernel.shape[1]] @ kernel.T
        d_held = hold(valid, none, d_carry)
        d_carry = tuple(a + b for a, b in zip(d_before, d_held, strict=True))
        buffer = _replace(buffer, d_sums, time)
        return ((d_carry[0] + d_state, *d_carry[1:]), _fetch(buffer, following), buffer), None

    times, following = _order(len(buffer), not reverse)
    zeros = jnp.zeros_like(d_last)
    loop = ((d_last, *(zeros,) * (cell.num_carries - 1)), buffer[0 if reverse else -1], buffer)
    steps = (times, following, valid, d_states, before)
    (_, _, d_projected), _ = lax.scan(step, loop, steps, reverse=not reverse)
    hidden, columns = kernel.shape
    d_kernel = before[0].reshape(-1, hidden).T @ d_projected[..., :columns].reshape(-1, columns)
    if inputs.positions is None:
        return Inputs(d_projected), None, d_kernel
    add_up = jax.linear_transpose(partial(rows_at, positions=inputs.positions), inputs.rows)
    return Inputs(*add_up(d_projected)), None, d_kernel


recurrence.defvjp(_forward, _backward)


def _initial_carry(cell_name: str, valid: Array, kernel: Array) -> Carry:
    zeros = jnp.zeros((valid.shape[1], kernel.shape[0]), kernel.dtype)
    return (zeros,) * CELLS[cell_name].num_carries


def _order(length: int, reverse: bool) -> tuple[Array, Array]:
    """The steps' times and for each the time to be read next, both [length]."""
    times = jnp.arange(length, dtype=jnp.int32)
    return times, jnp.maximum(times - 1, 0) if reverse else jnp.minimum(times + 1, length - 1)


def _fetch(buffer: Array, time: Array) -> Array:
    return lax.dynamic_index_in_dim(buffer, time, keepdims=False)


def _replace(buffer: Array, row: Array, time: Array) -> Array:
    return lax.dynamic_update_index_in_dim(buffer, row, time, 0)
