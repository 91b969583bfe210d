"""The language model: embedding and encoder of a classifier, whose states predict the next word."""

import flax.linen as nn
import jax.numpy as jnp
from jax import Array

from rnncli.models.encoder import Encoder
from rnncli.models.layers import Keys, Learned, dense, dropout, word_vectors
from rnncli.settings.model import DIRECTIONS, ModelShape
from rnncli.text.tokenizer import PAD_ID


class LanguageModel(nn.Module):
    """Texts to what each direction expects after each token, as vectors to be compared with those of words.

    A word's score is the product of its vector in the embedding with the expectation: input and output
    share their vectors (Press & Wolf 2017, Inan et al. 2017). The forward direction at token t has read
    the tokens up to t and expects token t + 1, the backward one has read those from t on and expects
    t - 1; with one layer neither can have seen what it expects.

    Attributes:
        shape: of the model, whose objective is ``language-model``.
        dtype: of the recurrent layers' products, see `rnncli.models.encoder.Layer`.
        seed: of the first values that `init` gives, see `rnncli.models.layers.Learned`.
    """

    shape: ModelShape
    dtype: jnp.dtype | None = None
    seed: int = 0

    @nn.compact
    def __call__(self, positions: Array, words: Array | None = None, keys: Keys | None = None) -> Array:
        """Return the expectations [directions, time, batch, embedding].

        Args:
            positions: [batch, time] indices into `words`; 0 is padding, on either side.
            words: [words] token ids, the first of which is padding; or None for the vocabulary.
            keys: the randomness of a training step; without, nothing is dropped. Of the states the same
                units are dropped at all time steps of a text (Gal & Ghahramani 2016).
        """
        shape, seed = self.shape, self.seed
        table = Learned(shape, "embedding", seed, name="embedding")()["table"]
        vectors = word_vectors(table, words, shape, keys)  # [words, embedding]
        row_keys = None if keys is None else keys.rows
        index = positions.T  # [time, batch]
        valid = (index != PAD_ID)[:, :, None]  # [time, batch, 1]
        encoder = Encoder(shape, self.dtype, seed, name="encoder")
        states, _ = encoder(vectors, index, valid, keys)  # [time, batch, directions * hidden]
        states *= dropout(jnp.ones_like(states[0]), shape.dropout, row_keys)
        each = jnp.split(states, shape.num_directions, axis=-1)
        if shape.hidden_size != shape.embedding_size:
            names = [f"next_word_{direction}" for direction in DIRECTIONS]
            each = [
                dense(part, Learned(shape, name, seed, name=name)())
                for part, name in zip(each, names, strict=False)
            ]
        return jnp.stack(each)
