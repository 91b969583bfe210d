"""``python -m tests.benchmarks.against TREE``: this checkout beside another one, on one machine.

Each tree runs its own code, from its own folder and with its own cache of compiled programs, which
is filled before anything counts. The two take turns, A B A B, so that a machine whose speed drifts
treats both alike; what counts is the median of the ratios of neighbouring turns. Every ratio says
how many times as good this tree is: above 1 it is faster, or needs less memory.
"""

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks import commands
from tests.benchmarks.measuring import ROOT, answer, header, row


class Tree(NamedTuple):
    """A checkout to measure, and the folder that its commands run in."""

    root: Path
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """Lets Python find this tree's code, and its code its own compiled programs."""
        return {**os.environ, "PYTHONPATH": str(self.root), "XDG_CACHE_HOME": str(self.folder / "cache")}

    def command(self, *arguments: str) -> dict[str, float]:
        """Seconds of ``rnncli ARGUMENTS``, its start included."""
        return {"s": commands.seconds(*arguments, folder=self.folder, environment=self.environment)}

    def first_step(self) -> dict[str, float]:
        """Seconds from the start of a training to its first checkpoint."""
        return {"s": commands.first_step(self.folder, self.environment)}

    def system(self, *arguments: str) -> dict[str, float]:
        """Texts per second and megabytes of ``python -m tests.benchmarks.systems rnncli ARGUMENTS``."""
        found = answer("systems", "rnncli", *arguments, tree=self.root, environment=self.environment)
        return {"texts/s": statistics.median(found["rates"]), "MB": found["megabytes"]}


def measurements(scale: float) -> dict[str, Callable[[Tree], dict[str, float]]]:
    """What is measured, by its name; `scale` makes everything that grows with the texts smaller."""

    def texts(count: int) -> str:
        return f"texts={max(256, int(scale * count))}"

    return {
        "training, 200 tokens": lambda tree: tree.system("train", texts(2048)),
        "training, 400 tokens": lambda tree: tree.system("train", "length=400", texts(1024)),
        "scoring, lengths up to 200": lambda tree: tree.system("score", "ragged=1", texts(25_000)),
        "bulk prediction (predict --input)": lambda tree: tree.command(*commands.MANY),
        "one prediction": lambda tree: tree.command(*commands.ONE),
        "start (--help)": lambda tree: tree.command("--help"),
        "first step of training, filled cache": Tree.first_step,
    }


def compare(name: str, measure: Callable[[Tree], dict[str, float]], trees: list[Tree], turns: int) -> None:
    """Measure both trees in turn and print a row for each unit; the first turn only fills caches."""
    found = [[measure(tree) for tree in trees] for _ in range(turns + 1)][1:]
    for unit in found[0][0]:
        this, other = ([turn[tree][unit] for turn in found] for tree in (0, 1))
        # Rates are better when high, times and memory when low.
        ratios = [a / b if unit == "texts/s" else b / a for a, b in zip(this, other, strict=True)]
        medians = [f"{statistics.median(each):,.{2 if unit == 's' else 0}f}" for each in (this, other)]
        spread = f"{min(ratios):.3f} to {max(ratios):.3f}"
        row(name, unit, *medians, f"{statistics.median(ratios):.3f}", spread)


def main(arguments: list[str]) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.against", description=__doc__)
    parser.add_argument("tree", type=Path, help="another checkout, such as a worktree of an older commit")
    parser.add_argument("--turns", type=int, default=5, help="of each tree (%(default)s)")
    parser.add_argument("--scale", type=float, default=1.0, help="of the numbers of texts (%(default)s)")
    parser.add_argument("--only", nargs="+", default=[""], help="rows, by how their names begin")
    options = parser.parse_args(arguments)
    header("what", "unit", "this", "other", "ratio", "least to most")
    with tempfile.TemporaryDirectory() as name:
        trees = [Tree(ROOT, Path(name) / "this"), Tree(options.tree.resolve(), Path(name) / "other")]
        for tree in trees:
            tree.folder.mkdir()
            texts = int(options.scale * commands.TEXTS)
            commands.prepare_and_train(tree.folder, tree.environment, texts)
        for title, measure in measurements(options.scale).items():
            if title.startswith(tuple(options.only)):
                compare(title, measure, trees, options.turns)


if __name__ == "__main__":
    main(sys.argv[1:])
