"""What all measurements share: processes, medians and Markdown tables."""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
CORES = len(os.sched_getaffinity(0))


def row(*cells: str) -> None:
    """Print a row of a table, as soon as it is measured."""
    print(f"| {' | '.join(cells)} |", flush=True)


def header(*columns: str) -> None:
    """Print the head of a table."""
    row(*columns)
    print("|---" * len(columns) + "|", flush=True)


def median(measure: Callable[[], float], times: int) -> float:
    """The median of several measurements."""
    return statistics.median(measure() for _ in range(times))


def python(*arguments: object, folder: Path, environment: Mapping[str, str]) -> str:
    """What ``python ARGUMENTS`` prints, run in `folder`.

    Raises:
        RuntimeError: the process failed.
    """
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr}")
    return done.stdout


def seconds(*arguments: object, folder: Path = ROOT, environment: Mapping[str, str] = os.environ) -> float:
    """Time of ``python ARGUMENTS``, from its start to its end."""
    started = time.perf_counter()
    python(*arguments, folder=folder, environment=environment)
    return time.perf_counter() - started


def answer(
    name: str, *arguments: object, tree: Path = ROOT, environment: Mapping[str, str] = os.environ
) -> Any:
    """What ``python -m tests.benchmarks.NAME ARGUMENTS`` of the checkout `tree` prints last, as JSON."""
    said = python("-m", f"tests.benchmarks.{name}", *arguments, folder=tree, environment=environment)
    return json.loads(said.splitlines()[-1])


def rates(work: Callable[[], object], texts: int, repetitions: int) -> list[float]:
    """Texts per second of each repetition of `work`, which takes so many `texts`, after one that warms up."""
    work()
    found = []
    for _ in range(repetitions):
        started = time.perf_counter()
        work()
        found.append(texts / (time.perf_counter() - started))
    return found
