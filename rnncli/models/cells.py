"""The recurrent cells: one step of each, as its equations.

Every cell reads a vector x and its own last state h, and its equations begin with sums for all of
its gates at once::

    z = x W + b + h U        W: [input, gates * hidden], U: [hidden, gates * hidden], b: [gates * hidden]

They lie side by side, each `hidden` columns wide. The GRU has three gates but four sums, since what h
and x say to its third gate is not yet added: ``n_of_h = b_hn + h U_n``, ``n_of_x = x W_n + b_n``::

    RNN  | h |        LSTM  | i | f | g | o |        GRU  | r | z | n_of_h | n_of_x |

What a cell does with these sums is its `step`, below; read those of `LSTMCell` and `GRUCell` first.
`Cell` holds what all cells share. ``x W + b`` does not depend on the state and is therefore computed
for all time steps before the loop (`Cell.project`); only ``h U`` stays inside it.
"""

from collections.abc import Mapping

import flax.linen as nn
import jax.numpy as jnp
from jax import Array

Carry = tuple[Array, ...]


def sigmoid(z: Array) -> Array:
    """``1 / (1 + exp(-z))``, as ``(1 + tanh(z / 2)) / 2``.

    The two are equal. On a processor the vectorised tanh takes a fraction of the time of an
    exponential and a division, and it cannot overflow.
    """
    return 0.5 * jnp.tanh(0.5 * z) + 0.5


class Cell(nn.Module):
    """What all cells share: a time step is `sums`, then `step`, and padding leaves the carry as it was.

    The carry is a tuple of arrays [..., batch, hidden], the first of which is the state h.
    """

    def __call__(self, carry: Carry, projected: Array, valid: Array, kernel: Array) -> tuple[Carry, Array]:
        """Advance by one time step, and return the carry and the state.

        Args:
            carry: arrays [..., batch, hidden].
            projected: ``x W + b`` as `project` gives it, [..., batch, columns].
            valid: [..., batch, 1] booleans, False at padding.
            kernel: ``U``, [..., hidden, gates * hidden].
        """
        carry = hold(valid, self.step(carry, self.sums(projected, carry[0], kernel)), carry)
        return carry, carry[0]

    @staticmethod
    def project(vectors: Array, learned: Mapping[str, Array]) -> Array:
        """``x W + b`` of vectors [..., input] for each direction's parameters, [..., directions, columns]."""
        return jnp.einsum("...e,deg->...dg", vectors, learned["input_kernel"]) + learned["bias"]

    @staticmethod
    def sums(projected: Array, state: Array, kernel: Array) -> Array:
        """``x W + b + h U``, [..., batch, columns]; the columns after those of U are x's alone."""
        from_state = product(state, kernel)  # [..., batch, gates * hidden]
        shared = from_state.shape[-1]
        return jnp.concatenate([projected[..., :shared] + from_state, projected[..., shared:]], axis=-1)

    @staticmethod
    def step(carry: Carry, sums: Array) -> Carry:
        """The equations: the next carry, from this one and the sums [..., batch, columns]."""
        raise NotImplementedError


class RNNCell(Cell):
    """The simple recurrent network of Elman (1990): ``h' = tanh(x W + b + h U)``."""

    @staticmethod
    def step(carry: Carry, sums: Array) -> Carry:  # noqa: ARG004
        """The next carry (h,)."""
        return (jnp.tanh(sums),)


class LSTMCell(Cell):
    """Long short-term memory of Hochreiter & Schmidhuber (1997), with the forget gate of Gers et al. (2000).

    The memory c is added to and faded rather than rewritten, so that gradients survive many steps. The
    input gate i decides what is written, the forget gate f what is kept, the output gate o what is shown.
    """

    @staticmethod
    def step(carry: Carry, sums: Array) -> Carry:
        """The next carry (h, c)."""
        _, c = carry  # each [..., batch, hidden]; h has done its part in the sums
        i, f, g, o = jnp.split(sums, 4, axis=-1)
        c = sigmoid(f) * c + sigmoid(i) * jnp.tanh(g)
        h = sigmoid(o) * jnp.tanh(c)
        return h, c


class GRUCell(Cell):
    """Gated recurrent unit of Cho et al. (2014), with the reset gate applied after the product with U.

    The candidate is ``n = tanh(x W_n + b_n + r (h U_n + b_hn))``. Its two shares meet only after the
    reset gate r has weakened the state's, so that each has a column of the sums. This is the form of
    cuDNN, PyTorch and Keras; the paper's own takes ``(r h) U_n``.
    """

    @staticmethod
    def step(carry: Carry, sums: Array) -> Carry:
        """The next carry (h,)."""
        (h,) = carry  # [..., batch, hidden]
        r, z, n_of_h, n_of_x = jnp.split(sums, 4, axis=-1)
        n = jnp.tanh(n_of_x + sigmoid(r) * n_of_h)
        z = sigmoid(z)
        return ((1 - z) * n + z * h,)

    @staticmethod
    def project(vectors: Array, learned: Mapping[str, Array]) -> Array:
        """As `Cell.project`, with ``b_hn`` as the column to which the sums add ``h U_n``."""
        projected = Cell.project(vectors, learned)  # [..., directions, 3 * hidden]
        *leading, width = projected.shape
        r_z, n_of_x = jnp.split(projected, [2 * width // 3], axis=-1)
        n_of_h = jnp.broadcast_to(learned["recurrent_bias"], (*leading, width // 3))
        return jnp.concatenate([r_z, n_of_h, n_of_x], axis=-1)  # [..., directions, 4 * hidden]


def hold(valid: Array, new: Carry, old: Carry) -> Carry:
    """`new` where a time step is valid, [..., batch, 1], and `old` at padding."""
    return tuple(jnp.where(valid, a, b) for a, b in zip(new, old, strict=True))


def sum_dtype(kernel: Array) -> jnp.dtype:
    """What products with `kernel` add up in, and states are kept in: float32 where it is bfloat16."""
    return jnp.promote_types(kernel.dtype, jnp.float32)


def product(left: Array, right: Array) -> Array:
    """The matrix product with factors of `right`'s type and sums of `sum_dtype`."""
    return jnp.matmul(left.astype(right.dtype), right, preferred_element_type=sum_dtype(right))
