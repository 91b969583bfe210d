"""The prediction for each example of an evaluation, as a file."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rnncli.errors import UsageError
from rnncli.evaluation.measures import Evaluation
from rnncli.reporting.formatting import rounded
from rnncli.system.files import to_json, write_bytes

ENDINGS = (".csv", ".jsonl")


def check_output(path: Path) -> None:
    """Refuse what `write_rows` could not write, before time is spent on scoring.

    Raises:
        UsageError: the ending is unknown, or the folder does not exist.
    """
    if path.suffix.lower() not in ENDINGS:
        raise UsageError(f"--output {path}: the ending decides the format: use {' or '.join(ENDINGS)}")
    if not path.parent.is_dir():
        raise UsageError(f"--output {path}: there is no folder {path.parent}")


def evaluation_rows(evaluation: Evaluation) -> Iterator[dict[str, Any]]:
    """One row for each example, in the split's order.

    ``index`` counts the rows of the split from 0, ``tag`` is there where the data has tags,
    ``label`` is the truth, and ``probability`` that of the label predicted.
    """
    names, arrays = evaluation.labels, evaluation.arrays
    for index, (label, probabilities) in enumerate(
        zip(arrays["labels"], arrays["probabilities"], strict=True)
    ):
        predicted = probabilities.argmax()
        yield {
            "index": index,
            **({"tag": str(arrays["tags"][index])} if "tags" in arrays else {}),
            "label": names[label],
            "predicted": names[predicted],
            "probability": rounded(probabilities[predicted]),
            "probabilities": dict(zip(names, map(rounded, probabilities), strict=True)),
        }


def write_rows(path: Path, evaluation: Evaluation) -> None:
    """Replace `path` with one row for each example, in the format of its ending.

    In CSV the probability of each label has a column ``probability_LABEL``.
    """
    text = io.StringIO()
    if path.suffix.lower() == ".jsonl":
        text.writelines(to_json(row, indent=None) + "\n" for row in evaluation_rows(evaluation))
    else:
        rows = [_flat(row) for row in evaluation_rows(evaluation)]
        writer = csv.DictWriter(text, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    write_bytes(path, text.getvalue().encode())


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    probabilities = row.pop("probabilities")
    return row | {f"probability_{name}": value for name, value in probabilities.items()}
