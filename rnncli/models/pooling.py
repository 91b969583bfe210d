"""How the states of a text become one vector: the functions that `rnncli.settings.model.POOLINGS` names.

Each takes the states [time, batch, size], which of them are valid, [time, batch, 1], and the states
after the last step, [batch, size]; and returns [batch, size], zeros for a text without a token.
"""

import jax.numpy as jnp
from jax import Array


def last(_states: Array, _valid: Array, end: Array) -> Array:
    """The state after the last step in reading order."""
    return end


def maximum(states: Array, valid: Array, _end: Array | None = None) -> Array:
    """The largest value over the valid steps, for each number of the state."""
    highest = jnp.where(valid, states, -jnp.inf).max(axis=0)
    return jnp.where(valid.any(axis=0), highest, 0)


def mean(states: Array, valid: Array, _end: Array | None = None) -> Array:
    """The mean over the valid steps."""
    return jnp.where(valid, states, 0).sum(axis=0) / jnp.maximum(valid.sum(axis=0), 1)
