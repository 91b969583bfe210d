"""The recurrence: a cell scanned over time. `recurrence` is its definition; JAX differentiates it."""

from typing import Any, cast

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from rnncli.models import cells
from rnncli.models.cells import Carry, Cell, sum_dtype
from rnncli.settings.model import CELLS


def recurrence(
    cell: type[nn.Module], carry: Carry, projected: Array, valid: Array, kernel: Array
) -> tuple[Array, Array]:
    """Read sequences with a cell, one time step after the other, in one direction or two.

    Each direction has its own parameters, and finds its time steps in the order in which it reads them.

    Args:
        cell: what is scanned: a `Cell`, or a module that is called as one is.
        carry: what the cell starts with, [directions, batch, hidden] each; see `initial_carry`.
        projected: the inputs, ``x W + b`` as `Cell.project` gives it, [directions, time, batch, columns].
        valid: [directions, time, batch, 1] booleans, False at padding, where the carry stays as it is.
        kernel: ``U``, [directions, hidden, gates * hidden]. In bfloat16 it makes the products bfloat16 too.

    Returns:
        The states [directions, time, batch, hidden] and the last of them, [directions, batch, hidden].
    """
    over_time = nn.scan(cell, in_axes=(1, 1, nn.broadcast), out_axes=1)  # U is the same at every step
    carry, states = cast(Any, over_time(parent=None)).apply({}, carry, projected, valid, kernel)
    return states, carry[0]


def cell_class(cell: str) -> type[Cell]:
    """The cell of that name in `rnncli.settings.model.CELLS`."""
    return getattr(cells, CELLS[cell].class_name)


def initial_carry(cell: str, valid: Array, kernel: Array) -> Carry:
    """Zeros, [directions, batch, hidden] each."""
    directions, hidden, _ = kernel.shape
    zeros = jnp.zeros((directions, valid.shape[2], hidden), sum_dtype(kernel))
    return (zeros,) * len(CELLS[cell].carry)
