"""Random recurrent layers and what another library makes of them: the parity checks' common ground.

Everything is in the layout of `rnncli.models.encoder`, with weights named as below ``encoder.``, and
padded on the right. Needs NumPy alone, so that other libraries' environments can import it.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

BATCH, TIME, INPUT_SIZE, HIDDEN_SIZE = 5, 11, 7, 3
GATES = {"rnn": 1, "lstm": 4, "gru": 3}
GIVEN = ("inputs", "lengths", "output_factors", "last_factors")  # the arrays of a problem
FOUND = ("outputs", "last", "input_gradient")  # and of an answer


class Shape(NamedTuple):
    """Which layers: the cell, in how many directions, how many of them on top of each other."""

    cell: str
    bidirectional: bool
    num_layers: int

    @property
    def name(self) -> str:
        """For example ``bilstm-2``."""
        return f"{'bi' * self.bidirectional}{self.cell}-{self.num_layers}"

    @property
    def directions(self) -> tuple[str, ...]:
        """The directions' names."""
        return ("forward", "backward") if self.bidirectional else ("forward",)

    @property
    def features(self) -> int:
        """Size of a step's output."""
        return len(self.directions) * HIDDEN_SIZE


SHAPES = [Shape(cell, bidirectional, 1) for cell in GATES for bidirectional in (False, True)]
STACKED = [Shape("lstm", False, 2), Shape("gru", True, 2)]


@dataclass(frozen=True)
class Problem:
    """A layer, what it reads, and the linear functional of its results that gradients are taken of.

    Attributes:
        shape: the layer's kind.
        weights: by name, such as ``layer_0.forward.input_kernel``.
        inputs: [batch, time, input], 0 at padding.
        lengths: [batch].
        output_factors: [batch, time, features], 0 at padding.
        last_factors: [batch, features].
    """

    shape: Shape
    weights: dict[str, np.ndarray]
    inputs: np.ndarray
    lengths: np.ndarray
    output_factors: np.ndarray
    last_factors: np.ndarray

    @property
    def valid(self) -> np.ndarray:
        """[batch, time], False at padding."""
        return np.arange(TIME) < self.lengths[:, None]


@dataclass(frozen=True)
class Answer:
    """What a library makes of a problem.

    Attributes:
        outputs: [batch, time, features], 0 at padding.
        last: [batch, features], after the last step read: forwards at the last token, backwards at the first.
        input_gradient: of the functional, [batch, time, input].
        gradients: of the functional, by weight.
    """

    outputs: np.ndarray
    last: np.ndarray
    input_gradient: np.ndarray
    gradients: dict[str, np.ndarray]


def random_problem(shape: Shape, seed: int, *, least: int = 1) -> Problem:
    """Normally distributed numbers everywhere and lengths from `least` to all steps, both reached."""
    random = np.random.default_rng([seed, len(shape.name), *shape.name.encode()])

    def normal(*size: int) -> np.ndarray:
        return random.standard_normal(size).astype(np.float32)

    weights, size, width = {}, INPUT_SIZE, GATES[shape.cell] * HIDDEN_SIZE
    for layer in range(shape.num_layers):
        for direction in shape.directions:
            prefix = f"layer_{layer}.{direction}."
            weights[prefix + "input_kernel"] = 0.5 * normal(size, width)
            weights[prefix + "recurrent_kernel"] = normal(HIDDEN_SIZE, width)
            weights[prefix + "bias"] = normal(width)
            if shape.cell == "gru":
                weights[prefix + "recurrent_bias"] = normal(HIDDEN_SIZE)
        size = shape.features
    lengths = random.permutation([least, TIME, *random.integers(least, TIME, BATCH - 2)])
    valid = (np.arange(TIME) < lengths[:, None])[:, :, None]
    return Problem(
        shape,
        weights,
        normal(BATCH, TIME, INPUT_SIZE) * valid,
        lengths.astype(np.int32),
        normal(BATCH, TIME, shape.features) * valid,
        normal(BATCH, shape.features),
    )


def two_biases(weights: dict[str, np.ndarray], prefix: str) -> tuple[np.ndarray, np.ndarray]:
    """The biases of the input and of the state, [gates * hidden] each, where a library has both.

    Libraries add them, so ours is divided at random; only the GRU's third gate keeps them apart.
    """
    bias, recurrent_bias = weights[prefix + "bias"], weights.get(prefix + "recurrent_bias")
    second = np.random.default_rng(0).standard_normal(bias.shape)
    if recurrent_bias is None:
        return bias - second, second
    second[-HIDDEN_SIZE:] = 0
    first = bias - second
    second[-HIDDEN_SIZE:] = recurrent_bias
    return first, second


def to_arrays(problem: Problem, answer: Answer) -> dict[str, np.ndarray]:
    """Flat names to arrays, for a file."""
    arrays = {name: getattr(problem, name) for name in GIVEN} | named(answer)
    arrays |= {f"weights/{name}": value for name, value in problem.weights.items()}
    return {
        name: value.astype(np.int32 if name == "lengths" else np.float32) for name, value in arrays.items()
    }


def named(answer: Answer) -> dict[str, np.ndarray]:
    """All arrays of an answer by name, those of the gradients below ``gradients/``."""
    gradients = {f"gradients/{name}": value for name, value in answer.gradients.items()}
    return {name: getattr(answer, name) for name in FOUND} | gradients


def below(prefix: str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays whose names start with `prefix`, by the rest of their names."""
    return {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}


def from_arrays(shape: Shape, arrays: dict[str, np.ndarray]) -> tuple[Problem, Answer]:
    """What `to_arrays` was given."""
    problem = Problem(shape, below("weights/", arrays), *(arrays[name] for name in GIVEN))
    return problem, Answer(*(arrays[name] for name in FOUND), below("gradients/", arrays))
