"""Our layers against PyTorch's and Keras': outputs, last states and every gradient.

The other libraries' answers are stored in references.npz, which make_references.py writes. Where
PyTorch is installed it is also asked afresh.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from flax.traverse_util import flatten_dict, unflatten_dict

from rnncli.models.encoder import Encoder
from rnncli.models.numpy_forward import forward
from rnncli.settings.model import POOLINGS, ModelShape
from tests.parity.problems import (
    BATCH,
    HIDDEN_SIZE,
    INPUT_SIZE,
    SHAPES,
    STACKED,
    TIME,
    Answer,
    Problem,
    Shape,
    below,
    from_arrays,
    named,
    random_problem,
)

REFERENCES = Path(__file__).with_name("references.npz")
STORED = [("torch", shape) for shape in SHAPES + STACKED] + [("keras", shape) for shape in SHAPES]
TOLERANCE = 1e-5

stored = pytest.mark.parametrize(
    ("library", "shape"), STORED, ids=[f"{library}-{shape.name}" for library, shape in STORED]
)


@cache
def references() -> dict[str, np.ndarray]:
    with np.load(REFERENCES, allow_pickle=False) as file:
        return dict(file)


def reference(library: str, shape: Shape) -> tuple[Problem, Answer]:
    return from_arrays(shape, below(f"{library}/{shape.name}/", references()))


def model_of(shape: Shape, pooling: str = "last", num_classes: int = 3) -> ModelShape:
    return ModelShape(
        shape.name.split("-")[0],
        vocab_size=BATCH * TIME,
        num_classes=num_classes,
        embedding_size=INPUT_SIZE,
        hidden_size=HIDDEN_SIZE,
        num_layers=shape.num_layers,
        pooling=pooling,
    )


@cache
def program(shape: Shape) -> Callable[..., Any]:
    """Gradients with respect to weights and inputs, outputs and last states; time-major."""
    encoder = Encoder(model_of(shape))

    def functional(weights: Any, inputs: Any, valid: Any, output_factors: Any, last_factors: Any) -> Any:
        states, last = encoder.apply({"params": weights}, inputs, None, valid)
        return (states * output_factors).sum() + (last * last_factors).sum(), (states, last)

    return jax.jit(jax.grad(functional, argnums=(0, 1), has_aux=True))


def solve(problem: Problem, *, padding: str) -> Answer:
    """What our layers make of a problem, with noise at the padding on that side."""
    noise = np.random.default_rng(5).standard_normal(problem.inputs.shape).astype(np.float32)
    inputs = np.where(problem.valid[:, :, None], problem.inputs, 10 * noise)
    valid, output_factors = problem.valid[:, :, None], problem.output_factors
    shift = (TIME - problem.lengths if padding == "left" else np.zeros_like(problem.lengths)).tolist()

    def move(array: np.ndarray, shift: list[int]) -> np.ndarray:
        return np.stack([np.roll(row, steps, axis=0) for row, steps in zip(array, shift, strict=True)])

    def time_major(array: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(move(array, shift).swapaxes(0, 1))

    (gradients, input_gradient), (states, last) = program(problem.shape)(
        unflatten_dict(problem.weights, sep="."),
        *map(time_major, (inputs, valid, output_factors)),
        problem.last_factors,
    )
    back = [-steps for steps in shift]
    return Answer(
        np.where(problem.valid[:, :, None], move(np.asarray(states).swapaxes(0, 1), back), 0),
        np.asarray(last),
        move(np.asarray(input_gradient).swapaxes(0, 1), back),
        {name: np.asarray(value) for name, value in flatten_dict(gradients, sep=".").items()},
    )


def assert_agree(found: Answer, expected: Answer) -> None:
    ours, theirs = named(found), named(expected)
    assert ours.keys() == theirs.keys()
    for name, values in theirs.items():
        np.testing.assert_allclose(ours[name], values, rtol=TOLERANCE, atol=TOLERANCE, err_msg=name)


@stored
def test_stored_answers(library: str, shape: Shape) -> None:
    problem, expected = reference(library, shape)
    for padding in ("left", "right"):
        assert_agree(solve(problem, padding=padding), expected)
    # An agreement about zeros would say nothing.
    assert {TIME, 1 if library == "torch" else 0} <= set(problem.lengths.tolist())
    valid = expected.outputs[problem.valid], expected.input_gradient[problem.valid]
    assert all(np.all(np.abs(values) > 1e-9) for values in (*valid, *expected.gradients.values()))


@stored
def test_stored_answers_against_the_numpy_model(library: str, shape: Shape) -> None:
    problem, expected = reference(library, shape)
    texts = texts_of(problem)
    valid = problem.valid[:, :, None]
    means = expected.outputs.sum(axis=1) / np.maximum(problem.lengths, 1)[:, None]
    highest = np.where(valid, expected.outputs, -np.inf).max(axis=1)
    maxima = np.where(valid.any(axis=1), highest, 0)
    both = np.concatenate([maxima, means], axis=1)
    by_pooling = {"last": expected.last, "mean": means, "max": maxima, "maxmean": both}
    for pooling, pooled in by_pooling.items():
        found = pooled_by_numpy(problem, texts, pooling)
        np.testing.assert_allclose(found, pooled, atol=TOLERANCE, err_msg=pooling)


def test_torch_afresh() -> None:
    pytest.importorskip("torch")
    from tests.parity import torch_layers

    for shape in SHAPES + STACKED:
        for seed in (11, 12, 13):
            problem = random_problem(shape, seed)
            expected = torch_layers.solve(problem)
            for padding in ("left", "right"):
                assert_agree(solve(problem, padding=padding), expected)


def texts_of(problem: Problem) -> list[np.ndarray]:
    """A word of its own for each step of each text."""
    ids = np.arange(problem.valid.size, dtype=np.int32).reshape(problem.valid.shape)
    return [row[:length] for row, length in zip(ids, problem.lengths, strict=True)]


def pooled_by_numpy(problem: Problem, texts: list[np.ndarray], pooling: str) -> np.ndarray:
    """What the output layer reads, [texts, features], through one that hands it on."""
    features = problem.shape.features * len(POOLINGS[pooling])
    model = model_of(problem.shape, pooling=pooling, num_classes=features)
    weights = {f"encoder.{name}": value for name, value in problem.weights.items()}
    weights["embedding.table"] = problem.inputs.reshape(-1, INPUT_SIZE)
    weights["output.kernel"] = np.eye(features, dtype=np.float32)
    weights["output.bias"] = np.zeros(features, np.float32)
    return forward(model, weights, texts)
