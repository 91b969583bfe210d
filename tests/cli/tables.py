"""Tables of labelled texts in which each label has words of its own."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tests.cli.command import invoke

NEUTRAL = "the of and to in it is was that for on with as at by from".split()


def write_table(
    path: Path, labels: Sequence[str], rows: int, *, shares: Sequence[float] | None = None, seed: int = 0
) -> None:
    """Write a CSV with the columns text and label.

    Args:
        path: the file.
        labels: the classes; words such as ``w3x1`` tell the fourth.
        rows: how many rows.
        shares: the share of each label; equal shares without.
        seed: of everything drawn.
    """
    random = np.random.default_rng(seed)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for row in range(rows):
            number = row if row < len(labels) * 10 and shares else random.choice(len(labels), p=shares)
            number = int(number) % len(labels)
            words = [f"w{number}x{random.integers(5)}" for _ in range(2)]
            words += random.choice(NEUTRAL, random.integers(3, 12)).tolist()
            random.shuffle(words)
            writer.writerow([" ".join(words) + f" {row}", labels[number]])


def prepare_films(folder: Path) -> Path:
    """Prepare a small table of films in `folder`, as ``films``."""
    write_table(folder / "films.csv", ["bad", "good"], rows=211)
    assert invoke("prepare", "films.csv", "--max-length", "11", cwd=folder).returncode == 0
    return folder
