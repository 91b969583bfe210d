"""``python -m tests.benchmarks [SECTION ...]``: what rnncli costs, as Markdown tables.

Sections: ``others`` (training and scoring in turn with Keras and PyTorch, where
``pip install -e '.[bench]'`` has brought them), ``growth`` (cost by length, size, vocabulary and
cores) and ``commands`` (whole processes, their start included); without one, all.

The systems take turns, each turn a process of its own, so that a machine whose speed drifts treats
all alike; what counts is the median of the ratios of neighbouring turns.
"""

import importlib.util
import os
import platform
import statistics
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import numpy as np

from tests.benchmarks import commands
from tests.benchmarks.measuring import CORES, answer, header, row
from tests.benchmarks.systems import EMBEDDING_SIZE, TASKS, Case

ROUNDS = 3
MODULES = {"rnncli": "rnncli", "keras": "tensorflow", "torch": "torch"}
OTHERS = [
    ("training, 200 tokens, batch 128", "train", Case()),
    ("training, real lengths up to 400, others padded to 400", "train", Case(length=400, ragged=1)),
    ("scoring 25,000 texts of real lengths up to 200", "score", Case(ragged=1, texts=25_000)),
    ("scoring 8,192 texts of 200 tokens", "score", Case(texts=8192)),
]
GROWTH = [
    *(("length", Case(length=length, texts=1024)) for length in (100, 200, 400, 800, 1600)),
    *(("hidden", Case(hidden=hidden, texts=1024)) for hidden in (32, 64, 128, 256, 512)),
    *(("vocabulary", Case(vocabulary=size, texts=1024)) for size in (1000, 10_000, 100_000)),
    *(("devices", Case(devices=devices)) for devices in range(1, CORES + 1)),
]


def measure(system: str, task: str, case: Case) -> dict[str, Any]:
    """One turn of a system: the median of its rates in texts per second, and its peak of megabytes."""
    found = answer("systems", system, task, *(f"{name}={value}" for name, value in case._asdict().items()))
    return {"rate": statistics.median(found["rates"]), "megabytes": found["megabytes"]}


def peak(cores: int) -> float:
    """Multiplications and additions a second that NumPy's matrix product reaches, one process a core."""
    code = """
import time, numpy as np
a = np.ones((1024, 1024), np.float32)
a @ a
started = time.perf_counter()
for _ in range(30): a @ a
print(30 * 2 * 1024**3 / (time.perf_counter() - started))
"""
    single = os.environ | dict.fromkeys(("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"), "1")
    running = [
        subprocess.Popen([sys.executable, "-c", code], env=single, stdout=subprocess.PIPE, text=True)
        for _ in range(cores)
    ]
    return sum(float(process.communicate()[0]) for process in running)


def operations(case: Case) -> float:
    """Multiplications and additions of a text's training step: products with both kernels, three times.

    Distinct words are projected once in each device's share of a batch.
    """
    share = case.batch // (case.devices or CORES)
    texts, _ = case.reviews()
    shares = [np.concatenate(texts[start : start + share]) for start in range(0, case.batch, share)]
    words = sum(len(np.unique(share)) for share in shares) / case.batch
    columns = 2 * 4 * case.hidden
    return 3 * 2 * columns * (case.length * case.hidden + words * EMBEDDING_SIZE)


def others() -> None:
    """Against what a user would pick instead."""
    header("task", "system", "texts a second", "rnncli is faster by", "peak memory")
    for title, task, case in OTHERS:
        systems = [
            name
            for name, module in MODULES.items()
            if (name, task) in TASKS and importlib.util.find_spec(module)
        ]
        turns = [{name: measure(name, task, case) for name in systems} for _ in range(ROUNDS)]
        for name in systems:
            rate = statistics.median(turn[name]["rate"] for turn in turns)
            ratio = statistics.median(turn["rnncli"]["rate"] / turn[name]["rate"] for turn in turns)
            memory = max(turn[name]["megabytes"] for turn in turns)
            faster = "" if name == "rnncli" else f"{ratio:.1f} ×"
            row(title, name, f"{rate:,.0f}", faster, f"{memory:,.0f} MB")


def growth() -> None:
    """How the cost of training grows; one setting of the tutorial's is changed at a time."""
    header("setting", "texts a second", "share of the peak matrix product", "peak memory")
    for name, case in GROWTH:
        most = peak(case.devices or CORES)
        turn = measure("rnncli", "train", case)
        share = turn["rate"] * operations(case) / most
        setting = f"{name} {getattr(case, name):,}"
        row(setting, f"{turn['rate']:,.0f}", f"{share:.0%}", f"{turn['megabytes']:,.0f} MB")


SECTIONS = {"others": others, "growth": growth, "commands": commands.main}


def main() -> None:
    """Print the tables."""
    machine = f"{platform.machine()}, {CORES} cores, Python {platform.python_version()}"
    print(f"{datetime.now(UTC):%Y-%m-%d}, {machine},")
    print(f"matrix product {peak(1) / 1e9:.0f} GFLOP/s on one core, {peak(CORES) / 1e9:.0f} on {CORES}")
    for name in sys.argv[1:] or SECTIONS:
        print(f"\n### {name}\n")
        SECTIONS[name]()


if __name__ == "__main__":
    main()
