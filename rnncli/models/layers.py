"""What the modules are made of: learned parameters, the dense layer, what is dropped while training."""

from collections.abc import Callable
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from rnncli.models.parameters import Parameter, parameters
from rnncli.settings.model import ModelShape

GRAMMAR_WORDS = 1000  # the most frequent words, which are never dropped


class Learned(nn.Module):
    """The parameters that the one list (`parameters`) has for a module.

    Attributes:
        shape: of the classifier.
        prefix: the module's name in the list, such as ``encoder.layer_0.forward``.
        seed: of the first values, which `init` draws as training does, without Flax's keys.
    """

    shape: ModelShape
    prefix: str
    seed: int = 0

    @nn.compact
    def __call__(self) -> dict[str, Array]:
        """The module's parameters by the last part of their names."""
        own = [entry for entry in parameters(self.shape) if entry.name.rpartition(".")[0] == self.prefix]
        named = {entry.name.rpartition(".")[2]: self._initialiser(entry) for entry in own}
        return {name: self.param(name, initialiser) for name, initialiser in named.items()}

    def _initialiser(self, entry: Parameter) -> Callable[[Array], Array]:
        if self.is_initializing():
            return lambda _key: jnp.asarray(entry.first_value(self.seed))
        return lambda _key: jnp.zeros(entry.shape)  # Flax compares shapes with it, and takes no value


def dense(inputs: Array, learned: dict[str, Array]) -> Array:
    """``x W + b`` of inputs [batch, size], with the parameters ``kernel`` and ``bias``."""
    return inputs @ learned["kernel"] + learned["bias"]


class Keys(NamedTuple):
    """The randomness of a training step.

    Attributes:
        rows: a key for each text of the batch, [batch].
        step: one that all texts share.
    """

    rows: Array
    step: Array


def word_vectors(table: Array, words: Array | None, shape: ModelShape, keys: Keys | None) -> Array:
    """The vectors [words, embedding] of the distinct words of a batch, some dropped while training.

    Args:
        table: the embedding [vocabulary, embedding].
        words: token ids [words]; None stands for the vocabulary.
        shape: has the shares to drop, see `drop_words`.
        keys: the randomness of a training step; without, nothing is dropped.
    """
    vectors = table if words is None else table[words]
    if keys is None:
        return vectors
    token_ids = jnp.arange(shape.vocab_size) if words is None else words
    return drop_words(vectors, token_ids, shape, keys.step)


def drop_words(vectors: Array, token_ids: Array, shape: ModelShape, step_key: Array) -> Array:
    """Whole words and whole components of word vectors dropped for one step.

    A dropped word is zeros wherever it stands in the batch (Dai & Le 2015 call it word dropout), so that
    the model learns to do without it: those that carry what a text is about, not the most frequent ones
    that carry its grammar, since a text that lost its "not" would teach that negation means nothing. A
    word's fate depends on its id, which is its rank by frequency, and the step alone.

    A dropped component is zero in all words, at all time steps, and the others are scaled up (Gal &
    Ghahramani 2016, who draw it for each text; drawn for each step, every distinct word is still projected
    only once).

    Args:
        vectors: of distinct words [words, embedding].
        token_ids: theirs [words].
        shape: has the shares to drop.
        step_key: the randomness of the step.
    """
    if shape.word_dropout > 0:
        keys = jax.vmap(jax.random.fold_in, (None, 0))(step_key, token_ids)
        kept = jax.vmap(lambda key: jax.random.bernoulli(key, 1 - shape.word_dropout))(keys)
        vectors = jnp.where((kept | (token_ids < GRAMMAR_WORDS))[:, None], vectors, 0)
    if shape.embedding_dropout > 0:
        key = jax.random.fold_in(step_key, shape.vocab_size)  # no word has this id
        kept = jax.random.bernoulli(key, 1 - shape.embedding_dropout, vectors.shape[1:])
        vectors = jnp.where(kept, vectors / (1 - shape.embedding_dropout), 0)
    return vectors


def drop_weights(kernel: Array, rate: float, key: Array) -> Array:
    """A recurrent kernel without a share of its weights, the rest scaled up (Wan et al. 2013).

    They are the same at all time steps of all texts (Merity et al. 2018), so that it costs next to
    nothing and what a state holds is regularised without noise from step to step.
    """
    kept = jax.random.bernoulli(key, 1 - rate, kernel.shape)
    return jnp.where(kept, kernel / (1 - rate), 0)


def dropout(values: Array, rate: float, keys: Array | None) -> Array:
    """Set a share of the values to zero and scale up the rest (Srivastava et al. 2014).

    Each example draws its mask from its own key, so that the mask depends neither on the company
    it has in a batch nor on how many devices a batch is split over.

    Args:
        values: [..., batch, size].
        rate: share to drop, in [0, 1).
        keys: a key for each example, [batch]; None leaves the values as they are.
    """
    if keys is None or rate == 0:
        return values
    shape = (*values.shape[:-2], values.shape[-1])

    def draw(key: Array) -> Array:
        return jax.random.bernoulli(key, 1 - rate, shape)

    kept = jax.vmap(draw, out_axes=-2)(keys)  # [..., batch, size]
    return jnp.where(kept, values / (1 - rate), 0)
