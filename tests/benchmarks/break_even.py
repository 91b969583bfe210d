"""``python -m tests.benchmarks.break_even``: from how many texts on JAX answers sooner than NumPy.

Whole processes that load a model and score random texts of 200 tokens, a few and many, by NumPy
alone and by JAX alone, with its cache of programs filled. Both costs grow evenly with the texts, so
that two sizes give the number at which the lines cross.
"""

import tempfile
from pathlib import Path

from rnncli.inference.model_folder import save_model
from rnncli.inference.scoring import BREAK_EVEN, multiplications_per_token
from rnncli.settings.model import ModelShape
from tests.benchmarks.measuring import header, median, row, seconds
from tests.factories import random_model

LENGTH, STARTS = 200, 3
SIZES = {"numpy": (64, 512), "jax": (1024, 8192)}  # texts: few, many
MODELS = [("rnn", 64), ("gru", 64), ("lstm", 64), ("bilstm", 64), ("bilstm", 128)]
SCORE = """
import sys
from pathlib import Path
import numpy as np
from rnncli.inference import scoring
from rnncli.inference.averaged_model import load_model
from rnncli.inference.predictions import Predictor
folder, system, count, length = *sys.argv[1:3], *map(int, sys.argv[3:])
scoring.BREAK_EVEN = float("inf") if system == "numpy" else 0
model = load_model(Path(folder))
texts = list(np.random.default_rng(0).integers(0, 1000, (count, length), dtype=np.int32))
Predictor(model).probabilities(texts)
"""


def line(folder: Path, system: str) -> tuple[float, float]:
    """Seconds that a process takes without a text, and that each text adds."""

    def score(count: int) -> float:
        return seconds("-c", SCORE, folder, system, count, LENGTH)

    sizes = SIZES[system]
    score(sizes[0])  # fills the cache of programs
    few, many = (median(lambda size=size: score(size), STARTS) for size in sizes)
    each = (many - few) / (sizes[1] - sizes[0])
    return few - each * sizes[0], each


def main() -> None:
    """Print the table."""
    header("model", "NumPy, texts a second", "JAX", "head start of NumPy", "break-even", "multiplications")
    for arch, hidden in MODELS:
        config = ModelShape(arch, vocab_size=1000, num_classes=2, hidden_size=hidden)
        model = random_model(config, max_length=LENGTH)
        with tempfile.TemporaryDirectory() as name:
            save_model(Path(name) / "model", model)
            (numpy_start, numpy_each), (jax_start, jax_each) = (
                line(Path(name) / "model", system) for system in SIZES
            )
        head_start = jax_start - numpy_start
        texts = head_start / (numpy_each - jax_each)
        cost = texts * LENGTH * multiplications_per_token(model)
        rates = f"{1 / numpy_each:,.0f}", f"{1 / jax_each:,.0f}"
        row(f"{arch} {hidden}", *rates, f"{head_start:.2f} s", f"{texts:,.0f} texts", f"{cost:.1e}")
    print(f"\nrnncli.inference.scoring.BREAK_EVEN is {BREAK_EVEN:.1e}.")


if __name__ == "__main__":
    main()
