"""``python -m tests.benchmarks``: our training and scoring against Keras and PyTorch, as a table.

The systems take turns, each turn a process of its own, so that a machine whose speed drifts
treats all alike; what counts is the median of the ratios of neighbouring turns. Systems that are
not installed are left out (``pip install -e '.[bench]'`` brings them).
"""

import importlib.util
import json
import platform
import statistics
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

from tests.benchmarks.systems import TASKS

ROUNDS = 3
MODULES = {"rnncli": "rnncli", "keras": "tensorflow", "torch": "torch"}
ROWS = [
    ("training, 200 tokens, batch 128", "train", "200", "200"),
    ("training, real lengths up to 400, Keras padded to 400", "train", "400r", "400r"),
    ("scoring, 200 tokens", "score", "200", "200"),
    ("scoring, real lengths up to 200", "score", "200r", "200r"),
]


def measure(system: str, task: str, length: str) -> dict[str, Any]:
    """One turn of a system."""
    command = [sys.executable, "-m", "tests.benchmarks.systems", system, task, length]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Print the table as Markdown, a row as soon as it is measured."""
    print(f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, Python {platform.python_version()}\n")
    print("| task | system | texts a second | rnncli is faster by | peak memory |\n|---|---|---|---|---|")
    systems = [name for name, module in MODULES.items() if importlib.util.find_spec(module)]
    for title, task, ours, theirs in ROWS:
        rivals = [name for name in systems if (name, task) in TASKS]
        turns: dict[str, list[dict[str, Any]]] = {name: [] for name in rivals}
        for _ in range(ROUNDS):
            for name in rivals:
                turns[name].append(measure(name, task, ours if name == "rnncli" else theirs))
        rates = {name: [statistics.median(turn["rates"]) for turn in found] for name, found in turns.items()}
        for name in rivals:
            ratios = [a / b for a, b in zip(rates["rnncli"], rates[name], strict=True)]
            memory = max(turn["megabytes"] for turn in turns[name])
            print(
                f"| {title} | {name} | {statistics.median(rates[name]):,.0f} "
                f"| {statistics.median(ratios):.1f} × | {memory:,.0f} MB |",
                flush=True,
            )


if __name__ == "__main__":
    main()
