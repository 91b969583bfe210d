"""Rows of CSV, TSV, JSON Lines, Parquet and plain text, read as a stream in constant memory."""

import csv
import json
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, chain
from pathlib import Path
from typing import Any, BinaryIO, Self

from rnncli.data.reading.lines import MAX_LINE, Line, read_lines
from rnncli.errors import DataError
from rnncli.settings.choices import TableFormat

ENDINGS: dict[str, TableFormat] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".txt": "text",
}
_CSV_FAULTS = {
    "end of data": "a quote is opened and never closed",
    "expected after": "a closing quote is followed by more; a quote inside a quoted text is written twice",
    "new-line": "a lone carriage return; lines must end in \\n or \\r\\n",
}
_ONE_OBJECT = 'each line must be an object such as {"text": "...", "label": "..."}'
_UNLIST = "jq -c '.[]' FILE writes the objects of a list one a line"
# A string, or what a line ends in the middle of; no character is looked at twice.
_JSON_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_BRACKET = re.compile(r"[][{}]")
MOST_LEVELS = 100  # of nested JSON
MAX_CELL = 2**31 - 1  # the csv module's own limit, 128 KiB, is less than a long text


@dataclass(frozen=True)
class Row:
    """One row of a table.

    Attributes:
        line: The line it starts on, from 1; in Parquet the row's number.
        values: Cells by column name; empty where the row could not be read, or is blank.
        error: Why the row could not be read; None if it could.
    """

    line: int
    values: dict[str, str]
    error: str | None = None

    @property
    def is_blank(self) -> bool:
        """Whether it is an empty line between or after rows."""
        return not self.values and self.error is None


def format_of(path: Path) -> TableFormat:
    """The format that a file's ending stands for.

    Raises:
        DataError: The ending is none of the known ones.
    """
    try:
        return ENDINGS[path.suffix.lower()]
    except KeyError:
        raise DataError(f"{path}: unknown kind of file; known endings: {', '.join(ENDINGS)}") from None


def iter_rows(stream: BinaryIO, format: TableFormat, *, where: str, encoding: str = "utf-8") -> Iterator[Row]:
    """Yield the rows of `stream` in their order, those that cannot be read included.

    Args:
        stream: The bytes of the table.
        format: What they are; ``text`` gives each line as the column ``text``.
        where: Names the stream in error messages.
        encoding: Character encoding.

    Raises:
        DataError: The table as a whole cannot be read: no header, not Parquet, an unknown encoding.
    """
    if format == "parquet":
        from rnncli.data.reading.parquet import iter_parquet

        for number, values in enumerate(iter_parquet(stream, where=where), 1):
            yield Row(number, values)
        return
    lines = read_lines(stream, where=where, encoding=encoding)
    if format == "text":
        for line in lines:
            yield Row(line.number, {}, line.error) if line.error else Row(line.number, {"text": line.text})
    elif format == "jsonl":
        yield from map(_json_row, lines)
    else:
        yield from _delimited_rows(lines, format, where)


def _json_row(line: Line) -> Row:
    """The row in a line of JSON; nested values count as missing."""
    if line.error or not line.text.strip():
        return Row(line.number, {}, line.error)
    if _is_nested_deeply(line.text):
        return Row(line.number, {}, f"nested too deeply; {_ONE_OBJECT}")
    try:
        # Numbers stay as they are written: a label 1.0 must come back as 1.0.
        value = json.loads(line.text, parse_int=str, parse_float=str, parse_constant=str)
    except json.JSONDecodeError as error:
        if line.number == 1 and line.text.lstrip().startswith("["):
            return Row(line.number, {}, f"not an object but the start of a list; {_ONE_OBJECT}; {_UNLIST}")
        return Row(line.number, {}, f"not JSON: {error.msg} at character {error.pos + 1}; {_ONE_OBJECT}")
    if not isinstance(value, dict):
        hint = f"; {_UNLIST}" if isinstance(value, list) else ""
        return Row(line.number, {}, f"not a JSON object; {_ONE_OBJECT}{hint}")
    cells = {key: _json_cell(cell) for key, cell in value.items()}
    values = {key: cell for key, cell in cells.items() if cell is not None}
    if not all(map(_is_encodable, chain(values, values.values()))):
        return Row(line.number, {}, "half of a surrogate pair (\\ud800 to \\udfff) stands alone")
    return Row(line.number, values, None if values else f"no columns; {_ONE_OBJECT}")


def _is_nested_deeply(text: str) -> bool:
    """Whether JSON has more levels than any row needs.

    Left to the parser, it would use up the stack, which others need in the meantime: what a collection
    of garbage calls would fail with a traceback that nobody can catch.
    """
    if text.count("{") + text.count("[") <= MOST_LEVELS:
        return False
    brackets = _BRACKET.findall(_JSON_STRING.sub("", text))
    return max(accumulate(1 if bracket in "{[" else -1 for bracket in brackets), default=0) > MOST_LEVELS


