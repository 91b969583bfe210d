"""The weights of a classifier by name: their shapes, and the values that they start from.

Drawn with NumPy, which takes milliseconds; compiling JAX's own draws takes over a second.
"""

import math
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnncli.settings.model import ModelShape

GATES = {"rnn": 1, "lstm": 4, "gru": 3}


def expected_shapes(config: ModelShape) -> dict[str, tuple[int, ...]]:
    """Name and shape of every weight of a classifier of this shape."""
    directions, hidden = config.num_directions, config.hidden_size
    shapes: dict[str, tuple[int, ...]] = {"embedding.table": (config.vocab_size, config.embedding_size)}
    if config.arch == "bow":
        shapes |= {"hidden.kernel": (config.embedding_size, hidden), "hidden.bias": (hidden,)}
    else:
        width = GATES[config.cell] * hidden
        for layer in range(config.num_layers):
            inputs = directions * hidden if layer else config.embedding_size
            for direction in ("forward", "backward")[:directions]:
                prefix = f"encoder.layer_{layer}.{direction}."
                shapes |= {
                    prefix + "input_kernel": (inputs, width),
                    prefix + "recurrent_kernel": (hidden, width),
                    prefix + "bias": (width,),
                }
                if config.cell == "gru":
                    shapes[prefix + "recurrent_bias"] = (hidden,)
    shapes |= {
        "output.kernel": (directions * hidden, config.num_outputs),
        "output.bias": (config.num_outputs,),
    }
    return shapes


def initial_weights(config: ModelShape, seed: int) -> dict[str, NDArray[np.float32]]:
    """A fresh classifier's weights, each a function of the seed and its own name and shape."""
    return {
        name: _initial(config, name, shape, np.random.default_rng([seed, zlib.crc32(name.encode())]))
        for name, shape in expected_shapes(config).items()
    }


def nested(weights: Mapping[str, NDArray[np.float32]]) -> dict[str, Any]:
    """Weights by name as the nested dictionaries of a Flax module."""
    params: dict[str, Any] = {}
    for name, value in weights.items():
        *modules, last = name.split(".")
        place = params
        for module in modules:
            place = place.setdefault(module, {})
        place[last] = value
    return params


def _initial(
    config: ModelShape, name: str, shape: tuple[int, ...], random: np.random.Generator
) -> NDArray[np.float32]:
    kind = name.rpartition(".")[2]
    if kind == "table":
        return random.uniform(-0.05, 0.05, shape).astype(np.float32)  # as the tutorial's embedding starts
    if kind == "recurrent_kernel":
        return _orthogonal(shape, random)
    if kind.endswith("kernel"):
        # Glorot & Bengio (2010): the variance of states and of gradients is alike in all layers.
        limit = math.sqrt(6 / sum(shape))
        return random.uniform(-limit, limit, shape).astype(np.float32)
    bias = np.zeros(shape, np.float32)
    if config.cell == "lstm" and name.startswith("encoder."):
        # The forget gate, so that the LSTM remembers at first (Jozefowicz et al. 2015).
        bias[config.hidden_size : 2 * config.hidden_size] = 1
    return bias


def _orthogonal(shape: tuple[int, ...], random: np.random.Generator) -> NDArray[np.float32]:
    """A recurrent kernel [hidden, gates * hidden] with orthonormal rows (Saxe et al. 2014).

    Orthogonal over all gates together, which keeps each gate's part small; gate by gate, the parts
    are twice as large, and on IMDB the first epoch learns next to nothing.
    """
    columns, triangle = np.linalg.qr(random.standard_normal(shape[::-1]))
    # With the signs of the diagonal every orthogonal matrix is equally likely (Mezzadri 2007).
    return (columns * np.sign(np.diag(triangle))).T.astype(np.float32)
