"""What makes the recurrence fast, against its definition, differentiated by JAX."""

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnncli.models.in_place import recurrence_in_place
from rnncli.models.recurrence import cell_class, initial_carry, recurrence
from rnncli.models.word_lookup import as_rows, recurrence_by_word, rows_at
from rnncli.settings.model import CELLS

BATCH, HIDDEN, WORDS = 5, 3, 7


@cache
def problem(cell: str, mask: str, time: int, directions: int, dtype: str, by_word: bool) -> dict[str, Any]:
    """Random arguments of a recurrence, and weights of its results."""
    random = np.random.default_rng([len(cell), time, directions])
    steps, width = (directions, time, BATCH), len(CELLS[cell].gates) * HIDDEN
    columns = width + HIDDEN * (cell == "gru")
    lengths = np.array([0, 1, time, time // 2, max(0, time - 1)])
    after = np.arange(time)[:, None] < lengths  # [time, batch]
    masks = {"right": after, "left": after[::-1], "holes": random.random((time, BATCH)) < 0.7}
    valid = masks[mask] & (lengths > 0)  # in any case, a text without a token
    index = jnp.asarray(random.integers(0, WORDS, steps), jnp.int32) if by_word else None
    rows = (WORDS,) if by_word else steps
    return {
        "projected": jnp.asarray(random.normal(size=(*rows, columns)), jnp.float32),
        "index": index,
        "valid": jnp.asarray(np.broadcast_to(valid[None, :, :, None], (*steps, 1))),
        "kernel": jnp.asarray(random.normal(size=(directions, HIDDEN, width)), dtype),
        "wanted": (random.normal(size=(*steps, HIDDEN)), random.normal(size=(directions, BATCH, HIDDEN))),
    }


def definition(cell: str, projected: Any, index: Any, valid: Any, kernel: Any) -> Any:
    steps = projected if index is None else projected[index]
    return recurrence(cell_class(cell), initial_carry(cell, valid, kernel), steps, valid, kernel)


def solve(read: Any, cell: str, given: dict[str, Any]) -> Any:
    """Gradients of a functional by projected input and kernel, states and last states."""

    def functional(projected: Any, kernel: Any) -> Any:
        states, last = read(cell, projected, given["index"], given["valid"], kernel)
        of_states, of_last = given["wanted"]
        return (states * of_states).sum() + (last * of_last).sum(), (states, last)

    # What is compared is mathematics; leaving the machine code as it comes saves half the time.
    program = jax.jit(
        jax.grad(functional, (0, 1), has_aux=True), compiler_options={"xla_backend_optimization_level": 0}
    )
    return program(given["projected"], given["kernel"])


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    ("mask", "time", "directions", "by_word"),
    [("left", 11, 2, True), ("right", 13, 1, False), ("holes", 7, 2, False), ("holes", 1, 1, True)],
)
@pytest.mark.parametrize("cell", CELLS)
def test_both_are_the_definition(
    cell: str, mask: str, time: int, directions: int, by_word: bool, dtype: str
) -> None:
    given = problem(cell, mask, time, directions, dtype, by_word)
    expected = solve(definition, cell, given)
    by_word, in_place = solve(recurrence_by_word, cell, given), solve(recurrence_in_place, cell, given)
    # bfloat16 has 8 bits; in place, the sums and their gradients are rounded to them as well.
    for found, tolerance in ((by_word, 2e-6), (in_place, 2e-6 if dtype == "float32" else 4e-2)):
        for ours, theirs in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
            assert ours.dtype == theirs.dtype
            ours, theirs = np.asarray(ours, np.float32), np.asarray(theirs, np.float32)
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance * np.abs(theirs).max())
    (by_input, by_kernel), (states, last) = in_place
    nothing = 0 * np.asarray(states[:, :, 0])
    np.testing.assert_array_equal(states[:, :, 0], nothing)  # of the text without a token
    np.testing.assert_array_equal(last[:, 0], nothing[:, 0])
    assert np.abs(by_input).max() > 0.1
    assert time == 1 or np.abs(by_kernel).max() > 0.1


def test_rows_at() -> None:
    """As indexing has it, and so has its gradient."""
    random = np.random.default_rng(0)
    rows = jnp.asarray(random.normal(size=(WORDS, 13)), jnp.float32)
    index = jnp.asarray(random.integers(0, WORDS, (11, BATCH)))
    weights = random.normal(size=(11, BATCH, 13))
    np.testing.assert_array_equal(rows_at(rows, index), rows[index])
    found = jax.grad(lambda rows: (rows_at(rows, index) * weights).sum())(rows)
    expected = np.zeros((WORDS, 13))
    np.add.at(expected, np.asarray(index), weights)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_as_rows() -> None:
    """Each direction finds its own projection of each word."""
    random = np.random.default_rng(0)
    words = jnp.asarray(random.normal(size=(WORDS, 2, 13)))
    index = jnp.asarray(random.integers(0, WORDS, (2, 11, BATCH)))
    rows, places = as_rows(words, index)
    for direction in (0, 1):
        np.testing.assert_array_equal(rows[places[direction]], words[index[direction], direction])
