"""``python -m tests.benchmarks.break_even``: from how many texts on JAX answers sooner than NumPy.

Whole processes that load a model and score random texts of 200 tokens, a few and many, by NumPy
alone and by JAX alone, with its cache of programs filled. Both costs grow evenly with the texts, so
that two sizes give the number at which the lines cross.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rnncli.inference.model_folder import save_model
from rnncli.inference.predictions import BREAK_EVEN, multiplications_per_token
from rnncli.settings.model import ModelShape
from tests.factories import random_model

LENGTH, STARTS = 200, 3
FEW, MANY = {"numpy": 64, "jax": 1024}, {"numpy": 512, "jax": 8192}
MODELS = [("rnn", 64), ("gru", 64), ("lstm", 64), ("bilstm", 64), ("bilstm", 128)]
SCORE = """
import sys
from pathlib import Path
import numpy as np
from rnncli.inference import predictions as inference
from rnncli.inference.model_folder import load_model
folder, system, count, length = *sys.argv[1:3], *map(int, sys.argv[3:])
inference.BREAK_EVEN = float("inf") if system == "numpy" else 0
model = load_model(Path(folder))
texts = list(np.random.default_rng(0).integers(0, 1000, (count, length), dtype=np.int32))
inference.Predictor(model).probabilities(texts)
"""


def seconds(folder: Path, system: str, count: int) -> float:
    """Median time of a process that scores `count` texts."""
    times = []
    for _ in range(STARTS):
        started = time.perf_counter()
        subprocess.run(
            [sys.executable, "-c", SCORE, str(folder), system, str(count), str(LENGTH)], check=True
        )
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def main() -> None:
    """Print the table as Markdown, a row as soon as it is measured."""
    print("| model | NumPy, texts a second | JAX | head start of NumPy | break-even | multiplications |")
    print("|---|---|---|---|---|---|")
    for arch, hidden in MODELS:
        config = ModelShape(arch, vocab_size=1000, num_classes=2, hidden_size=hidden)
        model = random_model(config, max_length=LENGTH)
        with tempfile.TemporaryDirectory() as name:
            save_model(Path(name) / "model", model)
            start, each = {}, {}
            for system in FEW:
                seconds(Path(name) / "model", system, FEW[system])  # fills the cache of programs
                few, many = (seconds(Path(name) / "model", system, sizes[system]) for sizes in (FEW, MANY))
                each[system] = (many - few) / (MANY[system] - FEW[system])
                start[system] = few - each[system] * FEW[system]
        head_start = start["jax"] - start["numpy"]
        texts = head_start / (each["numpy"] - each["jax"])
        cost = texts * LENGTH * multiplications_per_token(model)
        rates = f"{1 / each['numpy']:,.0f} | {1 / each['jax']:,.0f}"
        print(
            f"| {arch} {hidden} | {rates} | {head_start:.2f} s | {texts:,.0f} texts | {cost:.1e} |",
            flush=True,
        )
    print(f"\nrnncli.inference.BREAK_EVEN is {BREAK_EVEN:.1e}.")


if __name__ == "__main__":
    main()
