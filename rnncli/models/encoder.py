"""Recurrent layers: the recurrence in one direction or two, stacked."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from rnncli.models import in_place
from rnncli.models.layers import Keys, Learned, drop_weights, dropout
from rnncli.models.recurrence import cell_class
from rnncli.models.word_lookup import as_rows, kept, recurrence_by_word, rows_at
from rnncli.settings.model import DIRECTIONS, ModelShape


class Encoder(nn.Module):
    """Layers of one or two directions, each reading the states of the one below; attributes as of `Layer`."""

    shape: ModelShape
    dtype: jnp.dtype | None = None
    seed: int = 0

    @nn.compact
    def __call__(
        self,
        vectors: Array,
        index: Array | None,
        valid: Array,
        keys: Keys | None = None,
        evidence: Array | None = None,
    ) -> tuple[Array, Array]:
        """Return the top layer's states [time, batch, directions * hidden] and last states.

        The last states, [batch, directions * hidden], are those after the last step in reading
        order: at the last token forwards, at the first backwards.

        Args:
            vectors: what each step reads, [time, batch, size]; with `index`, distinct vectors [words, size].
            index: which of the distinct vectors stands at each step, [time, batch]; or None.
            valid: [time, batch, 1] booleans, False at padding.
            keys: the randomness of a training step; without, nothing is dropped.
            evidence: what n-grams say at each step, [time, batch, size], where the model reads it.
        """
        for number in range(self.shape.num_layers):
            layer = Layer(self.shape, self.dtype, self.seed, name=f"layer_{number}")
            key = None
            if keys is not None:  # no word has this number, with which words draw their fate
                key = jax.random.fold_in(keys.step, self.shape.vocab_size + 1 + number)
            states, last = layer(vectors, index, valid, None if number else evidence, key)
            if number + 1 < self.shape.num_layers:
                rows = None
                if keys is not None:
                    rows = jax.vmap(jax.random.fold_in, (0, None))(keys.rows, number)
                vectors, index = dropout(states, self.shape.dropout, rows), None
        return states, last


class Layer(nn.Module):
    """One recurrent layer: each direction has parameters of its own, and all are read in one recurrence.

    Attributes:
        shape: of the classifier.
        dtype: of the loop's products and what it keeps, adding up in float32; None: the parameters' own.
        seed: see `Learned`.
    """

    shape: ModelShape
    dtype: jnp.dtype | None = None
    seed: int = 0

    @nn.compact
    def __call__(
        self,
        vectors: Array,
        index: Array | None,
        valid: Array,
        evidence: Array | None = None,
        key: Array | None = None,
    ) -> tuple[Array, Array]:
        """Return the states [time, batch, directions * hidden] and last states; see `Encoder`.

        `key` is that of the weights that a training step drops.
        """
        cell, directions = self.shape.cell, self.shape.num_directions
        each = [
            Learned(self.shape, f"encoder.{self.name}.{direction}", self.seed, name=direction)()
            for direction in DIRECTIONS[:directions]
        ]
        learned = jax.tree.map(lambda *parts: jnp.stack(parts), *each)  # [directions, ...]
        projected = cell_class(cell).project(vectors, learned)  # [..., directions, columns]
        if index is None:
            projected = jnp.stack(_backward_reversed(jnp.moveaxis(projected, -2, 0)))
        else:  # the first layer, which reads words
            projected, index = as_rows(kept(self, projected), _as_read(index, directions))
        if evidence is not None and index is not None:
            # Of x W, with the word's vector and its evidence as x, this share differs at every token.
            share = cell_class(cell).project(evidence, _of_evidence(learned))  # [..., directions, columns]
            share = jnp.stack(_backward_reversed(jnp.moveaxis(share, -2, 0)))
            projected, index = share + rows_at(projected, index), None
        kernel = learned["recurrent_kernel"]
        if key is not None and self.shape.weight_dropout > 0:
            kernel = drop_weights(kernel, self.shape.weight_dropout, key)
        kernel = kernel.astype(self.dtype or kernel.dtype)
        worth_it = (cell, directions) in in_place.WORTH_IT
        read = in_place.recurrence_in_place if worth_it else recurrence_by_word
        states, last = read(cell, projected, index, _as_read(valid, directions), kernel)
        # Back in the order of time, both directions' states at a token stand side by side.
        return jnp.concatenate(_backward_reversed(states), axis=-1), jnp.concatenate([*last], axis=-1)


def _of_evidence(learned: dict[str, Array]) -> dict[str, Array]:
    """The parameters of each direction's evidence, as if it were what a layer reads: without biases."""
    zeros = {name: jnp.zeros_like(value) for name, value in learned.items() if name.endswith("bias")}
    return {"input_kernel": learned["evidence_kernel"], **zeros}


def _as_read(steps: Array, directions: int) -> Array:
    """Steps [time, ...] in the order in which each direction reads them, [directions, time, ...]."""
    return jnp.stack([steps, steps[::-1]][:directions])


def _backward_reversed(steps: Array) -> list[Array]:
    """Each direction's steps, of [directions, time, ...], from the order of time to reading's, or back."""
    return [steps[0], *steps[1:, ::-1]]
