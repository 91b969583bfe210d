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


def evaluated(*, tags: bool) -> Evaluation:
    probabilities, labels = random_predictions(47, 3, seed=5)
    names = np.array([f"tag {index % 3}" for index in range(47)]) if tags else None
    return measure(SUBJECT, probabilities.astype(np.float64), labels, label_names=NAMES, tags=names)


def test_jsonl(tmp_path: Path) -> None:
    path = tmp_path / "predictions.jsonl"
    write_rows(path, evaluated(tags=True))
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    probabilities, labels = random_predictions(47, 3, seed=5)
    assert [row["index"] for row in rows] == list(range(47))
    assert [row["label"] for row in rows] == [NAMES[label] for label in labels]
    assert [row["predicted"] for row in rows] == [NAMES[best] for best in probabilities.argmax(axis=1)]
    assert [row["tag"] for row in rows] == [f"tag {index % 3}" for index in range(47)]
    for row, expected in zip(rows, probabilities, strict=True):
        assert list(row["probabilities"]) == list(NAMES)
        assert list(row["probabilities"].values()) == pytest.approx(expected.tolist(), rel=1e-6)
        assert row["probability"] == max(row["probabilities"].values())


def test_csv_holds_the_same(tmp_path: Path) -> None:
    write_rows(tmp_path / "p.jsonl", evaluated(tags=True))
    write_rows(tmp_path / "p.csv", evaluated(tags=True))
    expected = [json.loads(line) for line in (tmp_path / "p.jsonl").read_text(encoding="utf-8").splitlines()]
    with (tmp_path / "p.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [
        *("index", "tag", "label", "predicted", "probability"),
        *(f"probability_{name}" for name in NAMES),
    ]
    for row, other in zip(rows, expected, strict=True):
        assert {key: row[key] for key in ("tag", "label", "predicted")} == {
            key: other[key] for key in ("tag", "label", "predicted")
        }
        assert int(row["index"]) == other["index"]
        assert float(row["probability"]) == other["probability"]
        for name in NAMES:
            assert float(row[f"probability_{name}"]) == other["probabilities"][name]


@pytest.mark.parametrize("name", ["p.csv", "p.jsonl"])
def test_data_without_tags_has_no_tag_column(tmp_path: Path, name: str) -> None:
    write_rows(tmp_path / name, evaluated(tags=False))
    assert "tag" not in (tmp_path / name).read_text(encoding="utf-8")


def test_an_older_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("old")
    write_rows(path, evaluated(tags=False))
    assert path.read_text(encoding="utf-8").startswith("index,label,")
    assert [file.name for file in tmp_path.iterdir()] == ["p.csv"]


@pytest.mark.parametrize("name", ["p.txt", "p", "p.csv.gz", "jsonl"])
def test_unknown_endings_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"use \.csv or \.jsonl"):
        check_output(tmp_path / name)


def test_endings_in_capitals_are_fine(tmp_path: Path) -> None:
    check_output(tmp_path / "P.CSV")
    write_rows(tmp_path / "P.JSONL", evaluated(tags=False))
    assert (tmp_path / "P.JSONL").read_text(encoding="utf-8").startswith("{")


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"there is no folder {tmp_path / 'results'}"):
        check_output(tmp_path / "results" / "p.csv")
