import re
from functools import partial
from pathlib import Path

import pytest

from rnncli.data.sources.table import find_columns, read_table
from rnncli.errors import DataError
from rnncli.system.progress import Progress
from tests.data.sources.reading import in_memory


def write(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8")
    return path


read = partial(in_memory, read_table)


@pytest.mark.parametrize(
    ("names", "asked", "expected"),
    [
        (["id", "text", "label"], (None, None), ("text", "label")),
        (["Sentiment", "Review"], (None, None), ("Review", "Sentiment")),
        (["utterance", "intent"], (None, None), ("utterance", "intent")),
        (["question", "coarse"], (None, None), ("question", "coarse")),
        (["body", "text", "class", "stars"], ("body", "stars"), ("body", "stars")),
        ([" text", "label "], (None, None), (" text", "label ")),
        (["a", "b"], (None, "b"), ("a", "b")),
    ],
)
def test_columns_are_found(
    names: list[str], asked: tuple[str | None, str | None], expected: tuple[str, str]
) -> None:
    assert find_columns(names, *asked) == (expected, None)


@pytest.mark.parametrize(
    ("names", "asked", "message"),
    [
        (["a", "b", "c"], (None, None), "no column 'text'; the columns are: 'a', 'b', 'c'; .* --text-column"),
        (["text", "b", "c"], (None, None), "no column 'label'; .* --label-column"),
        (["text", "label", "c"], ("txt", None), "no column 'txt'; the columns are: 'text', 'label', 'c'"),
        (["text", "label"], (None, "lable"), "no column 'lable'"),
        (["text", "label"], ("text", "text"), "text and label are the same column 'text'"),
        (["text"], (None, None), "no column 'label'"),
    ],
)
def test_columns_that_are_not_there(
    names: list[str], asked: tuple[str | None, str | None], message: str
) -> None:
    columns, error = find_columns(names, *asked)
    assert columns is None
    assert re.match(message, str(error))


def test_a_test_table_of_another_format(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "text,label\na,1\nb,01\nc, x \nd,Ünder\n")
    splits = read(path, test=write(tmp_path / "other.jsonl", '{"label": "01", "text": "e"}\n'))
    assert {name: examples.texts for name, examples in splits.items()} == {
        "train": ["a", "b", "c", "d"],
        "test": ["e"],
    }
    assert splits["train"].labels == ["1", "01", " x ", "Ünder"]


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        ("text,label\na,x\nb,  \n", 3, "no label in the column 'label'"),
        ("text,label\na,x\nb\n", 3, "has 1 cells where the header has 2"),
        ("text,label\na,x\n\n\nb,x,x\n", 5, "has 3 cells where the header has 2"),
    ],
)
def test_a_bad_row_is_named_or_skipped(tmp_path: Path, content: str, line: int, message: str) -> None:
    path = write(tmp_path / "t.csv", content)
    with pytest.raises(DataError, match=rf"t\.csv: line {line}: {message}.*; or leave out .*--skip-bad-rows"):
        read(path)
    train = read(path, skip_bad_rows=True)["train"]
    assert (train.texts, train.labels, train.skipped) == (["a"], ["x"], 1)


def test_bad_rows_before_the_first_good_one_are_skipped(tmp_path: Path) -> None:
    content = 'broken\n{"text": "a", "label": null}\n{"text": "b", "label": 1}\n{"text": [1], "label": 2}\n'
    train = read(write(tmp_path / "t.jsonl", content), skip_bad_rows=True)["train"]
    assert (train.texts, train.labels, train.skipped) == (["b"], ["1"], 3)


def test_a_test_label_that_training_lacks_is_a_bad_row(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "text,label\na,x\nb,y\n")
    test = write(tmp_path / "test.csv", "text,label\na,x\nb,z\n")
    with pytest.raises(
        DataError, match=r"test\.csv: line 3: the label 'z' does not occur among the training"
    ):
        read(path, test=test)
    assert read(path, test=test, skip_bad_rows=True)["test"].skipped == 1


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", "", "the file is empty"),
        ("t.csv", "text,label\n", "no rows to learn from"),
        ("t.jsonl", "", "no rows to learn from"),
        ("t.csv", "some,thing,else\na,b,c\n", "no column 'text'; the columns are: 'some', 'thing', 'else'"),
        ("t.txt", "a\n", "plain text has no labels"),
        ("t.xlsx", "a\n", "unknown kind of file"),
        ("t.parquet", "a\n", "not a readable Parquet file"),
    ],
)
def test_a_table_that_cannot_be_used(tmp_path: Path, name: str, content: str, message: str) -> None:
    for skip_bad_rows in (False, True):
        with pytest.raises(DataError, match=message):
            read(write(tmp_path / name, content), skip_bad_rows=skip_bad_rows)


def test_progress_is_reported(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "text,label\n" + "a,x\n" * 5003)
    reports: list[Progress] = []
    read(path, report=reports.append)
    unfinished = [Progress("Reading t.csv", done, None) for done in (0, 2048, 4096)]
    assert reports == [*unfinished, Progress("Reading t.csv", 5003, 5003)]
