"""``python -m tests.benchmarks [SECTION ...]``: what rnncli costs, as Markdown tables.

Sections: ``others`` (training and scoring in turn with Keras and PyTorch, where
``pip install -e '.[bench]'`` has brought them), ``growth`` (cost by length, size, vocabulary and
cores) and ``commands`` (whole processes, their start included); without one, all.

The systems take turns, each turn a process of its own, so that a machine whose speed drifts treats
all alike; what counts is the median of the ratios of neighbouring turns.
"""

import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import Any

import numpy as np

from tests.benchmarks import commands
from tests.benchmarks.systems import BATCH_SIZE, EMBEDDING_SIZE, TASKS, Case

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
    *(("devices", Case(devices=devices)) for devices in range(1, len(os.sched_getaffinity(0)) + 1)),
]


def measure(system: str, task: str, case: Case) -> dict[str, Any]:
    """One turn of a system."""
    settings = [f"{name}={value}" for name, value in case._asdict().items()]
    command = [sys.executable, "-m", "tests.benchmarks.systems", system, task, *settings]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


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
    shards = case.devices or len(os.sched_getaffinity(0))
    texts, _ = case.reviews()
    shares = [
        np.concatenate(texts[start : start + BATCH_SIZE // shards])
        for start in range(0, BATCH_SIZE, BATCH_SIZE // shards)
    ]
    words = sum(len(np.unique(share)) for share in shares) / BATCH_SIZE
    columns = 2 * 4 * case.hidden
    return 3 * 2 * columns * (case.length * case.hidden + words * EMBEDDING_SIZE)


def others() -> None:
    """Against what a user would pick instead."""
    print("| task | system | texts a second | rnncli is faster by | peak memory |\n|---|---|---|---|---|")
    systems = [name for name, module in MODULES.items() if importlib.util.find_spec(module)]
    for title, task, case in OTHERS:
        rivals = [name for name in systems if (name, task) in TASKS]
        turns: dict[str, list[dict[str, Any]]] = {name: [] for name in rivals}
        for _ in range(ROUNDS):
            for name in rivals:
                turns[name].append(measure(name, task, case))
        rates = {name: [statistics.median(turn["rates"]) for turn in found] for name, found in turns.items()}
        for name in rivals:
            ratios = [a / b for a, b in zip(rates["rnncli"], rates[name], strict=True)]
            faster = "" if name == "rnncli" else f"{statistics.median(ratios):.1f} ×"
            memory = max(turn["megabytes"] for turn in turns[name])
            rate = statistics.median(rates[name])
            print(f"| {title} | {name} | {rate:,.0f} | {faster} | {memory:,.0f} MB |", flush=True)


def growth() -> None:
    """How the cost of training grows; one setting of the tutorial's is changed at a time."""
    cores = len(os.sched_getaffinity(0))
    print("| setting | texts a second | share of the peak matrix product | peak memory |\n|---|---|---|---|")
    for name, case in GROWTH:
        most = peak(case.devices or cores)
        turn = measure("rnncli", "train", case)
        rate = statistics.median(turn["rates"])
        share = rate * operations(case) / most
        value = getattr(case, name)
        print(f"| {name} {value:,} | {rate:,.0f} | {share:.0%} | {turn['megabytes']:,.0f} MB |", flush=True)


SECTIONS = {"others": others, "growth": growth, "commands": commands.main}


def main() -> None:
    """Print the tables, a row as soon as it is measured."""
    started = time.perf_counter()
    cores = len(os.sched_getaffinity(0))
    machine = f"{platform.machine()}, {cores} cores, Python {platform.python_version()}"
    print(f"{datetime.now(UTC):%Y-%m-%d}, {machine},")
    print(f"matrix product {peak(1) / 1e9:.0f} GFLOP/s on one core, {peak(cores) / 1e9:.0f} on {cores}")
    for name in sys.argv[1:] or SECTIONS:
        print(f"\n### {name}\n")
        SECTIONS[name]()
    print(f"\n{(time.perf_counter() - started) / 60:.0f} minutes")


if __name__ == "__main__":
    main()
