"""The reverse pass that works in place against automatic differentiation of the plain loop."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnncli.models.cells import CELLS
from rnncli.models.recurrence import Inputs, recurrence, rows_at

READERS, TIME, BATCH, HIDDEN, WORDS = 2, 11, 5, 3, 7


def problem(cell: str, *, numbered: bool) -> tuple[Inputs, Any, Any, Any]:
    """Random inputs, valid steps with holes anywhere, a kernel, and weights of all results."""
    random = np.random.default_rng(len(cell))
    columns = CELLS[cell].num_columns() * HIDDEN
    steps = (READERS, TIME, BATCH)
    if numbered:
        positions = jnp.asarray(random.integers(0, WORDS, steps), jnp.int32)
        inputs = Inputs(jnp.asarray(random.normal(size=(WORDS, columns)), jnp.float32), positions)
    else:
        inputs = Inputs(jnp.asarray(random.normal(size=(*steps, columns)), jnp.float32))
    valid = random.random((*steps, 1)) < 0.7
    valid[:, :, 0] = False  # a text without any step
    shared = len(CELLS[cell].gate_scales) * HIDDEN
    kernel = jnp.asarray(random.normal(size=(READERS, HIDDEN, shared)), jnp.float32)
    wanted = random.normal(size=(*steps, HIDDEN)), random.normal(size=(READERS, BATCH, HIDDEN))
    return inputs, jnp.asarray(valid), kernel, wanted


def solve(read: Any, cell: str, inputs: Inputs, valid: Any, kernel: Any, wanted: Any) -> Any:
    def loss(rows: Any, kernel: Any) -> Any:
        states, last = read(cell, inputs._replace(rows=rows), valid, kernel)
        return (states * wanted[0]).sum() + (last * wanted[1]).sum(), (states, last)

    return jax.jit(jax.grad(loss, (0, 1), has_aux=True))(inputs.rows, kernel)


@pytest.mark.parametrize("numbered", [True, False])
@pytest.mark.parametrize("cell", CELLS)
def test_gradients_are_those_of_the_plain_loop(cell: str, numbered: bool) -> None:
    inputs, valid, kernel, wanted = problem(cell, numbered=numbered)
    in_place = solve(recurrence, cell, inputs, valid, kernel, wanted)
    plain = solve(recurrence.fun, cell, inputs, valid, kernel, wanted)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6), in_place, plain)
    assert all(np.abs(leaf).max() > 0.1 for leaf in jax.tree.leaves(in_place))


def test_rows_at() -> None:
    """As indexing has it, and so has its gradient."""
    random = np.random.default_rng(0)
    rows = jnp.asarray(random.normal(size=(WORDS, 13)), jnp.float32)
    positions = jnp.asarray(random.integers(0, WORDS, (TIME, BATCH)))
    weights = random.normal(size=(TIME, BATCH, 13))
    np.testing.assert_array_equal(rows_at(rows, positions), rows[positions])
    found = jax.grad(lambda rows: (rows_at(rows, positions) * weights).sum())(rows)
    expected = np.zeros((WORDS, 13))
    np.add.at(expected, np.asarray(positions), weights)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
