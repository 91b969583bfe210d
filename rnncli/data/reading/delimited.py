"""Rows of CSV and TSV, whose quotes may be unbalanced."""

import csv
from collections import deque
from collections.abc import Iterator
from itertools import chain
from typing import Literal

from rnncli.data.reading.lines import MAX_LINE, Line, Row
from rnncli.errors import DataError

MAX_CELL = 2**31 - 1  # the csv module's own limit, 128 KiB, is less than a long text


def delimited_rows(lines: Iterator[Line], format: Literal["csv", "tsv"], *, where: str) -> Iterator[Row]:
    """Yield the rows below a line of column names.

    A row that cannot be read ends with its first line; the lines after it are read anew.

    Raises:
        DataError: There are no column names; `where` names the table.
    """
    csv.field_size_limit(MAX_CELL)
    first = next(lines, None)
    if first is None:
        raise DataError(f"{where}: the file is empty; it needs a line of column names and rows below it")
    # Some spreadsheets write other delimiters under the name of CSV.
    delimiter = "\t" if format == "tsv" else max(",;\t", key=first.text.count)
    rows = _split_rows(first, lines, delimiter)
    _, names, error = next(rows)
    header = _checked_header(names, error, where)
    for number, cells, error in rows:
        yield Row(number, {}, error) if error else _row(number, cells, header, delimiter)


def _split_rows(
    first: Line, lines: Iterator[Line], delimiter: str
) -> Iterator[tuple[int, list[str], str | None]]:
    """Yield each row, that of the column names first: its first line's number, its cells, or an error."""
    tabs = first.text.count("\t") if delimiter == "\t" else -1
    again = deque([first])  # lines that were read and turned out to belong to the next rows
    while True:
        taken: list[Line] = []
        texts = _take(again, lines, taken)
        text = next(texts, None)
        if text is None:
            return
        error: str | None = None
        if text.count("\t") == tabs:
            cells, used = _tab_separated(text, texts)
        else:
            cells, error = _quoted(chain([text], texts), delimiter)
            used = len(taken)
            if error and any("\r" in line.text for line in taken):
                error = "a lone carriage return; lines must end in \\n or \\r\\n"
        error = next((line.error for line in taken[:used] if line.error), error)
        if len(taken) > 1:
            again.extendleft(reversed(taken[1 if error else used :]))
        yield taken[0].number, cells, error


def _take(again: deque[Line], lines: Iterator[Line], taken: list[Line]) -> Iterator[str]:
    """Move lines from `again`, then from `lines`, to `taken`, as many as a row may have; yield their text."""
    characters = 0
    while characters <= MAX_LINE and (line := again.popleft() if again else next(lines, None)):
        taken.append(line)
        characters += len(line.text)
        yield line.text + "\n"


def _row(number: int, cells: list[str], header: list[str], delimiter: str) -> Row:
    """The row of some cells: blank without any, an error unless there is one for each column."""
    if not cells and len(header) > 1:
        return Row(number, {})
    cells = cells or [""]
    if len(cells) != len(header):
        name = {",": "comma", ";": "semicolon", "\t": "tab"}[delimiter]
        hint = f"put quotes around a text that holds a {name} or a line's end"
        return Row(number, {}, f"has {len(cells)} cells where the header has {len(header)}; {hint}")
    return Row(number, dict(zip(header, cells, strict=True)))


def _quoted(texts: Iterator[str], delimiter: str) -> tuple[list[str], str | None]:
    """The cells of the row that starts with the first of `texts`, and why they cannot be read.

    A row goes on over more lines where quotes enclose a line's end.
    """
    try:
        return next(csv.reader(texts, delimiter=delimiter, strict=True)), None
    except csv.Error:
        return [], (
            "a quote is opened and never closed, or a closing quote is followed by more; "
            "a quote inside a quoted text is written twice"
        )


def _tab_separated(text: str, following: Iterator[str]) -> tuple[list[str], int]:
    """The cells of a TSV row, which is often written without quoting, and how many lines it takes.

    A line with as many tabs as the header is a row whatever its quotes, unless lines below close
    what its last cell opens before any of them holds a tab.
    """
    *cells, last = text.removesuffix("\n").split("\t")
    whole, used = last, 1
    while cells and whole[:1] == '"' and whole.count('"') % 2:
        more = next(following, "\t")
        if "\t" in more:
            whole, used = last, 1
            break
        whole, used = whole + "\n" + more.removesuffix("\n"), used + 1
    return ([_unquoted(cell) for cell in (*cells, whole)] if cells or last else []), used


def _unquoted(cell: str) -> str:
    if len(cell) >= 2 and cell[0] == cell[-1] == '"' and '"' not in cell[1:-1].replace('""', ""):
        return cell[1:-1].replace('""', '"')
    return cell


def _checked_header(cells: list[str], error: str | None, where: str) -> list[str]:
    if error is None and not cells:
        error = "it is empty"
    elif error is None and len(set(cells)) < len(cells):
        error = f"the column name {max(cells, key=cells.count)!r} occurs twice"
    if error:
        raise DataError(f"{where}: line 1: {error}; it must hold the column names")
    return cells
