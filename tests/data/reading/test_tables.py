import csv
import io
import json
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnncli.data.reading.tables import Row, iter_rows
from rnncli.errors import DataError
from rnncli.settings.choices import TableFormat

CSV, TSV, JSONL, TEXT = "csv", "tsv", "jsonl", "text"


def rows(content: bytes, table_format: TableFormat, encoding: str = "utf-8") -> list[Row]:
    return list(iter_rows(io.BytesIO(content), table_format, where="here", encoding=encoding))


def values(content: bytes, table_format: TableFormat, encoding: str = "utf-8") -> list[list[str]]:
    return [list(row.values.values()) for row in rows(content, table_format, encoding)]


@pytest.mark.parametrize(
    "content",
    [
        b'text,label\n"good, fun",pos\nbad,neg\n',
        b'text,label\r\n"good, fun",pos\r\nbad,neg',
        b'\xef\xbb\xbftext,label\n"good, fun",pos\nbad,neg\n',
        b"text;label\ngood, fun;pos\nbad;neg\n",
        b"text\tlabel\ngood, fun\tpos\nbad\tneg\n",
    ],
    ids=["unix", "windows without a last line's end", "byte-order mark", "semicolons", "tabs"],
)
def test_csv(content: bytes) -> None:
    assert rows(content, CSV) == [
        Row(2, {"text": "good, fun", "label": "pos"}),
        Row(3, {"text": "bad", "label": "neg"}),
    ]


def test_lines_inside_quotes_belong_to_the_row() -> None:
    content = b'text,label\n"one\r\ntwo ""so"" \n",pos\nbad,neg\n'
    assert rows(content, CSV) == [
        Row(2, {"text": 'one\ntwo "so" \n', "label": "pos"}),
        Row(5, {"text": "bad", "label": "neg"}),
    ]


def test_rows_that_cannot_be_read_keep_their_place() -> None:
    content = b'text,label\na,x\nb,y,z\nc\n"d"e,x\nf\0,x\ng\xff,y\n\nh,x\n'
    got = rows(content, CSV)
    assert [row.line for row in got] == [2, 3, 4, 5, 6, 7, 8, 9]
    errors = [row.error or "" for row in got]
    assert errors[0] == errors[7] == ""
    assert "has 3 cells where the header has 2; put quotes around a text that holds a comma" in errors[1]
    assert "has 1 cells where the header has 2" in errors[2]
    assert "a quote inside a quoted text is written twice" in errors[3]
    assert "byte 31 is NUL" in errors[4]
    assert "byte 36 is not utf-8; give the file's --encoding" in errors[5]
    assert [row.is_blank for row in got] == [False] * 6 + [True, False]
    never_closed = rows(b'text,label\n"a,x\nb,y\n', CSV)
    assert "a quote is opened and never closed" in str(never_closed[0].error)
    assert never_closed[1] == Row(3, {"text": "b", "label": "y"})


def test_a_broken_quote_swallows_no_other_row() -> None:
    got = rows(b'text,label\n"a,x\n"fine, is it?",y\nb,x\n', CSV)
    assert "a closing quote is followed by more" in str(got[0].error)
    assert [row.values.get("text") for row in got] == [None, "fine, is it?", "b"]


def test_a_quote_that_is_never_closed_takes_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnncli.data.reading.delimited.MAX_LINE", 1000)
    stream = io.BytesIO(b'text,label\n"a,x\n' + b"b,y\n" * 100_003)
    got = iter_rows(stream, CSV, where="here")
    assert "never closed" in str(next(got).error)
    assert next(got).values["label"] == "y"
    assert stream.tell() < 2000


def test_a_text_of_megabytes() -> None:
    text = "long " * 700_001
    assert values(f"text,label\n{text},x\n".encode(), CSV) == [[text, "x"]]


def test_an_empty_line_is_an_empty_text_where_there_is_one_column() -> None:
    assert values(b"text\na\n\nb\n", CSV) == [["a"], [""], ["b"]]
    assert values(b"a\n\nb", TEXT) == [["a"], [""], ["b"]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "here: the file is empty"),
        (b"\n", "here: line 1: it is empty; it must hold the column names"),
        (b"text,text\n", "here: line 1: the column name 'text' occurs twice"),
        (b"text,label\ra,b\r", "here: line 1: a lone carriage return; lines must end in"),
        (b"te\xffxt,label\n", "here: line 1: byte 2 is not utf-8"),
        ("text,label\n".encode("utf-16"), "encoded as utf-16, not utf-8: use --encoding utf-16"),
        ("text,label\n".encode("utf-16-le"), "here: line 1: byte 1 is NUL"),
        ("text,label\n".encode("utf-32"), "encoded as utf-32, not utf-8: use --encoding utf-32"),
    ],
)
def test_a_header_is_needed(content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        rows(content, CSV)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "cp1252", "utf-8-sig", "iso8859_15"])
@pytest.mark.parametrize("table_format", [CSV, TSV])
def test_other_encodings(encoding: str, table_format: TableFormat) -> None:
    separator = "\t" if table_format is TSV else ","
    content = f"text{separator}label\r\ncafé{separator}né\r\nb{separator}x".encode(encoding)
    assert values(content, table_format, encoding) == [["café", "né"], ["b", "x"]]


