"""Recurrent layers: a cell scanned over time, in one direction or two, stacked."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from rnncli.models.cells import CELLS, GRUCell, gate_scale
from rnncli.models.dropout import dropout
from rnncli.models.recurrence import Inputs, recurrence

# What multiplying the vocabulary by the first layer's weights gives. While these stay as they are, in
# prediction, asking for the collection once and giving it back afterwards saves the work.
PROJECTIONS = "projections"


class Direction(nn.Module):
    """One cell read over time in one direction.

    Attributes:
        cell: ``rnn``, ``lstm`` or ``gru``.
        hidden_size: size of the state.
        reverse: read from the last step to the first.
    """

    cell: str
    hidden_size: int
    reverse: bool = False

    @nn.compact
    def __call__(self, inputs: Inputs, valid: Array) -> tuple[Array, Array]:
        """Return the states [time, batch, hidden] and the state after the last step read [batch, hidden].

        Args:
            inputs: what is read, of [time, batch, size].
            valid: [time, batch, 1] booleans, False at padding, which may stand on either side.
        """
        cell = CELLS[self.cell]
        width = len(cell.gate_scales) * self.hidden_size
        size = inputs.rows.shape[-1]
        kernel = self.param("input_kernel", nn.initializers.glorot_uniform(), (size, width))
        # Orthogonal over all gates together (Saxe et al. 2014), which keeps each gate's part small; gate
        # by gate, the parts are twice as large, and on IMDB the first epoch learns next to nothing.
        recurrent_kernel = self.param(
            "recurrent_kernel", nn.initializers.orthogonal(), (self.hidden_size, width)
        )
        bias = self.param("bias", _initial_bias(self.cell), (width,))

        scale = gate_scale(cell.gate_scales, self.hidden_size)
        recurrent_scale = scale
        projected = inputs.rows @ (kernel * scale) + bias * scale
        if cell is GRUCell:
            recurrent_bias = self.param("recurrent_bias", nn.initializers.zeros, (self.hidden_size,))
            projected = GRUCell.with_recurrent_bias(projected, 0.5 * recurrent_bias)
            recurrent_scale = jnp.full_like(scale, 0.5)
        if inputs.positions is not None:
            projected = self._kept(projected)
        weights = recurrent_kernel * recurrent_scale
        return recurrence(self.cell, self.reverse, inputs._replace(rows=projected), valid, weights)

    def _kept(self, projected: Array) -> Array:
        """The projected words kept from an earlier call, where the collection `PROJECTIONS` is given."""
        if self.has_variable(PROJECTIONS, "words"):
            return jnp.asarray(self.get_variable(PROJECTIONS, "words"))
        self.sow(PROJECTIONS, "words", projected, reduce_fn=lambda _, new: new)
        return projected


class Encoder(nn.Module):
    """Layers of one or two directions; each layer reads the states of the one below.

    Attributes:
        cell: ``rnn``, ``lstm`` or ``gru``.
        hidden_size: size of each direction's state.
        num_layers: how many layers.
        bidirectional: whether a second direction reads from the end.
        dropout: share of states dropped between layers while training.
    """

    cell: str
    hidden_size: int
    num_layers: int
    bidirectional: bool
    dropout: float

    @nn.compact
    def __call__(self, inputs: Inputs, valid: Array, dropout_keys: Array | None) -> tuple[Array, Array]:
        """Return the top layer's states [time, batch, directions * hidden] and last states.

        The last states, [batch, directions * hidden], are those after the last step in reading
        order: at the last token forwards, at the first backwards. `dropout_keys` [batch] switch
        dropout on, see `Classifier`.
        """
        for number in range(self.num_layers):
            layer = Layer(self.cell, self.hidden_size, self.bidirectional, name=f"layer_{number}")
            states, last = layer(inputs, valid)
            if number + 1 < self.num_layers:
                keys = (
                    None
                    if dropout_keys is None
                    else jax.vmap(jax.random.fold_in, (0, None))(dropout_keys, number)
                )
                inputs = Inputs(dropout(states, self.dropout, keys))
        return states, last


class Layer(nn.Module):
    """One recurrent layer; attributes as in `Encoder`."""

    cell: str
    hidden_size: int
    bidirectional: bool

    @nn.compact
    def __call__(self, inputs: Inputs, valid: Array) -> tuple[Array, Array]:
        """Return the states [time, batch, directions * hidden] and last states; see `Encoder`."""
        states, last = Direction(self.cell, self.hidden_size, name="forward")(inputs, valid)
        if not self.bidirectional:
            return states, last
        backward = Direction(self.cell, self.hidden_size, reverse=True, name="backward")
        backward_states, backward_last = backward(inputs, valid)
        return (
            jnp.concatenate([states, backward_states], axis=-1),
            jnp.concatenate([last, backward_last], axis=-1),
        )


def _initial_bias(cell: str) -> nn.initializers.Initializer:
    """Zeros, but 1 for the LSTM's forget gate, so that it remembers at first (Jozefowicz et al. 2015)."""

    def initialise(_key: Array, shape: tuple[int], dtype: jnp.dtype = jnp.float32) -> Array:
        bias = jnp.zeros(shape, dtype)
        hidden = shape[0] // 4
        return bias.at[hidden : 2 * hidden].set(1) if cell == "lstm" else bias

    return initialise
