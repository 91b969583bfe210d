"""Preparing a dataset from Python."""

from pathlib import Path

import pytest

import rnncli
from rnncli.errors import DataError, UsageError
from rnncli.workflows.prepare import prepare


def test_a_table_is_prepared_without_a_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "my films.csv"
    table.write_text("opinion,rating\n" + "".join(f"word{i} b c d,{i % 2}\n" for i in range(97)))
    stages: list[str] = []
    dataset = rnncli.prepare(
        table,
        runs_dir=str(tmp_path / "runs"),
        text_column="opinion",
        max_length=3,
        keep="both",
        report=lambda progress: stages.append(progress.stage),
    )
    assert dataset.path == tmp_path / "runs" / "datasets" / "my-films"
    assert dataset.manifest.label_names == ("0", "1")
    assert (dataset.manifest.config.max_length, dataset.manifest.config.keep) == (3, "both")
    assert [len(dataset.split(name)) for name in ("train", "validation", "test")] == [77, 10, 10]
    assert {"Reading my films.csv", "Encoding test"} <= set(stages)
    assert capfd.readouterr() == ("", "")


def test_settings_are_checked_before_anything_is_read(tmp_path: Path) -> None:
    for wrong, message in (({"max_lenght": 3}, "unknown setting 'max_lenght'"), ({"seed": -1}, "seed must")):
        with pytest.raises(UsageError, match=message):
            prepare(tmp_path / "missing.csv", runs_dir=tmp_path, **wrong)
    with pytest.raises(DataError, match=r"missing\.csv: no such file or folder"):
        prepare(tmp_path / "missing.csv", runs_dir=tmp_path)
    assert list(tmp_path.iterdir()) == []
