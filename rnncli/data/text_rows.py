"""Texts to be scored, out of arguments, files and streams; a row that holds none keeps its place."""

import io
import os
import select
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from rnncli.config import TableFormat
from rnncli.data.table_source import TEXT_NAMES
from rnncli.data.tables import Row, iter_rows
from rnncli.errors import DataError


@dataclass(frozen=True)
class TextRow:
    """A row of the input.

    Attributes:
        index: Its number, from 0.
        text: The text to score; None where there is none.
        error: Why there is none.
    """

    index: int
    text: str | None
    error: str | None = None


def argument_rows(texts: Iterable[str]) -> Iterator[TextRow]:
    """The rows of texts given as arguments; a byte that is no UTF-8 makes a row an error."""
    for index, text in enumerate(texts):
        try:
            text.encode()
        except UnicodeEncodeError:
            yield TextRow(index, None, "not UTF-8: the terminal or script uses another encoding")
        else:
            yield TextRow(index, text)


def table_rows(
    stream: BinaryIO, format: TableFormat, *, column: str | None, encoding: str, where: str
) -> Iterator[TextRow]:
    """The texts in the column `column` of a table, or in the one with a usual name.

    Raises:
        DataError: the table as a whole cannot be read, or its header lacks the column.
    """
    for index, row in enumerate(iter_rows(stream, format, where=where, encoding=encoding)):
        if column is None and row.values:
            column = _usual_name(row.values)
        if row.error is None and column in row.values:
            yield TextRow(index, row.values[column])
            continue
        error = row.error or _without_text(row, column)
        if row.error is None and row.values and format in (TableFormat.CSV, TableFormat.TSV):
            raise DataError(f"{where}: {error}")
        yield TextRow(index, None, f"line {row.line}: {error}")


def _usual_name(columns: Iterable[str]) -> str | None:
    by_lower = {name.strip().lower(): name for name in columns}
    return next((by_lower[name] for name in TEXT_NAMES if name in by_lower), None)


def _without_text(row: Row, column: str | None) -> str:
    if row.is_blank:
        return "the line is blank"
    wanted = f"'{column}'" if column else "with a usual name such as 'text'"
    return f"no column {wanted} with a text; columns: {', '.join(row.values)}; choose one with --text-column"


class _Pipe(io.RawIOBase):
    """A stream that says when its next read will have to wait for the writer."""

    def __init__(self, descriptor: int, before_waiting: Callable[[], None]) -> None:
        self._descriptor = descriptor
        self._before_waiting = before_waiting

    def readable(self) -> bool:
        """Yes; see the base class."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read what there is, at least a byte, into `buffer`; see the base class."""
        if not select.select([self._descriptor], [], [], 0)[0]:
            self._before_waiting()
        return os.readv(self._descriptor, [buffer])


def open_pipe(descriptor: int, before_waiting: Callable[[], None]) -> BinaryIO:
    """Open a pipe or terminal for reading; `before_waiting` is called whenever it has run dry."""
    return io.BufferedReader(_Pipe(descriptor, before_waiting), 1 << 16)
