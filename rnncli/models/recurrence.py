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
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array, lax

from rnncli.models.cells import CELLS, Carry, hold


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def recurrence(
    cell_name: str, reverse: bool, projected: Array, valid: Array, kernel: Array
) -> tuple[Array, Array]:
    """Read a sequence with a cell.

    Args:
        cell_name: a name in `CELLS`.
        reverse: read from the last step to the first.
        projected: the columns of the cell's gates without the state's share, [time, batch, columns].
        valid: [time, batch, 1] booleans, False at padding, where the carry stays as it is.
        kernel: what the state is multiplied by, [hidden, recurrent columns].

    Returns:
        The states [time, batch, hidden] and the state after the last step read, [batch, hidden].
    """
    scan = nn.scan(
        CELLS[cell_name],
        variable_broadcast="params",
        split_rngs={"params": False},
        in_axes=(0, 0, nn.broadcast),
        reverse=reverse,
    )
    start = _initial_carry(cell_name, projected, kernel)
    carry, states = scan(parent=None).apply({}, start, projected, valid, kernel)
    return states, carry[0]


def _forward(
    cell_name: str, reverse: bool, projected: Array, valid: Array, kernel: Array
) -> tuple[tuple[Array, Array], tuple[Any, ...]]:
    """`recurrence`, leaving the gates in place of the projected inputs, and the carries before each step."""
    cell = CELLS[cell_name]

    def step(loop: tuple[Carry, Array, Array], now: tuple[Array, ...]) -> tuple[Any, Carry]:
        (carry, row, buffer), (time, following, valid) = loop, now
        gates = cell.gates(row, carry[0], kernel)
        buffer = _replace(buffer, gates, time)
        return (hold(valid, cell.advance(gates, carry), carry), _fetch(buffer, following), buffer), carry

    times, following = _order(len(projected), reverse)
    start = _initial_carry(cell_name, projected, kernel)
    loop = (start, projected[-1 if reverse else 0], projected)
    (carry, _, gates), before = lax.scan(step, loop, (times, following, valid), reverse=reverse)
    last = carry[0][None]
    parts = (last, before[0][:-1]) if reverse else (before[0][1:], last)
    return (jnp.concatenate(parts), carry[0]), (gates, before, valid, kernel)


def _backward(
    cell_name: str, reverse: bool, residuals: tuple[Any, ...], gradients: tuple[Array, Array]
) -> tuple[Array, None, Array]:
    """Back-propagation through time, leaving each step's gradient in place of its gates."""
    cell = CELLS[cell_name]
    buffer, before, valid, kernel = residuals
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
    return d_projected, None, d_kernel


recurrence.defvjp(_forward, _backward)


def _initial_carry(cell_name: str, projected: Array, kernel: Array) -> Carry:
    zeros = jnp.zeros((projected.shape[1], kernel.shape[0]), projected.dtype)
    return (zeros,) * CELLS[cell_name].num_carries


def _order(length: int, reverse: bool) -> tuple[Array, Array]:
    """The steps' times and for each the time to be read next, both [length]."""
    times = jnp.arange(length, dtype=jnp.int32)
    return times, jnp.maximum(times - 1, 0) if reverse else jnp.minimum(times + 1, length - 1)


def _fetch(buffer: Array, time: Array) -> Array:
    return lax.dynamic_index_in_dim(buffer, time, keepdims=False)


def _replace(buffer: Array, row: Array, time: Array) -> Array:
    return lax.dynamic_update_index_in_dim(buffer, row, time, 0)
