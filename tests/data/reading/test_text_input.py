"""Rows out of files and pipes: as many as there are, in their order, whatever they hold."""

import json
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnncli.data.reading.text_input import TextRow, input_rows, text_row
from rnncli.errors import DataError, UsageError
from rnncli.settings.choices import TableFormat

BYTES = st.lists(
    st.sampled_from([b"a", b"\n", b"\r\n", b'"', b"\t", b"\0", b"\xff", b"{}", b"\xc3\xa9", b" "])
)


def rows(source: Path, format: TableFormat | None = None, column: str | None = None) -> list[TextRow]:
    return list(input_rows(source, format, column, "utf-8"))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("input") / "rows"


@pytest.mark.parametrize("format", ["text", "jsonl"])
@given(parts=BYTES)
def test_every_line_is_a_row(path: Path, format: TableFormat, parts: list[bytes]) -> None:
    content = b"".join(parts)
    path.write_bytes(content)
    found = rows(path, format)
    assert len(found) == content.count(b"\n") + (not content.endswith(b"\n") and content != b"")
    assert [row.index for row in found] == list(range(len(found)))
    assert all((row.text is None) != (row.error is None) for row in found)
    if format == "text":
        for row, line in zip(found, content.split(b"\n"), strict=False):
            assert row.text is None or row.text.encode() == line.removesuffix(b"\r")


@given(texts=st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))))
def test_texts_come_through_json_whole(path: Path, texts: list[str]) -> None:
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    assert [(row.text, row.error) for row in rows(path, "jsonl")] == [(text, None) for text in texts]


def test_the_column_with_a_usual_name_is_found(path: Path) -> None:
    path.write_text("Comment,id, TEXT\na,1,b\n")
    assert rows(path, "csv") == [TextRow(0, "b")]
    assert rows(path, "csv", "Comment") == [TextRow(0, "a")]
    path.write_text('{"comment": "a", "text": "b"}\n{"text": "c"}\n{"comment": "d"}\n')
    found = rows(path, "jsonl")
    assert [row.text for row in found] == ["b", "c", None]
    assert (
        found[2].error
        == "line 3: no column 'text' with a text; columns: comment; choose one with --text-column"
    )


def test_a_table_without_the_column_is_refused_as_a_whole(path: Path) -> None:
    path.write_text("id,opinion\nragged\n1,good\n")
    with pytest.raises(DataError, match="rows: no column 'text' with a text; columns: id, opinion"):
        rows(path, "csv", "text")


def test_blank_lines_of_tables_keep_their_place(path: Path) -> None:
    path.write_text("id,text\n1,a\n\n2,b\n")
    assert rows(path, "csv")[1] == TextRow(1, None, "line 3: the line is blank")
    path.write_text("text\na\n\nb\n")
    assert rows(path, "csv") == [TextRow(0, "a"), TextRow(1, ""), TextRow(2, "b")]


def test_options_that_do_not_fit_the_input(path: Path, tmp_path: Path) -> None:
    path.touch()
    with pytest.raises(UsageError, match="lines of text have no columns"):
        rows(path, "text", "text")
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


def test_texts_that_are_not_utf_8() -> None:
    assert text_row(0, "") == TextRow(0, "")
    assert text_row(1, os.fsdecode(b"caf\xe9")) == TextRow(1, None, "text 2 is not UTF-8")
