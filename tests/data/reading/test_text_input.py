"""Rows out of files and pipes: as many as there are, in their order, whatever they hold."""

import os
import threading
from pathlib import Path

import pytest

from rnncli.data.reading.text_input import TextRow, input_rows
from rnncli.errors import DataError, UsageError
from rnncli.settings.choices import TableFormat


def rows(source: Path, format: TableFormat | None = None, column: str | None = None) -> list[TextRow]:
    return list(input_rows(source, format, column, "utf-8"))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("input") / "rows"


def test_the_column_with_a_usual_name_is_found(path: Path) -> None:
    path.write_text("Comment,id, TEXT\na,1,b\n")
    assert rows(path, "csv") == [TextRow(0, "b")]
    assert rows(path, "csv", "Comment") == [TextRow(0, "a")]
    path.write_text('{"comment": "a", "text": "b"}\n{"text": "c"}\n{"comment": "d"}\n')
    found = rows(path, "jsonl")
    assert [row.text for row in found] == ["b", "c", None]
    missing = "no column 'text' with a text; columns: comment; choose one with --text-column"
    assert found[2].error == f"line 3: {missing}"


def test_a_table_without_the_column_is_refused_as_a_whole(path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    path.write_text("id,opinion\nragged\n1,good\n")
    with pytest.raises(DataError, match="rows: no column 'text' with a text; columns: id, opinion"):
        rows(path, "csv", "text")
    parquet.write_table(pyarrow.table({"id": [1, 2], "opinion": ["good", "bad"]}), path)
    with pytest.raises(DataError, match="rows: no column 'text' with a text; columns: id, opinion"):
        rows(path, "parquet", "text")


def test_blank_lines_of_tables_keep_their_place(path: Path) -> None:
    path.write_text("id,text\n1,a\n\n2,b\n")
    assert rows(path, "csv")[1] == TextRow(1, None, "line 3: the line is blank")


def test_a_format_that_needs_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="Parquet cannot be read from a pipe"):
        rows(tmp_path / "pipe", "parquet")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
def test_a_pipe_that_has_run_dry_says_so(encoding: str) -> None:
    """What was read is known before the writer is waited for, and the writer need not hurry."""
    source, sink = os.pipe()
    os.write(sink, "one\ntwo\nthr".encode(encoding))
    overdue = threading.Timer(10, os.close, [sink])  # ends a reader that waits and has not said so
    overdue.start()
    unanswered: list[str | None] = []
    answered: list[str | None] = []
    for row in input_rows(Path(f"/dev/fd/{source}"), None, None, encoding):
        if row is not None:
            unanswered.append(row.text)
            continue
        answered += unanswered
        unanswered.clear()
        if answered == ["one", "two"]:
            os.write(sink, "ee\n".encode(encoding))
        elif len(answered) == 3:
            overdue.cancel()
            os.close(sink)
    os.close(source)
    assert answered == ["one", "two", "three"]
    assert unanswered == []


def test_a_full_pipe_is_read_without_a_pause() -> None:
    """Lines end in the middle of what is read at a time; the rest of them is there."""
    texts = ["x" * number for number in range(337)]
    source, sink = os.pipe()
    os.write(sink, "".join(f"{text}\n" for text in texts).encode())
    os.close(sink)
    found = list(input_rows(Path(f"/dev/fd/{source}"), None, None, "utf-8"))
    os.close(source)
    assert [row and row.text for row in found] == texts
