"""The file of predictions."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from rnncli.errors import UsageError
from rnncli.evaluation.measures import Evaluation, measure
from rnncli.reporting.evaluation_rows import check_output, write_rows
from tests.evaluation.test_measures import SUBJECT
from tests.evaluation.test_metrics import random_predictions

NAMES = ("neg,\n", 'po"s', "مرحبا 🎬")
PROBABILITIES, LABELS = random_predictions(47, 3, seed=5)


def evaluated(*, tags: bool) -> Evaluation:
    names = np.array([f"tag {index % 3}" for index in range(47)]) if tags else None
    return measure(SUBJECT, PROBABILITIES.astype(np.float64), LABELS, label_names=NAMES, tags=names)


def test_jsonl_and_csv_hold_the_same(tmp_path: Path) -> None:
    for name in ("p.jsonl", "p.csv"):
        (tmp_path / name).write_text("old")
        write_rows(tmp_path / name, evaluated(tags=True))
    rows = [json.loads(line) for line in (tmp_path / "p.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["index"] for row in rows] == list(range(47))
    assert [row["label"] for row in rows] == [NAMES[label] for label in LABELS]
    assert [row["predicted"] for row in rows] == [NAMES[best] for best in PROBABILITIES.argmax(axis=1)]
    assert [row["tag"] for row in rows] == [f"tag {index % 3}" for index in range(47)]
    with (tmp_path / "p.csv").open(encoding="utf-8", newline="") as file:
        cells_of_rows = list(csv.DictReader(file))
    for row, cells, expected in zip(rows, cells_of_rows, PROBABILITIES, strict=True):
        probabilities = row.pop("probabilities")
        assert list(probabilities) == list(NAMES)
        assert list(probabilities.values()) == pytest.approx(expected.tolist(), rel=1e-6)
        assert row["probability"] == max(probabilities.values())
        flat = row | {f"probability_{name}": value for name, value in probabilities.items()}
        assert cells == {name: str(value) for name, value in flat.items()}
        assert list(cells) == list(flat)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["p.csv", "p.jsonl"]


@pytest.mark.parametrize("name", ["p.csv", "P.JSONL"])
def test_data_without_tags_has_no_tag_column(tmp_path: Path, name: str) -> None:
    check_output(tmp_path / name)
    write_rows(tmp_path / name, evaluated(tags=False))
    content = (tmp_path / name).read_text(encoding="utf-8")
    assert "tag" not in content
    assert content.startswith("{" if name == "P.JSONL" else "index,label,")


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    for name in ("p.txt", "p", "p.csv.gz", "jsonl"):
        with pytest.raises(UsageError, match=r"use \.csv or \.jsonl"):
            check_output(tmp_path / name)
    with pytest.raises(UsageError, match=f"there is no folder {tmp_path / 'results'}"):
        check_output(tmp_path / "results" / "p.csv")