def _json_cell(value: Any) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else value if isinstance(value, str) else None


def _is_encodable(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def _delimited_rows(lines: Iterator[Line], format: TableFormat, where: str) -> Iterator[Row]:
    """Rows of CSV or TSV below a line of column names."""
    csv.field_size_limit(MAX_CELL)
    first = next(lines, None)
    if first is None:
        raise DataError(f"{where}: the file is empty; it needs a line of column names and rows below it")
    delimiter = _delimiter(first.text, format)
    header: list[str] | None = None
    remaining = _Lines(chain([first], lines))
    for text in remaining:
        cells, error = _cells(text, remaining, delimiter, width=len(header) if header else None)
        number = remaining.row[0].number
        error = next((line.error for line in remaining.row if line.error), error)
        remaining.end_row(keep_one=error is not None)
        if header is None:
            header = _checked_header(cells, error, where)
        elif error is None and not cells and len(header) > 1:
            yield Row(number, {})
        elif error is None and len(cells or [""]) != len(header):
            yield Row(number, {}, _ragged(len(cells), len(header), delimiter))
        else:
            yield Row(number, {} if error else dict(zip(header, cells or [""], strict=True)), error)


class _Lines:
    """The texts of a table's lines, their ends included.

    Attributes:
        row: The lines taken since the last row ended.
    """

    def __init__(self, lines: Iterator[Line]) -> None:
        self._lines = lines
        self._again: deque[Line] = deque()
        self._characters = 0
        self.row: list[Line] = []

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        if self._characters > MAX_LINE:
            raise StopIteration
        line = self._again.popleft() if self._again else next(self._lines)
        self.row.append(line)
        self._characters += len(line.text)
        return line.text + "\n"

    def end_row(self, *, keep_one: bool = False) -> None:
        """Begin a new row: with the next line, or with the second line of this one."""
        if keep_one:
            self.give_back()
        self.row, self._characters = [], 0

    def give_back(self) -> None:
        """Have every line of the row but the first come again."""
        self._again.extendleft(reversed(self.row[1:]))
        del self.row[1:]


def _cells(
    text: str, remaining: _Lines, delimiter: str, *, width: int | None
) -> tuple[list[str], str | None]:
    """The cells of the row that starts with the line `text`, and why they cannot be read.

    A row goes on over more lines where quotes enclose a line's end. TSV is often written
    without quoting, so a line with as many tabs as the header is a row whatever its quotes,
    unless lines below close what its last cell opens before any of them holds a tab.
    """
    if delimiter == "\t" and (width is None or text.count("\t") == width - 1):
        cells = text.removesuffix("\n").split("\t")
        if len(cells) > 1:
            cells[-1] = _closed(cells[-1], remaining)
        return [_unquoted(cell) for cell in cells] if cells != [""] else [], None
    try:
        return next(csv.reader(chain([text], remaining), delimiter=delimiter, strict=True)), None
    except csv.Error as error:
        return [], next((reason for sign, reason in _CSV_FAULTS.items() if sign in str(error)), str(error))


def _closed(cell: str, remaining: _Lines) -> str:
    """The last cell of a TSV row, with the lines below that belong to it."""
    whole = cell
    while whole[:1] == '"' and whole.count('"') % 2:
        more = next(remaining, "\t")
        if "\t" in more:
            remaining.give_back()
            return cell
        whole += "\n" + more.removesuffix("\n")
    return whole


def _unquoted(cell: str) -> str:
    if len(cell) >= 2 and cell[0] == cell[-1] == '"' and '"' not in cell[1:-1].replace('""', ""):
        return cell[1:-1].replace('""', '"')
    return cell


def _delimiter(header: str, format: TableFormat) -> str:
    """A tab for TSV; for CSV a comma, or what some spreadsheets write under that name."""
    return "\t" if format == "tsv" else max(",;\t", key=header.count)


def _checked_header(cells: list[str], error: str | None, where: str) -> list[str]:
    if error is None and not cells:
        error = "it is empty"
    elif error is None and len(set(cells)) < len(cells):
        error = f"the column name {max(cells, key=cells.count)!r} occurs twice"
    if error:
        raise DataError(f"{where}: line 1: {error}; it must hold the column names")
    return cells


def _ragged(found: int, expected: int, delimiter: str) -> str:
    names = {",": "comma", ";": "semicolon", "\t": "tab"}
    return (
        f"has {found} cells where the header has {expected}; "
        f"put quotes around a text that holds a {names[delimiter]} or a line's end"
    )
