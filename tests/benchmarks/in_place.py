"""``python -m tests.benchmarks.in_place [TURNS]``: what the backward pass in place gains, as a table.

Each turn is a process of its own that takes a few steps of the tutorial's size, in turn with the pass of
`rnncli.models.in_place` and with JAX differentiating the definition, so that a machine whose speed drifts
treats both alike. The gain is the median of the ratios of neighbouring turns: once of time, and once of
processor time, which hardly depends on what else the machine does.
"""

import itertools
import json
import resource
import sys
import time

import numpy as np

from tests.benchmarks.measuring import answer, header, row
from tests.benchmarks.systems import Case, our_steps

CASES = list(itertools.product((64, 128, 256), (200, 400), ("rnn", "gru", "lstm"), ("", "bi")))
WAYS = ("in place", "definition")
TURNS, TOKENS = 7, 20_000_000  # a turn takes as many steps as this many tokens times hidden units


def take_turn(way: str, arch: str, hidden_size: int, length: int) -> None:
    """Print the texts per second of time and of processor time, and the peak of memory in megabytes."""
    case = Case(length=length, texts=128, hidden=hidden_size)
    step, wait = our_steps(case, arch=arch)
    from rnncli.models import in_place
    from rnncli.settings.model import CELLS

    in_place.WORTH_IT = set(itertools.product(CELLS, (1, 2))) if way == "in place" else set()
    wait(step())  # compiles it
    steps = max(1, TOKENS // (case.batch * length * hidden_size * (2 if arch.startswith("bi") else 1)))
    wall, processor = time.perf_counter(), time.process_time()
    for _ in range(steps):
        last = step()
    wait(last)
    taken = time.perf_counter() - wall, time.process_time() - processor
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps([*(steps * case.batch / seconds for seconds in taken), memory]))


def measure(arch: str, hidden_size: int, length: int, turns: int) -> None:
    """Print a row of the table."""
    taken = [[answer("in_place", way, arch, hidden_size, length) for way in WAYS] for _ in range(turns)]
    wall, processor, memory = np.moveaxis(np.array(taken), -1, 0)  # [turns, ways] each
    rates = (f"{rate:,.0f}" for rate in np.median(wall, axis=0))
    gains = (f"{np.median(each[:, 0] / each[:, 1]) - 1:+.0%}" for each in (wall, processor))
    row(f"{arch} {hidden_size}", f"{length}", *rates, *gains, *(f"{peak:,.0f}" for peak in memory[-1]))


def main(turns: int) -> None:
    """Print the table."""
    columns = ["model", "tokens", "texts/s in place", "definition", "gain", "of processor time"]
    header(*columns, "MB in place", "definition")
    for hidden_size, length, cell, direction in CASES:
        measure(direction + cell, hidden_size, length, turns)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        take_turn(*sys.argv[1:3], *map(int, sys.argv[3:]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else TURNS)
