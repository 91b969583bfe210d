"""Sampled softmax: telling the right word apart from a few drawn ones instead of the whole vocabulary.

The loss of an answer with score s, which includes the logarithm of how often a word is expected to be
drawn, subtracted, among negatives with scores z_k made in the same way (Jean et al. 2015)::

    log(exp(s) + Σ_k exp(z_k)) - s          k: the negatives that are not the answer

So corrected it leads to where the softmax over all words does, and with every other word as a negative,
and nothing subtracted, it is that softmax's cross-entropy.

Why it is fast. All answers of a step have the same negatives, so that their scores are one matrix
product. Tokens times negatives are millions of numbers, though, which would go to memory and back
several times. So the tokens are taken some hundreds at a time, and their gradient at once, while the
numbers are still in the core's cache: three products in all, and no array of that size.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from numpy.typing import NDArray

SMOOTHING = 0.75  # the power of the frequencies that words are drawn by, of Mikolov et al. (2013)
CHUNK = 512  # tokens taken at a time


class Sampler:
    """Draws words by their smoothed frequencies.

    Attributes:
        log_expected: the logarithm of how often each word is expected among those drawn, [vocabulary].
    """

    def __init__(self, counts: NDArray[np.floating], size: int) -> None:
        """`size` words are drawn at a time, by ``counts ** SMOOTHING`` [vocabulary]; none of count 0."""
        weights = counts**SMOOTHING
        self._up_to = (np.cumsum(weights) / weights.sum()).astype(np.float32)
        self._size = size
        self.log_expected = log(size * weights / weights.sum())

    def draw(self, key: Array) -> Array:
        """Token ids [size], one of each of as many equal shares of the distribution."""
        places = (jnp.arange(self._size) + jax.random.uniform(key, (self._size,))) / self._size
        found = jnp.searchsorted(jnp.asarray(self._up_to), places, side="right")
        return jnp.minimum(found, len(self._up_to) - 1)


def log(values: NDArray[np.floating]) -> NDArray[np.float32]:
    """The logarithm, and of 0 that of the smallest number, whose softmax is 0 all the same."""
    return np.log(np.maximum(values, np.finfo(float).tiny)).astype(np.float32)


@jax.custom_vjp
def sampled_cross_entropy(
    expected: Array,
    scores: Array,
    vectors: Array,
    bias: Array,
    answers: Array,
    negatives: Array,
    weights: Array,
) -> Array:
    """The sum of the answers' losses, a scalar; differentiable by the first three arguments.

    Args:
        expected: what each token is followed by, as a vector to compare with those of words [tokens, size].
        scores: of the answers [tokens].
        vectors: of the negatives [negatives, size].
        bias: of the negatives: their scores are ``expected · vectors + bias`` [negatives].
        answers: the words that are right [tokens].
        negatives: the words that were drawn [negatives].
        weights: how much each token counts [tokens].
    """
    return _forward(expected, scores, vectors, bias, answers, negatives, weights)[0]


def _forward(
    expected: Array,
    scores: Array,
    vectors: Array,
    bias: Array,
    answers: Array,
    negatives: Array,
    weights: Array,
) -> tuple[Array, tuple[Array, Array, Array]]:
    """The loss and its gradient by the expected vectors, the scores and the negatives' vectors."""

    def step(sums: tuple[Array, Array], now: tuple[Array, ...]) -> tuple[Any, tuple[Array, Array]]:
        (loss, d_vectors), (expected, score, answer, weight) = sums, now
        others = expected @ vectors.T + bias  # [chunk, negatives]
        others = jnp.where(answer[:, None] == negatives, -jnp.inf, others)
        highest = jnp.maximum(others.max(axis=-1), score)
        others = jnp.exp(others - highest[:, None])
        own = jnp.exp(score - highest)
        total = others.sum(axis=-1) + own
        d_others = others * (weight / total)[:, None]  # the probabilities
        d_score = weight * (own / total - 1)
        loss += (weight * (jnp.log(total) + (highest - score))).sum()
        return (loss, d_vectors + d_others.T @ expected), (d_others @ vectors, d_score)

    tokens, size = expected.shape
    filling = -tokens % CHUNK

    def in_chunks(array: Array) -> Array:
        filled = jnp.pad(array, [(0, filling), *[(0, 0)] * (array.ndim - 1)])
        return filled.reshape(-1, CHUNK, *array.shape[1:])

    start = jnp.zeros((), expected.dtype), jnp.zeros_like(vectors)
    chunks = tuple(in_chunks(array) for array in (expected, scores, answers, weights))
    (loss, d_vectors), (d_expected, d_scores) = lax.scan(step, start, chunks)
    return loss, (d_expected.reshape(-1, size)[:tokens], d_scores.reshape(-1)[:tokens], d_vectors)


def _backward(gradients: tuple[Array, Array, Array], d_loss: Array) -> tuple[Array | None, ...]:
    return (*(d_loss * gradient for gradient in gradients), None, None, None, None)


sampled_cross_entropy.defvjp(_forward, _backward)
