from pathlib import Path

import pytest
from rnncli.data.sources.choice import ReadOptions, SampleSource, dataset_name, open_source

from rnncli.data.sources.folder import FolderSource
from rnncli.data.sources.imdb import ImdbSource
from rnncli.data.sources.table import TableSource
from rnncli.errors import DataError, UsageError


def test_what_the_user_names_becomes_a_source(tmp_path: Path) -> None:
    table, test = tmp_path / "my reviews.v2.csv", tmp_path / "test.tsv"
    for path in (table, test):
        path.touch()
    assert open_source("sample", ReadOptions(), seed=3) == (SampleSource(3), "sample")
    assert open_source("imdb", ReadOptions(archive=table), seed=0) == (ImdbSource(table), "imdb")
    options = ReadOptions(test=test, text_column="t", label_column="l", encoding="cp1252", skip_bad_rows=True)
    assert open_source(str(table), options, seed=0) == (
        TableSource(table, test, "t", "l", "cp1252", True),
        "my-reviews.v2",
    )
    options = ReadOptions(encoding="latin-1")
    assert open_source(str(tmp_path), options, seed=0) == (
        FolderSource(tmp_path, "latin-1"),
        dataset_name(tmp_path.name),
    )


def test_the_unpacked_imdb_folder_is_recognised(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "urls_pos.txt").touch()
    assert open_source(str(tmp_path), ReadOptions(), seed=0) == (ImdbSource(tmp_path), "imdb")


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ("sample", ReadOptions(archive=Path("a")), "--archive does not go with sample"),
        ("imdb", ReadOptions(test=Path("a")), "--test does not go with imdb"),
        ("imdb", ReadOptions(text_column="a"), "--text-column does not go with imdb"),
        (".", ReadOptions(label_column="a"), "--label-column does not go with a folder"),
        ("t.csv", ReadOptions(archive=Path("a")), "--archive does not go with a table"),
    ],
)
def test_options_that_mean_nothing_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, options: ReadOptions, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.csv").touch()
    with pytest.raises(UsageError, match=message):
        open_source(source, options, seed=0)


def test_unknown_sources_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="samples: no such file or folder; SOURCE is sample, imdb, a table's"):
        open_source("samples", ReadOptions(), seed=0)
    (tmp_path / "a.xlsx").touch()
    with pytest.raises(DataError, match=r"a\.xlsx: unknown kind of file"):
        open_source(str(tmp_path / "a.xlsx"), ReadOptions(), seed=0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("reviews", "reviews"), ("Größe 1", "Gr-e-1"), ("..", "data-"), ("-x_", "x"), ("latest", "data-latest")],
)
def test_a_files_name_becomes_a_valid_one(text: str, expected: str) -> None:
    assert dataset_name(text) == expected
