"""Dropout whose mask belongs to the example, not to the device that works on it."""

import jax
import jax.numpy as jnp
from jax import Array


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
