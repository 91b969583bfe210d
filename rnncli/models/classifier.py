"""The classifier: embedding, encoder, pooling, further branches, head."""

import flax.linen as nn
import jax.numpy as jnp
from jax import Array

from rnncli.models import pooling
from rnncli.models.encoder import Encoder
from rnncli.models.layers import Keys, Learned, dense, dropout, word_vectors
from rnncli.settings.model import POOLINGS, ModelShape
from rnncli.text.ngrams import ORDERS
from rnncli.text.tokenizer import PAD_ID


class Classifier(nn.Module):
    """Texts to logits, for every architecture.

    A batch names its distinct words once, in `words`, and each text as positions in that list, so
    that the first layer multiplies each distinct word by its kernel once, not once a token.
    Without `words` the positions are token ids, and the list is the vocabulary.

    Attributes:
        shape: of the classifier.
        dtype: of the recurrent layers' products, see `rnncli.models.encoder.Layer`.
        seed: of the first values that `init` gives, see `rnncli.models.layers.Learned`.
    """

    shape: ModelShape
    dtype: jnp.dtype | None = None
    seed: int = 0

    @nn.compact
    def __call__(
        self,
        positions: Array,
        words: Array | None = None,
        keys: Keys | None = None,
        evidence: Array | None = None,
    ) -> Array:
        """Return logits [batch, num_outputs].

        Args:
            positions: [batch, time] indices into `words`; 0 is padding, on either side.
            words: [words] token ids, the first of which is padding; or None for the vocabulary.
            keys: the randomness of a training step; without, nothing is dropped.
            evidence: what n-grams say at each position, [batch, time, size], of a model that reads it.
        """
        shape = self.shape
        table = self._learned("embedding")["table"]  # [vocabulary, embedding]
        vectors = word_vectors(table, words, shape, keys)  # [words, embedding]
        row_keys = None if keys is None else keys.rows
        index = positions.T  # [time, batch]
        valid = (index != PAD_ID)[:, :, None]  # [time, batch, 1]
        if shape.cell:
            encoder = Encoder(shape, self.dtype, self.seed, name="encoder")
            if shape.evidence and evidence is None:  # where no text is given, to make the tables
                evidence = jnp.zeros((*positions.shape, len(ORDERS) * shape.num_outputs))
            by_step = None if evidence is None else evidence.swapaxes(0, 1)  # [time, batch, size]
            states, last = encoder(vectors, index, valid, keys, by_step)
            functions = [getattr(pooling, name) for name in POOLINGS[shape.pooling]]
            branches = [pooled(states, valid, last) for pooled in functions]
        else:
            bag = pooling.mean(vectors[index], valid)  # [batch, embedding]
            branches = [nn.relu(dense(bag, self._learned("hidden")))]
        # A further branch appends its vectors, [batch, its size], here.
        features = jnp.concatenate(branches, axis=-1)
        features = dropout(features, shape.dropout, row_keys)
        return dense(features, self._learned("output"))

    def _learned(self, name: str) -> dict[str, Array]:
        return Learned(self.shape, name, self.seed, name=name)()
