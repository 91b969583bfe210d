"""``python -m tests.benchmarks.accuracy RUNS_DIR [--seeds N] [--only ROW...]``: accuracy by training time.

RUNS_DIR holds IMDB, prepared three times: for the textbook's models, for n-grams, and for the presets::

    rnncli prepare imdb
    rnncli prepare imdb --vocab-size 60000 --max-length 3000 --name imdb-full
    rnncli prepare imdb --vocab-size 12000 --max-length 3000 --also sample --also phrases --name films

Each row is a command, run with each seed, and then evaluated once on the test split and once on the
suite of short statements. Runs that RUNS_DIR holds already are not trained again, so that a table may
be made over several days. The plot goes to ``.github/accuracy.svg``.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tests.benchmarks.measuring import ROOT, header, row

PLOT = ROOT / ".github" / "accuracy.svg"
TIMES = "seconds.json"  # in a run's folder: the whole command's time


class Row(NamedTuple):
    """A command of the table: its name, dataset and options."""

    name: str
    dataset: str
    options: tuple[str, ...]

    @property
    def command(self) -> str:
        """As a user types it."""
        return " ".join(("rnncli train", *self.options, "--dataset", self.dataset))


ROWS = (
    *(
        Row(arch, "imdb", ("--arch", arch, "--epochs", "3"))
        for arch in ("bow", "rnn", "lstm", "gru", "birnn", "bilstm", "bigru")
    ),
    Row("tutorial", "imdb", ("--preset", "tutorial", "--epochs", "3")),
    Row("ngram", "imdb-full", ("--arch", "ngram")),
    *(Row(preset, "films", ("--preset", preset)) for preset in ("fast", "supervised", "small", "best")),
)


def rnncli(*arguments: str) -> str:
    """What the command prints on standard output."""
    command = [sys.executable, "-m", "rnncli", *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def figures(row: Row, seed: int, runs_dir: Path) -> dict[str, float]:
    """Train and evaluate one command with one seed."""
    name = f"{row.name}-{seed}"
    place = ("--runs-dir", str(runs_dir))
    kept = runs_dir / name / TIMES
    if not kept.exists():
        started = time.perf_counter()
        rnncli(
            "train", *row.options, "--dataset", row.dataset, "--name", name, "--seed", str(seed), "-q", *place
        )
        kept.write_text(json.dumps(time.perf_counter() - started))
    test = json.loads(rnncli("eval", name, "--json", "-q", *place))
    suite = json.loads(rnncli("eval", name, "--suite", "order", "--json", "-q", *place))
    return {
        "seconds": json.loads(kept.read_text()),
        "accuracy": test["accuracy"],
        "ece": test["ece"],
        "pairs": suite["kinds"]["negated pairs"]["accuracy"],
    }


def draw(points: dict[str, tuple[float, float]]) -> None:
    """Plot accuracy against minutes of training, each row a point with its name."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter

    figure = Figure(figsize=(8, 4.2), layout="constrained")
    FigureCanvasSVG(figure)
    axes = figure.subplots()
    for name, (seconds, accuracy) in points.items():
        preset = name in ("tutorial", "fast", "supervised", "small", "best")
        axes.plot(seconds / 60, accuracy, "o", color="tab:orange" if preset else "tab:blue")
        axes.annotate(name, (seconds / 60, accuracy), (5, 4), textcoords="offset points")
    axes.margins(x=0.08, y=0.1)  # room for the names
    axes.set(xscale="log", xlabel="minutes of training, two cores", ylabel="accuracy, IMDB's test split")
    axes.xaxis.set_major_formatter(lambda minutes, _place: f"{minutes:g}")
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.grid(alpha=0.3, which="both")
    figure.savefig(PLOT, metadata={"Date": None})


def main() -> None:
    """Print the table and draw the plot."""
    parser = argparse.ArgumentParser()
    parser.add_argument("runs_dir", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=[row.name for row in ROWS])
    given = parser.parse_args()
    header("command", "IMDB test", "least to most", "calibration error", "negated pairs", "minutes")
    points = {}
    for each in (each for each in ROWS if each.name in given.only):
        found: list[dict[str, Any]] = [figures(each, seed, given.runs_dir) for seed in range(given.seeds)]
        mean = {name: float(np.mean([one[name] for one in found])) for name in found[0]}
        accuracies = [one["accuracy"] for one in found]
        points[each.name] = mean["seconds"], mean["accuracy"]
        spread = f"{min(accuracies):.4f} to {max(accuracies):.4f}"
        minutes = f"{mean['seconds'] / 60:.1f}"
        shown = f"{mean['accuracy']:.4f}", spread, f"{mean['ece']:.3f}", f"{mean['pairs']:.3f}", minutes
        row(f"`{each.command}`", *shown)
    draw(points)


if __name__ == "__main__":
    main()
