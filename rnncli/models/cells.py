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
from functools import partial
from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

# A gate takes less time to compute again than to store and fetch, so that the backward pass keeps
# only the sums that go into the gates. The loop itself prevents what `prevent_cse` guards against.
_recomputed = partial(jax.checkpoint, prevent_cse=False)


def _sigmoid_of(gate: Array) -> Array:
    """The sigmoid of ``z``, given ``tanh(z / 2)``."""
    return 0.5 * gate + 0.5


class Cell(nn.Module):
    """What all cells share: the scanned step takes a carry, the first of whose arrays is the state.

    Attributes:
        gate_scales: for each gate in the order of the weights, 0.5 for a sigmoid and 1 for a tanh.
        num_carries: arrays of shape [batch, hidden] in the carry.
    """

    gate_scales: ClassVar[tuple[float, ...]]
    num_carries: ClassVar[int] = 1

    @abstractmethod
    def step(
        self, carry: tuple[Array, ...], projected: Array, weights: tuple[Array, ...]
    ) -> tuple[Array, ...]:
        """The next carry from the carry [batch, hidden] and the projected input [batch, gates * hidden]."""

    def __call__(
        self, carry: tuple[Array, ...], projected: Array, valid: Array, weights: tuple[Array, ...]
    ) -> tuple[tuple[Array, ...], Array]:
        """Advance by one step, where it is valid, and return the carry and the state.

        Args:
            carry: arrays [batch, hidden].
            projected: ``x W + b``, scaled, [batch, gates * hidden].
            valid: [batch, 1] booleans; at padding the carry stays as it is.
            weights: scaled ``U``, [hidden, gates * hidden]; for the GRU also ``b_hn``, [hidden].
        """
        advanced = self.step(carry, projected, weights)
        carry = tuple(jnp.where(valid, new, old) for new, old in zip(advanced, carry, strict=True))
        return carry, carry[0]


class RNNCell(Cell):
    """The simple recurrent network of Elman (1990).

    ``h' = tanh(x W + h U + b)``
    """

    gate_scales: ClassVar[tuple[float, ...]] = (1.0,)

    def step(
        self, carry: tuple[Array, ...], projected: Array, weights: tuple[Array, ...]
    ) -> tuple[Array, ...]:
        """See `Cell.step`."""
        (state,), (kernel,) = carry, weights
        return (jnp.tanh(projected + state @ kernel),)


class LSTMCell(Cell):
    """Long short-term memory of Hochreiter & Schmidhuber (1997), with the forget gate of Gers et al. (2000).

    ``i, f, o = sigmoid(x W + h U + b)``, ``g = tanh(x W + h U + b)``, gates in the order i, f, g, o;
    ``c' = f c + i g`` and ``h' = o tanh(c')``. The carry is (h, c).
    """

    gate_scales: ClassVar[tuple[float, ...]] = (0.5, 0.5, 1.0, 0.5)
    num_carries: ClassVar[int] = 2

    def step(
        self, carry: tuple[Array, ...], projected: Array, weights: tuple[Array, ...]
    ) -> tuple[Array, ...]:
        """See `Cell.step`."""
        (state, memory), (kernel,) = carry, weights
        return self._gated(projected + state @ kernel, memory)

    @staticmethod
    @_recomputed
    def _gated(z: Array, memory: Array) -> tuple[Array, Array]:
        i, f, g, o = jnp.split(jnp.tanh(z), 4, axis=-1)
        memory = _sigmoid_of(f) * memory + _sigmoid_of(i) * g
        return _sigmoid_of(o) * jnp.tanh(memory), memory


class GRUCell(Cell):
    """Gated recurrent unit of Cho et al. (2014), in the form that applies the reset gate after the product.

    ``r, z = sigmoid(x W + h U + b)``, ``n = tanh(x W_n + b_n + r (h U_n + b_hn))``, gates in the order
    r, z, n; ``h' = (1 - z) n + z h``. With the recurrent part of n halved beforehand, r multiplies it
    as ``1 + tanh``.
    """

    gate_scales: ClassVar[tuple[float, ...]] = (0.5, 0.5, 1.0)

    def step(
        self, carry: tuple[Array, ...], projected: Array, weights: tuple[Array, ...]
    ) -> tuple[Array, ...]:
        """See `Cell.step`."""
        (state,), (kernel, bias) = carry, weights
        return (self._gated(projected, state @ kernel, bias, state),)

    @staticmethod
    @_recomputed
    def _gated(projected: Array, recurrent: Array, bias: Array, state: Array) -> Array:
        hidden = state.shape[-1]
        r, z = jnp.split(jnp.tanh(projected[:, : 2 * hidden] + recurrent[:, : 2 * hidden]), 2, axis=-1)
        n = jnp.tanh(projected[:, 2 * hidden :] + (1 + r) * (recurrent[:, 2 * hidden :] + bias))
        return n + _sigmoid_of(z) * (state - n)


CELLS: dict[str, type[Cell]] = {"rnn": RNNCell, "lstm": LSTMCell, "gru": GRUCell}


def gate_scale(scales: Sequence[float], hidden_size: int) -> Array:
    """The factor of every column of a gate kernel, [gates * hidden], from one factor a gate."""
    return jnp.repeat(jnp.asarray(scales, jnp.float32), hidden_size)
