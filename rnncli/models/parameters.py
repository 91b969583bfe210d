"""The one list of what a classifier learns: name, shape and first value of every parameter.

The Flax modules, the check of a saved file and the NumPy model all go by `parameters`. First values
are drawn with NumPy, which takes milliseconds; compiling JAX's own draws takes over a second.
"""

import math
import zlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnncli.settings.model import CELLS, DIRECTIONS, POOLINGS, ModelShape
from rnncli.text.ngrams import ORDERS

if TYPE_CHECKING:
    from numpy.random import Generator  # a tenth of the time that a prediction takes to start

Shape = tuple[int, ...]


class Parameter(NamedTuple):
    """An array that is learned.

    Attributes:
        name: modules, outermost first, and the name in the last of them, joined by dots.
        shape: its shape.
        initialiser: draws values of a shape, the first ones.
    """

    name: str
    shape: Shape
    initialiser: "Callable[[Generator, Shape], NDArray[np.floating]]"

    def first_value(self, seed: int) -> NDArray[np.float32]:
        """What training starts from: a function of the seed and of the parameter's name and shape."""
        random = np.random.default_rng([seed, zlib.crc32(self.name.encode())])
        return self.initialiser(random, self.shape).astype(np.float32)


def parameters(model: ModelShape) -> Iterator[Parameter]:
    """Every parameter of a model of this shape: embedding, branches, head."""
    if model.arch == "ngram":  # whose other weights stand in its table of n-grams
        yield Parameter("output.bias", (model.num_outputs,), zeros)
        return
    hidden = model.hidden_size
    yield Parameter("embedding.table", (model.vocab_size, model.embedding_size), embedding_uniform)
    if model.objective == "language-model":
        yield from _encoder(model)
        if hidden != model.embedding_size:  # else the states are compared with words as they are
            for direction in DIRECTIONS[: model.num_directions]:
                yield from _dense(f"next_word_{direction}", hidden, model.embedding_size)
        return
    if model.cell:
        yield from _encoder(model)
        features = model.num_directions * hidden * len(POOLINGS[model.pooling])
    else:
        yield from _dense("hidden", model.embedding_size, hidden)
        features = hidden
    # A further branch yields its parameters here and adds the size of its vector to `features`.
    yield from _dense("output", features, model.num_outputs)


def _encoder(model: ModelShape) -> Iterator[Parameter]:
    hidden, gates = model.hidden_size, CELLS[model.cell].gates
    width = len(gates) * hidden
    for layer in range(model.num_layers):
        inputs = model.num_directions * hidden if layer else model.embedding_size
        for direction in DIRECTIONS[: model.num_directions]:
            prefix = f"encoder.layer_{layer}.{direction}"
            yield Parameter(f"{prefix}.input_kernel", (inputs, width), glorot_uniform)
            if model.evidence and layer == 0:
                shape = (len(ORDERS) * model.num_outputs, width)
                yield Parameter(f"{prefix}.evidence_kernel", shape, glorot_uniform)
            yield Parameter(f"{prefix}.recurrent_kernel", (hidden, width), orthogonal)
            yield Parameter(f"{prefix}.bias", (width,), ones_at_forget_gate(gates))
            if model.cell == "gru":  # b_hn
                yield Parameter(f"{prefix}.recurrent_bias", (hidden,), zeros)


def _dense(prefix: str, inputs: int, outputs: int) -> Iterator[Parameter]:
    yield Parameter(f"{prefix}.kernel", (inputs, outputs), glorot_uniform)
    yield Parameter(f"{prefix}.bias", (outputs,), zeros)


def zeros(_: "Generator", shape: Shape) -> NDArray[np.floating]:
    """Zeros."""
    return np.zeros(shape)


def embedding_uniform(random: "Generator", shape: Shape) -> NDArray[np.floating]:
    """Uniform between -0.05 and 0.05, as Keras' embedding starts, which the tutorial uses."""
    return random.uniform(-0.05, 0.05, shape)


def glorot_uniform(random: "Generator", shape: Shape) -> NDArray[np.floating]:
    """Uniform with variance ``2 / (inputs + outputs)`` (Glorot & Bengio 2010).

    The variance of states and of gradients is then alike in all layers.
    """
    limit = math.sqrt(6 / sum(shape))
    return random.uniform(-limit, limit, shape)


def orthogonal(random: "Generator", shape: Shape) -> NDArray[np.floating]:
    """A recurrent kernel [hidden, gates * hidden] with orthonormal rows (Saxe et al. 2014).

    Orthogonal over all gates together, which keeps each gate's part small; gate by gate, the parts
    are twice as large, and on IMDB the first epoch learns next to nothing.
    """
    columns, triangle = np.linalg.qr(random.standard_normal(shape[::-1]))
    # With the signs of the diagonal every orthogonal matrix is equally likely (Mezzadri 2007).
    return (columns * np.sign(np.diag(triangle))).T


def ones_at_forget_gate(gates: tuple[str, ...]) -> "Callable[[Generator, Shape], NDArray[np.floating]]":
    """Zeros, but ones where the gate ``f`` is: the LSTM remembers at first (Jozefowicz et al. 2015)."""

    def initialiser(_: "Generator", shape: Shape) -> NDArray[np.floating]:
        return np.repeat([float(gate == "f") for gate in gates], shape[0] // len(gates))

    return initialiser


def initial_parameters(model: ModelShape, seed: int) -> dict[str, NDArray[np.float32]]:
    """A fresh classifier's parameters by name."""
    return {parameter.name: parameter.first_value(seed) for parameter in parameters(model)}
