"""The loop over time, with a reverse pass of its own that works in place.

Training is bound by memory as much as by arithmetic: at every step the loop takes one row of the
projected inputs and leaves behind the gates for the reverse pass, which in turn leaves behind the
gradient of that row. All three have the same shape, and each is the last use of the one before it.
So one buffer, [readers, time, batch, columns], holds them all in turn, a row at a time.

The row at hand is carried from step to step: the loop first writes a row back and only then
fetches the next one. A loop that computes from a row still lying in the buffer that it writes to
makes the compiler copy the whole buffer at every step.
"""

from functools import partial
from operator import itemgetter
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array, lax

from rnncli.models.cells import CELLS, Carry, hold, product, sum_dtype


class Inputs(NamedTuple):
    """Vectors over time, with equal vectors stored once.

    Attributes:
        rows: distinct vectors, [rows, size].
        positions: which row stands at each step, [..., time, batch]. None says that ``rows`` holds
            every step itself, [..., time, batch, size].
    """

    rows: Array
    positions: Array | None = None

    def at_each_step(self) -> Array:
        """The vectors written out, [..., time, batch, size]."""
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


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def recurrence(cell_name: str, projected: Inputs, valid: Array, kernel: Array) -> tuple[Array, Array]:
    """Read sequences step by step with a cell, once for each of one or two readers with own weights.

    Args:
        cell_name: a name in `CELLS`.
        projected: the columns of the cell's gates without the state's share, of
            [readers, time, batch, columns].
        valid: [readers, time, batch, 1] booleans, False at padding, where the carry stays as it is.
        kernel: what the state is multiplied by, [readers, hidden, recurrent columns]. In bfloat16 it
            makes the products, and what is kept for the reverse pass, bfloat16 too.

    Returns:
        The states [readers, time, batch, hidden] and the states after the last step,
        [readers, batch, hidden].
    """
    scan = nn.scan(
        Step,
        variable_broadcast="params",
        split_rngs={"params": False},
        in_axes=(1, 1, nn.broadcast, nn.broadcast),
        out_axes=1,
    )
    rows, steps = projected if projected.positions is not None else (None, projected.rows)
    start = _initial_carry(cell_name, valid, kernel)

    def read(readers: slice) -> tuple[Array, Array]:
        part = jax.tree.map(itemgetter(readers), (start, steps, valid))
        step = scan(cell_name, parent=None)
        carry, states = cast(Any, step.apply({}, *part, rows, kernel[readers]))
        return states, carry[0]

    if jax.default_backend() != "cpu":
        return read(slice(None))
    # A core reads faster with one reader after the other, whose rows then stay in its cache.
    parts = [read(slice(number, number + 1)) for number in range(len(kernel))]
    states, last = zip(*parts, strict=True)
    return jnp.concatenate(states), jnp.concatenate(last)


def _forward(
    cell_name: str, projected: Inputs, valid: Array, kernel: Array
) -> tuple[tuple[Array, Array], tuple[Any, ...]]:
    """`recurrence`, leaving the gates in place of the projected inputs, and the carries before each step."""
    cell = CELLS[cell_name]

    def step(loop: tuple[Any, ...], now: tuple[Array, Array]) -> tuple[Any, None]:
        (carry, row, buffer, before), (time, following) = loop, now
        gates = cell.gates(row, carry[0], kernel)
        buffer = _replace(buffer, gates, time)
        before = tuple(_replace(kept, part, time) for kept, part in zip(before, carry, strict=True))
        carry = hold(_fetch(valid, time), cell.advance(gates, carry), carry)
        return (carry, _fetch(buffer, following).astype(row.dtype), buffer, before), None

    buffer = projected.at_each_step().astype(kernel.dtype)
    carry = _initial_carry(cell_name, valid, kernel)
    before = tuple(jnp.zeros((*buffer.shape[:-1], part.shape[-1]), part.dtype) for part in carry)
    times = jnp.arange(valid.shape[1])
    following = jnp.minimum(times + 1, times[-1])
    loop = (carry, buffer[:, 0].astype(carry[0].dtype), buffer, before)
    (carry, _, gates, before), _ = lax.scan(step, loop, (times, following))
    states = jnp.concatenate([before[0][:, 1:], carry[0][:, None]], axis=1)
    return (states, carry[0]), (gates, before, projected, valid, kernel)


def _backward(
    cell_name: str, residuals: tuple[Any, ...], gradients: tuple[Array, Array]
) -> tuple[Inputs, None, Array]:
    """Back-propagation through time, leaving each step's gradient in place of its gates."""
    cell = CELLS[cell_name]
    buffer, before, projected, valid, kernel = residuals
    d_states, d_last = gradients
    readers, hidden, columns = kernel.shape

    def step(loop: tuple[Any, ...], now: tuple[Array, Array]) -> tuple[Any, None]:
        (d_carry, gates, buffer), (time, preceding) = loop, now
        d_carry = (d_carry[0] + _fetch(d_states, time), *d_carry[1:])
        none = tuple(jnp.zeros_like(part) for part in d_carry)
        now_valid = _fetch(valid, time)
        _, pull = jax.vjp(cell.advance, gates, tuple(_fetch(kept, time) for kept in before))
        d_gates, d_before = pull(hold(now_valid, d_carry, none))
        d_sums = cell.sums_gradient(gates, d_gates)
        d_held = hold(now_valid, none, d_carry)
        d_carry = tuple(a + b for a, b in zip(d_before, d_held, strict=True))
        d_carry = (d_carry[0] + product(d_sums[..., :columns], kernel.swapaxes(1, 2)), *d_carry[1:])
        buffer = _replace(buffer, d_sums, time)
        return (d_carry, _fetch(buffer, preceding).astype(gates.dtype), buffer), None

    times = jnp.arange(valid.shape[1])
    preceding = jnp.maximum(times - 1, 0)
    d_carry = (d_last, *(jnp.zeros_like(d_last) for _ in before[1:]))
    loop = (d_carry, buffer[:, -1].astype(d_last.dtype), buffer)
    (_, _, d_projected), _ = lax.scan(step, loop, (times, preceding), reverse=True)
    states = before[0].reshape(readers, -1, hidden).swapaxes(1, 2)
    d_kernel = product(states, d_projected[..., :columns].reshape(readers, -1, columns)).astype(kernel.dtype)
    d_projected = d_projected.astype(projected.rows.dtype)
    if projected.positions is None:
        return Inputs(d_projected), None, d_kernel
    add_up = jax.linear_transpose(partial(rows_at, positions=projected.positions), projected.rows)
    return Inputs(*add_up(d_projected)), None, d_kernel


recurrence.defvjp(_forward, _backward)


def _initial_carry(cell_name: str, valid: Array, kernel: Array) -> Carry:
    readers, hidden, _ = kernel.shape
    zeros = jnp.zeros((readers, valid.shape[2], hidden), sum_dtype(kernel))
    return (zeros,) * CELLS[cell_name].num_carries


def _fetch(buffer: Array, time: Array) -> Array:
    return lax.dynamic_index_in_dim(buffer, time, axis=1, keepdims=False)


def _replace(buffer: Array, row: Array, time: Array) -> Array:
    return lax.dynamic_update_index_in_dim(buffer, row.astype(buffer.dtype), time, axis=1)
