"""``python -m tests.reliability``: the long form of these tests, as a table; 1 if anything was lost.

All that it writes lies in a temporary folder, which is gone at the end.
"""

import argparse
import importlib.util
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.reliability.damage import damages
from tests.reliability.faults import faults, in_process_project
from tests.reliability.fuzz import fuzz
from tests.reliability.processes import EPOCHS_OF_THREE_HOURS, kills, stops
from tests.reliability.tally import HEADER, Tally

COUNTS = (
    ("kills", 200, "SIGKILLs"),
    ("every", 1, "break each N-th operation on the disk"),
    ("flips", 20, "flipped bits in each file"),
    ("inputs", 1_000_000, "inputs to fuzz with"),
    ("epochs", EPOCHS_OF_THREE_HOURS, "epochs of the long training"),
    ("seed", random.randrange(10**6), "of everything drawn; by default another each time"),
)


def disk(home: Path, options: argparse.Namespace) -> Iterator[Tally]:
    """What can happen to a disk: operations that fail, and files that are damaged."""
    with in_process_project(home) as project:
        yield from faults(project, every=options.every)
        yield from damages(project, flips=options.flips, seed=options.seed)


PARTS: dict[str, Callable[[Path, argparse.Namespace], Iterator[Tally]]] = {
    "kills": lambda home, options: kills(home, count=options.kills, seed=options.seed),
    "disk": disk,
    "fuzz": lambda home, options: fuzz(home, inputs=options.inputs, seed=options.seed),
    "stops": lambda home, options: stops(home, epochs=options.epochs),
}


def main(arguments: list[str]) -> int:
    """Run the parts and print the table, a row as soon as it is known; return how the process ends."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability", description=__doc__)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=[*PARTS], help="default: all")
    for name, default, meaning in COUNTS:
        parser.add_argument(
            f"--{name}", type=int, default=default, metavar="N", help=f"{meaning} (%(default)s)"
        )
    options = parser.parse_args(arguments)
    if "fuzz" in options.parts and not importlib.util.find_spec("atheris"):
        parser.error("the part fuzz needs Atheris: pip install -e '.[fuzz]'")
    lost: list[str] = []
    print(f"seed {options.seed}\n\n{HEADER}", flush=True)
    with tempfile.TemporaryDirectory(prefix="rnncli-reliability-") as folder:
        os.environ["XDG_CACHE_HOME"] = folder  # of compiled programs and of matplotlib's fonts
        for part in options.parts:
            (home := Path(folder) / part).mkdir()
            begin = time.monotonic()
            for tally in PARTS[part](home, options):
                print(tally.row(), flush=True)
                lost += tally.lost
            print(f"{part}: {time.monotonic() - begin:,.0f} s", file=sys.stderr, flush=True)
    print("\n".join([f"\n{len(lost)} losses", *(f"- {loss}" for loss in lost)]))
    return bool(lost)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
