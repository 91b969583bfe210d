"""The classifier: embedding, encoder, pooling, dropout, output."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.linen.initializers import zeros
from jax import Array

from rnncli.models.dropout import dropout
from rnncli.models.encoder import Encoder
from rnncli.models.recurrence import Inputs
from rnncli.settings.model import ModelShape

PAD_ID = 0


class Embedding(nn.Module):
    """A table with a vector for each word; see `Classifier`."""

    vocab_size: int
    embedding_size: int

    @nn.compact
    def __call__(self, words: Array | None) -> Array:
        """The rows of `words`, [words, embedding], or the whole table."""
        table = self.param("table", zeros, (self.vocab_size, self.embedding_size))
        return table if words is None else table[words]


class Classifier(nn.Module):
    """Texts to logits, for every architecture.

    A batch names its distinct words once, in `words`, and each text as positions in that list, so
    that the first layer multiplies each distinct word by its weights once, not once a token.
    Without `words` the positions are token ids, and the list is the vocabulary.

    The modules declare what weights there are; `rnncli.models.parameters.initial_weights` gives their
    first values.

    Attributes:
        config: the classifier's shape.
        dtype: of the recurrent layers' products, see `rnncli.models.encoder.Layer`.
    """

    config: ModelShape
    dtype: jnp.dtype | None = None

    @nn.compact
    def __call__(
        self, positions: Array, words: Array | None = None, dropout_keys: Array | None = None
    ) -> Array:
        """Return logits [batch, num_outputs].

        Args:
            positions: [batch, time] indices into `words`; 0 is padding, on either side.
            words: [words] token ids, the first of which is padding; or None for the vocabulary.
            dropout_keys: while training, a key for each text, [batch]; without, there is no dropout.
        """
        config = self.config
        rows = Embedding(config.vocab_size, config.embedding_size, name="embedding")(words)
        index = positions.T  # [time, batch]
        valid = (index != PAD_ID)[:, :, None]  # [time, batch, 1]
        if config.cell:
            encoder = Encoder(
                config.cell,
                config.hidden_size,
                config.num_layers,
                config.num_directions == 2,
                config.dropout,
                self.dtype,
                name="encoder",
            )
            states, last = encoder(Inputs(rows, index), valid, dropout_keys)
            pooled = last if config.pooling == "last" else pool(states, valid, config.pooling)
        else:
            mean = pool(rows[index], valid, "mean")  # [batch, embedding]
            pooled = nn.relu(nn.Dense(config.hidden_size, name="hidden")(mean))
        pooled = dropout(pooled, config.dropout, dropout_keys)
        return nn.Dense(config.num_outputs, name="output")(pooled)


def pool(states: Array, valid: Array, pooling: str) -> Array:
    """Maximum or mean over the valid steps; zeros for a text without any.

    Args:
        states: [time, batch, size].
        valid: [time, batch, 1] booleans.
        pooling: `"max"` or `"mean"`.

    Returns:
        [batch, size].
    """
    if pooling == "max":
        highest = jnp.where(valid, states, -jnp.inf).max(axis=0)
        return jnp.where(valid.any(axis=0), highest, 0)
    return jnp.where(valid, states, 0).sum(axis=0) / jnp.maximum(valid.sum(axis=0), 1)


def to_probabilities(logits: Array) -> Array:
    """Probabilities [batch, num_classes] from logits [batch, num_outputs]."""
    if logits.shape[-1] == 1:
        logits = jnp.concatenate([jnp.zeros_like(logits), logits], axis=-1)
    return jax.nn.softmax(logits, axis=-1)
