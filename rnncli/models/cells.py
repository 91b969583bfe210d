"""One step of each recurrent cell, on an input that is already projected.

A cell's equations read ``z = x W + h U + b`` for all gates at once. The part that does not
depend on the state, ``x W + b``, is computed for all steps before the loop, so that only
``h U`` stays inside it.

Gates are computed by one ``tanh``. Since ``sigmoid(z) = (1 + tanh(z / 2)) / 2``, halving the
weights of the sigmoid gates beforehand (`gate_scale`) turns every gate into a tanh, exactly, and
a vectorised tanh costs a fraction of a sigmoid.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import flax.linen as nn
import jax.numpy as jnp
from jax import Array

Carry = tuple[Array, ...]


class Weights(NamedTuple):
    """The weights of a cell that reads vectors of some size.

    Attributes:
        input_kernel: ``W``, [size, gates * hidden].
        recurrent_kernel: ``U``, [hidden, gates * hidden].
        bias: ``b``, [gates * hidden].
        recurrent_bias: the GRU's ``b_hn``, [hidden].
    """

    input_kernel: Array
    recurrent_kernel: Array
    bias: Array
    recurrent_bias: Array | None


class Cell(nn.Module):
    """What all cells share: a step in two halves, of which the reverse pass needs the first's result.

    `gates` adds the state's share to the leading columns of the projected input, and takes the tanh
    of the first of them. `advance` makes the next carry of the gates. The first array of a carry is
    the state.

    Attributes:
        gate_scales: for each gate in the order of the weights, 0.5 for a sigmoid and 1 for a tanh.
        num_carries: arrays of shape [..., batch, hidden] in the carry.
        num_tanh: how many columns, in multiples of the hidden size, `gates` takes the tanh of.
    """

    gate_scales: ClassVar[tuple[float, ...]]
    num_carries: ClassVar[int] = 1
    num_tanh: ClassVar[int]

    def __call__(self, carry: Carry, projected: Array, valid: Array, kernel: Array) -> tuple[Carry, Array]:
        """Advance by one step, where it is valid, and return the carry and the state.

        Args:
            carry: arrays [..., batch, hidden].
            projected: ``x W + b``, scaled, [..., batch, columns].
            valid: [..., batch, 1] booleans; at padding the carry stays as it is.
            kernel: scaled ``U``, [..., hidden, recurrent columns].
        """
        carry = hold(valid, self.advance(self.gates(projected, carry[0], kernel), carry), carry)
        return carry, carry[0]

    @classmethod
    def gates(cls, projected: Array, state: Array, kernel: Array) -> Array:
        """The gates [..., batch, columns]; see `__call__` for the arguments."""
        recurrent = product(state, kernel)
        shared = recurrent.shape[-1]
        sums = jnp.concatenate([projected[..., :shared] + recurrent, projected[..., shared:]], axis=-1)
        squashed = cls.num_tanh * state.shape[-1]
        return jnp.concatenate([jnp.tanh(sums[..., :squashed]), sums[..., squashed:]], axis=-1)

    @classmethod
    def sums_gradient(cls, gates: Array, gradient: Array) -> Array:
        """The gradient of what `gates` took the tanh of, from that of the gates, [..., batch, columns]."""
        squashed = gates.shape[-1] * cls.num_tanh // cls.num_columns()
        inner = gradient[..., :squashed] * (1 - jnp.square(gates[..., :squashed]))
        return jnp.concatenate([inner, gradient[..., squashed:]], axis=-1)

    @classmethod
    def num_columns(cls) -> int:
        """Columns of a projected input, in multiples of the hidden size."""
        return len(cls.gate_scales)

    @staticmethod
    @abstractmethod
    def advance(gates: Array, carry: Carry) -> Carry:
        """The next carry, from the gates [..., batch, columns] and the carry, arrays [..., batch, hidden]."""


class RNNCell(Cell):
    """The simple recurrent network of Elman (1990).

    ``h' = tanh(x W + h U + b)``
    """

    gate_scales: ClassVar[tuple[float, ...]] = (1.0,)
    num_tanh: ClassVar[int] = 1

    @staticmethod
    def advance(gates: Array, carry: Carry) -> Carry:  # noqa: ARG004
        """See `Cell.advance`."""
        return (gates,)


class LSTMCell(Cell):
    """Long short-term memory of Hochreiter & Schmidhuber (1997), with the forget gate of Gers et al. (2000).

    ``i, f, o = sigmoid(x W + h U + b)``, ``g = tanh(x W + h U + b)``, gates in the order i, f, g, o;
    ``c' = f c + i g`` and ``h' = o tanh(c')``. The carry is (h, c).
    """

    gate_scales: ClassVar[tuple[float, ...]] = (0.5, 0.5, 1.0, 0.5)
    num_carries: ClassVar[int] = 2
    num_tanh: ClassVar[int] = 4

    @staticmethod
    def advance(gates: Array, carry: Carry) -> Carry:
        """See `Cell.advance`."""
        i, f, g, o = jnp.split(gates, 4, axis=-1)
        memory = _sigmoid_of(f) * carry[1] + _sigmoid_of(i) * g
        return _sigmoid_of(o) * jnp.tanh(memory), memory


class GRUCell(Cell):
    """Gated recurrent unit of Cho et al. (2014), in the form that applies the reset gate after the product.

    ``r, z = sigmoid(x W + h U + b)``, ``n = tanh(x W_n + b_n + r (h U_n + b_hn))``, gates in the order
    r, z, n; ``h' = (1 - z) n + z h``. Since r comes between the two shares of n, they have a column
    each: a projected input holds r, z, b_hn, n, and the state's share goes to the first three. With
    the recurrent part of n halved beforehand, r multiplies it as ``1 + tanh``.
    """

    gate_scales: ClassVar[tuple[float, ...]] = (0.5, 0.5, 1.0)
    num_tanh: ClassVar[int] = 2

    @classmethod
    def num_columns(cls) -> int:
        """See `Cell.num_columns`."""
        return 4

    @staticmethod
    def with_recurrent_bias(projected: Array, recurrent_bias: Array) -> Array:
        """Insert ``b_hn`` [..., hidden] into ``x W + b`` [..., 3 * hidden], giving [..., 4 * hidden]."""
        hidden = recurrent_bias.shape[-1]
        bias = jnp.broadcast_to(recurrent_bias, (*projected.shape[:-1], hidden))
        return jnp.concatenate([projected[..., : 2 * hidden], bias, projected[..., 2 * hidden :]], axis=-1)

    @staticmethod
    def advance(gates: Array, carry: Carry) -> Carry:
        """See `Cell.advance`."""
        r, z, recurrent, projected = jnp.split(gates, 4, axis=-1)
        n = jnp.tanh(projected + (1 + r) * recurrent)
        return (n + _sigmoid_of(z) * (carry[0] - n),)


CELLS: dict[str, type[Cell]] = {"rnn": RNNCell, "lstm": LSTMCell, "gru": GRUCell}


def hold(valid: Array, new: Carry, old: Carry) -> Carry:
    """`new` where a step is valid, [..., batch, 1], and `old` elsewhere."""
    return tuple(jnp.where(valid, a, b) for a, b in zip(new, old, strict=True))


def sum_dtype(kernel: Array) -> jnp.dtype:
    """What products with `kernel` add up in, and states are kept in: float32 where it is bfloat16."""
    return jnp.promote_types(kernel.dtype, jnp.float32)


def product(left: Array, right: Array) -> Array:
    """The matrix product with factors of `right`'s type and sums of `sum_dtype`."""
    return jnp.matmul(left.astype(right.dtype), right, preferred_element_type=sum_dtype(right))


def gate_scale(scales: Sequence[float], hidden_size: int) -> Array:
    """The factor of every column of a gate kernel, [gates * hidden], from one factor a gate."""
    return jnp.repeat(jnp.asarray(scales, jnp.float32), hidden_size)


def _sigmoid_of(gate: Array) -> Array:
    """The sigmoid of ``z``, given ``tanh(z / 2)``."""
    return 0.5 * gate + 0.5
