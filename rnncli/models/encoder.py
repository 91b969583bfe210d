"""Recurrent layers: a cell scanned over time, in one direction or two, stacked."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.linen.initializers import zeros
from jax import Array

from rnncli.models.cells import CELLS, GRUCell, Weights, gate_scale
from rnncli.models.dropout import dropout
from rnncli.models.recurrence import Inputs, recurrence

# What multiplying the vocabulary by the first layer's weights gives. While these stay as they are, in
# prediction, asking for the collection once and giving it back afterwards saves the work.
PROJECTIONS = "projections"


class Encoder(nn.Module):
    """Layers of one or two directions; each layer reads the states of the one below.

    Attributes:
        cell: ``rnn``, ``lstm`` or ``gru``.
        hidden_size: size of each direction's state.
        num_layers: how many layers.
        bidirectional: whether a second direction reads from the end.
        dropout: share of states dropped between layers while training.
        dtype: see `Layer`.
    """

    cell: str
    hidden_size: int
    num_layers: int
    bidirectional: bool
    dropout: float
    dtype: jnp.dtype | None = None

    @nn.compact
    def __call__(self, inputs: Inputs, valid: Array, dropout_keys: Array | None) -> tuple[Array, Array]:
        """Return the top layer's states [time, batch, directions * hidden] and last states.

        The last states, [batch, directions * hidden], are those after the last step in reading
        order: at the last token forwards, at the first backwards. `dropout_keys` [batch] switch
        dropout on, see `Classifier`.
        """
        for number in range(self.num_layers):
            layer = Layer(self.cell, self.hidden_size, self.bidirectional, self.dtype, name=f"layer_{number}")
            states, last = layer(inputs, valid)
            if number + 1 < self.num_layers:
                keys = (
                    None
                    if dropout_keys is None
                    else jax.vmap(jax.random.fold_in, (0, None))(dropout_keys, number)
                )
                inputs = Inputs(dropout(states, self.dropout, keys))
        return states, last


class Direction(nn.Module):
    """The weights of one direction of a layer.

    Attributes:
        cell: ``rnn``, ``lstm`` or ``gru``.
        hidden_size: size of the state.
    """

    cell: str
    hidden_size: int

    @nn.compact
    def __call__(self, size: int) -> Weights:
        """The weights that read vectors of `size` numbers."""
        width = len(CELLS[self.cell].gate_scales) * self.hidden_size
        kernel = self.param("input_kernel", zeros, (size, width))
        recurrent_kernel = self.param("recurrent_kernel", zeros, (self.hidden_size, width))
        bias = self.param("bias", zeros, (width,))
        recurrent_bias = None
        if self.cell == "gru":
            recurrent_bias = self.param("recurrent_bias", zeros, (self.hidden_size,))
        return Weights(kernel, recurrent_kernel, bias, recurrent_bias)


class Layer(nn.Module):
    """One recurrent layer, both of whose directions are read in one loop.

    Attributes:
        cell, hidden_size, bidirectional: as in `Encoder`.
        dtype: what the loop multiplies and keeps for the reverse pass, adding up in float32; None: the
            weights' own.
    """

    cell: str
    hidden_size: int
    bidirectional: bool
    dtype: jnp.dtype | None = None

    @nn.compact
    def __call__(self, inputs: Inputs, valid: Array) -> tuple[Array, Array]:
        """Return the states [time, batch, directions * hidden] and last states; see `Encoder`."""
        names = ("forward", "backward") if self.bidirectional else ("forward",)
        size = inputs.rows.shape[-1]
        directions = [Direction(self.cell, self.hidden_size, name=name)(size) for name in names]
        weights = jax.tree.map(lambda *parts: jnp.stack(parts), *directions)  # [directions, ...]
        scale = gate_scale(CELLS[self.cell].gate_scales, self.hidden_size)
        recurrent_scale = scale
        projected = jnp.einsum("...e,deg->...dg", inputs.rows, weights.input_kernel * scale)
        projected += weights.bias * scale  # [..., directions, gates * hidden]
        if weights.recurrent_bias is not None:
            projected = GRUCell.with_recurrent_bias(projected, 0.5 * weights.recurrent_bias)
            recurrent_scale = jnp.full_like(scale, 0.5)
        kernel = weights.recurrent_kernel * recurrent_scale
        kernel = kernel.astype(self.dtype or kernel.dtype)
        readers = len(names)
        steps = self._steps(projected, inputs.positions)
        states, last = recurrence(self.cell, steps, _for_readers(valid, readers), kernel)
        states = jnp.concatenate([states[0], *states[1:, ::-1]], axis=-1)
        return states, jnp.concatenate([*last], axis=-1)

    def _steps(self, projected: Array, positions: Array | None) -> Inputs:
        """What each direction reads, in its order: projected inputs of [..., directions, columns]."""
        *_, readers, columns = projected.shape
        if positions is None:
            parts = jnp.moveaxis(projected, -2, 0)  # [directions, time, batch, columns]
            return Inputs(jnp.stack([parts[0], *parts[1:, ::-1]]))
        rows = self._kept(projected).reshape(-1, columns)  # each word has a row a direction
        directions = jnp.arange(readers)[:, None, None]
        return Inputs(rows, _for_readers(positions, readers) * readers + directions)

    def _kept(self, projected: Array) -> Array:
        """The projected words kept from an earlier call, where the collection `PROJECTIONS` is given."""
        if self.has_variable(PROJECTIONS, "words"):
            return jnp.asarray(self.get_variable(PROJECTIONS, "words"))
        self.sow(PROJECTIONS, "words", projected, reduce_fn=lambda _, new: new)
        return projected


def _for_readers(steps: Array, readers: int) -> Array:
    """Steps [time, ...] as they are and, for a second reader, in reverse; [readers, time, ...]."""
    return jnp.stack([steps, steps[::-1]][:readers])
