"""Recurrent layers: the recurrence in one direction or two, stacked."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from rnncli.models import in_place
from rnncli.models.layers import Learned, dropout
from rnncli.models.recurrence import cell_class, recurrence
from rnncli.settings.model import DIRECTIONS, ModelShape

# The vocabulary multiplied by the first layer's kernel. While the parameters stay as they are, in
# prediction, asking for the collection once and giving it back afterwards saves the work.
PROJECTIONS = "projections"


class Encoder(nn.Module):
    """Layers of one or two directions; each layer reads the states of the one below.

    Attributes:
        shape: of the classifier.
        dtype: see `Layer`.
        seed: see `Learned`.
    """

    shape: ModelShape
    dtype: jnp.dtype | None = None
    seed: int = 0

    @nn.compact
    def __call__(
        self, vectors: Array, index: Array | None, valid: Array, dropout_keys: Array | None = None
    ) -> tuple[Array, Array]:
        """Return the top layer's states [time, batch, directions * hidden] and last states.

        The last states, [batch, directions * hidden], are those after the last step in reading
        order: at the last token forwards, at the first backwards.

        Args:
            vectors: what is read at each step, [time, batch, size]; with `index`, distinct vectors
                [rows, size].
            index: which of the distinct vectors stands at each step, [time, batch]; or None.
            valid: [time, batch, 1] booleans, False at padding.
            dropout_keys: a key for each text, [batch], while training; see `Classifier`.
        """
        for number in range(self.shape.num_layers):
            layer = Layer(self.shape, self.dtype, self.seed, name=f"layer_{number}")
            states, last = layer(vectors, index, valid)
            keys = dropout_keys
            if keys is not None:
                keys = jax.vmap(jax.random.fold_in, (0, None))(keys, number)
            if number + 1 < self.shape.num_layers:
                vectors, index = dropout(states, self.shape.dropout, keys), None
        return states, last


class Layer(nn.Module):
    """One recurrent layer, whose directions are two readers of one recurrence.

    Attributes:
        shape: of the classifier.
        dtype: what the loop multiplies and keeps for the backward pass, adding up in float32; None:
            the parameters' own.
        seed: see `Learned`.
    """

    shape: ModelShape
    dtype: jnp.dtype | None = None
    seed: int = 0

    @nn.compact
    def __call__(self, vectors: Array, index: Array | None, valid: Array) -> tuple[Array, Array]:
        """Return the states [time, batch, directions * hidden] and last states; see `Encoder`."""
        cell, readers = self.shape.cell, self.shape.num_directions
        each = [
            Learned(self.shape, f"encoder.{self.name}.{direction}", self.seed, name=direction)()
            for direction in DIRECTIONS[:readers]
        ]
        learned = jax.tree.map(lambda *parts: jnp.stack(parts), *each)  # [directions, ...]
        projected = cell_class(cell).project(vectors, learned)  # [..., directions, columns]
        if index is None:
            parts = jnp.moveaxis(projected, -2, 0)  # [directions, time, batch, columns]
            projected = jnp.stack([parts[0], *parts[1:, ::-1]])
        else:
            projected = self._kept(projected).reshape(-1, projected.shape[-1])  # a row a direction a word
            index = _for_readers(index, readers) * readers + jnp.arange(readers)[:, None, None]
        kernel = learned["recurrent_kernel"].astype(self.dtype or learned["recurrent_kernel"].dtype)
        read = in_place.recurrence_in_place if (cell, readers) in in_place.WORTH_IT else recurrence
        states, last = read(cell, projected, index, _for_readers(valid, readers), kernel)
        states = jnp.concatenate([states[0], *states[1:, ::-1]], axis=-1)
        return states, jnp.concatenate([*last], axis=-1)

    def _kept(self, projected: Array) -> Array:
        """The projected words kept from an earlier call, where the collection `PROJECTIONS` is given."""
        if self.has_variable(PROJECTIONS, "words"):
            return jnp.asarray(self.get_variable(PROJECTIONS, "words"))
        self.sow(PROJECTIONS, "words", projected, reduce_fn=lambda _, new: new)
        return projected


def _for_readers(steps: Array, readers: int) -> Array:
    """Steps [time, ...] as they are and, for a second reader, in reverse; [readers, time, ...]."""
    return jnp.stack([steps, steps[::-1]][:readers])
