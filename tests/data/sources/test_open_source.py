from pathlib import Path

import pytest

from rnncli.data.sources.folder import read_folder
from rnncli.data.sources.imdb import read_imdb
from rnncli.data.sources.open_source import Source, dataset_name, open_source
from rnncli.data.sources.table import read_table
from rnncli.errors import DataError, UsageError


def reads(source: Source) -> tuple[object, tuple[object, ...], dict[str, object]]:
    """The function behind a source, and what it is given."""
    return source.read.func, source.read.args, source.read.keywords  # type: ignore[attr-defined]


def test_what_the_user_names_becomes_a_source(tmp_path: Path) -> None:
    table, test = tmp_path / "my reviews.v2.csv", tmp_path / "test.tsv"
    for path in (table, test):
        path.touch()
    assert open_source("sample", seed=3)[1:] == ("sample", "sample")
    imdb = open_source("imdb", archive=table)
    assert (reads(imdb), *imdb[1:]) == ((read_imdb, (table,), {}), "imdb", "imdb")
    options = {"text_column": "t", "label_column": "l", "encoding": "cp1252", "skip_bad_rows": True}
    source = open_source(str(table), test=test, **options)  # type: ignore[arg-type]
    assert reads(source) == (read_table, (table,), {"test": test, **options})
    assert source[1:] == ("my reviews.v2.csv and test.tsv", "my-reviews.v2")
    assert open_source(str(table)).origin == "my reviews.v2.csv"
    source = open_source(str(tmp_path), encoding="latin-1")
    assert reads(source) == (read_folder, (tmp_path,), {"encoding": "latin-1", "skip_bad_rows": False})
    assert source[1:] == (tmp_path.name, dataset_name(tmp_path.name))


def test_the_unpacked_imdb_folder_is_recognised(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "urls_pos.txt").touch()
    assert reads(open_source(str(tmp_path))) == (read_imdb, (tmp_path,), {})


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ("sample", {"archive": Path("a")}, "--archive does not go with sample"),
        ("imdb", {"test": Path("a")}, "--test does not go with imdb"),
        ("imdb", {"text_column": "a"}, "--text-column does not go with imdb"),
        (".", {"label_column": "a"}, "--label-column does not go with a folder"),
        ("t.csv", {"archive": Path("a")}, "--archive does not go with a table"),
    ],
)
def test_options_that_mean_nothing_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, options: dict, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.csv").touch()
    with pytest.raises(UsageError, match=message):
        open_source(source, **options)


def test_unknown_sources_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="samples: no such file or folder; SOURCE is sample, phrases, imdb"):
        open_source("samples")
    (tmp_path / "a.xlsx").touch()
    with pytest.raises(DataError, match=r"a\.xlsx: unknown kind of file"):
        open_source(str(tmp_path / "a.xlsx"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [("reviews", "reviews"), ("Größe 1", "Gr-e-1"), ("..", "data-"), ("-x_", "x"), ("latest", "data-latest")],
)
def test_a_files_name_becomes_a_valid_one(text: str, expected: str) -> None:
    assert dataset_name(text) == expected
