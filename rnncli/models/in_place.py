"""The backward pass of the recurrence in place: as JAX's own, with less memory and more speed.

Of processor time, training the tutorial's model (two directions of 64 units, 200 tokens) gains 32 %
with the LSTM, 30 % with the GRU and 17 % with the simple network, in half to three quarters of the
memory; in one direction 18 % with the LSTM and 32 % with the GRU. `tests/benchmarks/README.md` has
the table. On accelerators it runs as well, and its gain there is unmeasured.

What it computes is exactly back-propagation through time, as JAX derives it from
`rnncli.models.recurrence.recurrence`; a test compares the two for every cell, mask and length.

Why it is faster. Training is bound by memory as much as by arithmetic. Left to itself, JAX stores
every intermediate value of every time step for the backward pass, and fetches each from memory once
more. But a time step takes one row of the projected inputs, adds the state's share and leaves the
sums; the backward pass takes the sums and leaves their gradient, which is that of the projected
inputs as well. All three have the same shape, and each is the last use of the one before it. So one
buffer, [directions, time, batch, columns], holds them all in turn, a row at a time. What else JAX would
have stored, the gates, is computed again from the sums: cheaper than to fetch it. The gradient of U
is one large matrix product at the end rather than a small one a step. Over three time steps::

    forward   t=0: [ x0 | x1 | x2 ]     backward  t=2: [ z0 | z1 | z2 ]     x: projected input x W + b
                     v                                            v         z: sums x W + b + h U
              t=1: [ z0 | x1 | x2 ]               t=1: [ z0 | z1 | d2 ]     d: the loss's gradient by z
                          v                                  v
              t=2: [ z0 | z1 | x2 ]               t=0: [ z0 | d1 | d2 ]
                               v                        v
                   [ z0 | z1 | z2 ]                    [ d0 | d1 | d2 ]

The row at hand is carried from step to step: a loop first writes a row back and only then fetches
the next one. A loop that computes from a row still lying in the buffer that it writes to makes the
compiler copy the whole buffer at every step.

In the code, `d_x` is the gradient of the loss by x, `now` is what a scan hands to a step, and
`before` holds the carry before each step, [directions, time, batch, hidden] each.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from rnncli.models.cells import hold, product
from rnncli.models.recurrence import cell_class, initial_carry
from rnncli.models.word_lookup import recurrence_by_word, rows_at

# Cells and numbers of directions that train with it. In the benchmark's table they gain 14 % of texts per
# second and more; the simple network in one direction gains nothing from 128 units at 400 tokens on, and is
# left to JAX. The benchmark changes this; set it before anything is compiled.
WORTH_IT = {("rnn", 2), ("gru", 1), ("gru", 2), ("lstm", 1), ("lstm", 2)}


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def recurrence_in_place(
    cell: str, projected: Array, index: Array | None, valid: Array, kernel: Array
) -> tuple[Array, Array]:
    """`recurrence_by_word`, to the last bit where nothing is differentiated, with this file's backward pass.

    With a kernel in bfloat16 the buffer is bfloat16 too.
    """
    return recurrence_by_word(cell, projected, index, valid, kernel)


def _forward(
    name: str, projected: Array, index: Array | None, valid: Array, kernel: Array
) -> tuple[tuple[Array, Array], tuple[Any, ...]]:
    """The recurrence, leaving the sums in place of the projected inputs, and each step's carry before it."""
    cell = cell_class(name)

    def step(loop: tuple[Any, ...], now: tuple[Array, Array]) -> tuple[Any, None]:
        (carry, row, buffer, before), (time, following) = loop, now
        sums = cell.sums(row, carry[0], kernel)
        buffer = _replace(buffer, sums, time)
        before = tuple(_replace(kept, part, time) for kept, part in zip(before, carry, strict=True))
        carry = hold(_fetch(valid, time), cell.step(carry, sums), carry)
        return (carry, _fetch(buffer, following).astype(row.dtype), buffer, before), None

    buffer = projected if index is None else rows_at(projected, index)  # [directions, time, batch, columns]
    buffer = buffer.astype(kernel.dtype)
    carry = initial_carry(name, valid, kernel)
    before = tuple(jnp.zeros((*buffer.shape[:-1], part.shape[-1]), part.dtype) for part in carry)
    times = jnp.arange(valid.shape[1])
    following = jnp.minimum(times + 1, times[-1])
    loop = (carry, buffer[:, 0].astype(carry[0].dtype), buffer, before)
    (carry, _, sums, before), _ = lax.scan(step, loop, (times, following))
    states = jnp.concatenate([before[0][:, 1:], carry[0][:, None]], axis=1)
    return (states, carry[0]), (sums, before, projected, index, valid, kernel)


def _backward(
    name: str, residuals: tuple[Any, ...], gradients: tuple[Array, Array]
) -> tuple[Array, None, None, Array]:
    """Back-propagation through time, leaving each step's gradient in place of its sums."""
    cell = cell_class(name)
    buffer, before, projected, index, valid, kernel = residuals
    d_states, d_last = gradients
    directions, hidden, width = kernel.shape

    def step(loop: tuple[Any, ...], now: tuple[Array, Array]) -> tuple[Any, None]:
        (d_carry, sums, buffer), (time, preceding) = loop, now
        d_carry = (d_carry[0] + _fetch(d_states, time), *d_carry[1:])
        zeros = tuple(jnp.zeros_like(part) for part in d_carry)
        now_valid = _fetch(valid, time)
        # Through the cell's equations, where the step was valid, and past them where it was not.
        _, pull = jax.vjp(cell.step, tuple(_fetch(kept, time) for kept in before), sums)
        d_before, d_sums = pull(hold(now_valid, d_carry, zeros))
        d_held = hold(now_valid, zeros, d_carry)
        d_carry = tuple(a + b for a, b in zip(d_before, d_held, strict=True))
        # Through the sums' share of the state, h U.
        d_carry = (d_carry[0] + product(d_sums[..., :width], kernel.swapaxes(1, 2)), *d_carry[1:])
        buffer = _replace(buffer, d_sums, time)
        return (d_carry, _fetch(buffer, preceding).astype(sums.dtype), buffer), None

    times = jnp.arange(valid.shape[1])
    preceding = jnp.maximum(times - 1, 0)
    d_carry = (d_last, *(jnp.zeros_like(d_last) for _ in before[1:]))
    loop = (d_carry, buffer[:, -1].astype(d_last.dtype), buffer)
    (_, _, d_projected), _ = lax.scan(step, loop, (times, preceding), reverse=True)
    # U met the state before each step: its gradient is one product over all time steps and texts.
    states = before[0].reshape(directions, -1, hidden).swapaxes(1, 2)  # [directions, hidden, time * batch]
    d_kernel = product(states, d_projected[..., :width].reshape(directions, -1, width)).astype(kernel.dtype)
    d_projected = d_projected.astype(projected.dtype)
    if index is not None:  # equal rows were stored once: their gradients add up
        (d_projected,) = jax.linear_transpose(partial(rows_at, index=index), projected)(d_projected)
    return d_projected, None, None, d_kernel


recurrence_in_place.defvjp(_forward, _backward)


def _fetch(buffer: Array, time: Array) -> Array:
    return lax.dynamic_index_in_dim(buffer, time, axis=1, keepdims=False)


def _replace(buffer: Array, row: Array, time: Array) -> Array:
    return lax.dynamic_update_index_in_dim(buffer, row.astype(buffer.dtype), time, axis=1)