@pytest.mark.parametrize("encoding", ["utf-17", "base64", "undefined", ""])
def test_an_unknown_or_wrong_encoding_is_named(encoding: str) -> None:
    with pytest.raises(DataError, match="unknown encoding"):
        rows(b"text,label\na,b\n", CSV, encoding)
    with pytest.raises(DataError, match="here: not utf-16 after line 0"):
        rows(b"text,label\na,b\n", CSV, "utf-16")


def test_tsv_with_and_without_quotes() -> None:
    content = b'label\ttext\n1\t"It\'s great" she said\n0\t"quoted ""all"" over"\n1\t"open\n0\tplain\n'
    assert values(content, TSV) == [
        ["1", '"It\'s great" she said'],
        ["0", 'quoted "all" over'],
        ["1", '"open'],
        ["0", "plain"],
    ]
    assert values(b'text\tlabel\n"two\nlines"\t1\nb\t0\n', TSV) == [["two\nlines", "1"], ["b", "0"]]
    content = b'label\ttext\n1\t"two\n\nlines ""so"" "\n0\t"open\n1\t"open\nbad\n0\tlast\n'
    assert [list(row.values.values()) for row in rows(content, TSV)] == [
        ["1", 'two\n\nlines "so" '],
        ["0", '"open'],
        ["1", '"open'],
        [],
        ["0", "last"],
    ]
    assert values(b'label\ttext\n1\t"open\n', TSV) == [["1", '"open']]
    assert "put quotes around a text that holds a tab" in str(rows(b"a\tb\n1\t2\t3\n", TSV)[0].error)
    assert rows(b"a\tb\n\n1\t2\n", TSV)[0].is_blank


def test_jsonl_keeps_numbers_as_they_are_written() -> None:
    content = b'{"text": "a", "label": 1.0}\n\n{"text": 7, "label": true, "x": null, "y": [1]}\n'
    got = rows(content, JSONL)
    assert got[0].values == {"text": "a", "label": "1.0"}
    assert got[1].is_blank
    assert got[2] == Row(3, {"text": "7", "label": "true", "x": ""})


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"text": "a"', "not JSON: Expecting ',' delimiter at character 13"),
        (b"[1, 2]", "not a JSON object; each line must be an object"),
        (b'"a"', "not a JSON object"),
        (b"{}", "no columns"),
        (b'{"text": [1]}', "no columns"),
        (b'{"text": "\\ud800"}', "surrogate pair"),
        (b'{"text": ' + b"[" * 100_003 + b"}", "nested too deeply"),
        (b'{"text": [[]]}', "no columns"),
        (b'{"text": "\\', "not JSON: Unterminated string"),
        (b'{"text": "\xe9"}', "byte 24 is not utf-8"),
    ],
)
def test_jsonl_lines_that_are_not_rows(line: bytes, message: str) -> None:
    got = rows(b'{"text": "a"}\n' + line + b'\n{"text": "b"}\n', JSONL)
    assert [row.values for row in got] == [{"text": "a"}, {}, {"text": "b"}]
    assert got[1].line == 2
    assert message in str(got[1].error)


@pytest.mark.parametrize("content", [b'[{"text": "a"}]', b'[\n {"text": "a"}\n]\n'])
def test_a_list_of_objects_is_pointed_out(content: bytes) -> None:
    assert "jq -c '.[]' FILE writes the objects of a list one a line" in str(rows(content, JSONL)[0].error)


def test_a_line_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnncli.data.reading.lines.MAX_LINE", 1000)
    with pytest.raises(DataError, match="line 2 is longer than 1,000 bytes"):
        rows(b"a\n" + b"b" * 1001, TEXT)


CELL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@given(st.lists(st.tuples(CELL, CELL), max_size=5))
def test_what_the_csv_module_writes_is_read(cells: list[tuple[str, str]]) -> None:
    content = io.StringIO(newline="")
    csv.writer(content, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([("text", "label"), *cells])
    expected = [[cell.replace("\r\n", "\n") for cell in row] for row in cells]
    assert values(content.getvalue().encode(), CSV) == expected


@given(st.lists(st.tuples(CELL, CELL), max_size=5))
def test_what_the_json_module_writes_is_read(cells: list[tuple[str, str]]) -> None:
    content = "".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in cells)
    assert values(content.encode(), JSONL) == [list(row) for row in cells]


def test_parquet(tmp_path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    table = pyarrow.table(
        {
            "text": ["a", None, "ü"],
            "label": pyarrow.array(["x", "y", "x"]).dictionary_encode(),
            "number": [1, 2, 3],
            "flag": [True, False, None],
            "day": [date(2003, 5, 7), None, date(2011, 2, 3)],
            "list": [[1], [2], [3]],
        }
    )
    parquet.write_table(table, tmp_path / "t.parquet")
    got = rows((tmp_path / "t.parquet").read_bytes(), "parquet")
    assert got == [
        Row(1, {"text": "a", "label": "x", "number": "1", "flag": "true", "day": "2003-05-07"}),
        Row(2, {"text": "", "label": "y", "number": "2", "flag": "false", "day": ""}),
        Row(3, {"text": "ü", "label": "x", "number": "3", "flag": "", "day": "2011-02-03"}),
    ]
    for damaged in (b"", b"PAR1", (tmp_path / "t.parquet").read_bytes()[:-50]):
        with pytest.raises(DataError, match="here: not a readable Parquet file"):
            rows(damaged, "parquet")
