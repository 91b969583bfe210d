"""Write references.npz with the answers of PyTorch and Keras to random problems.

Run from the repository's root where PyTorch, Keras and TensorFlow are installed:

    python -m tests.parity.make_references
"""

from pathlib import Path

import numpy as np

from tests.parity import keras_layers, torch_layers
from tests.parity.problems import SHAPES, STACKED, random_problem, to_arrays

PATH = Path(__file__).with_name("references.npz")


def main() -> None:
    """Solve each problem with each library that has such a layer."""
    arrays = {}
    for library, solve, shapes, least in (
        ("torch", torch_layers.solve, SHAPES + STACKED, 1),
        ("keras", keras_layers.solve, SHAPES, 0),
    ):
        for shape in shapes:
            problem = random_problem(shape, seed=least, least=least)
            found = to_arrays(problem, solve(problem))
            arrays |= {f"{library}/{shape.name}/{name}": value for name, value in found.items()}
    np.savez_compressed(PATH, allow_pickle=False, **arrays)


if __name__ == "__main__":
    main()
