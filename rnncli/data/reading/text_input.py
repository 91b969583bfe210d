"""Texts to be scored: given ones, and rows of files, pipes and standard input."""

import io
import os
import select
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from rnncli.errors import DataError, UsageError
from rnncli.settings.choices import TableFormat
from rnncli.system.files import named_failures


@dataclass(frozen=True)
class TextRow:
    """A row of the input: the text to score, or why there is none."""

    index: int  # from 0
    text: str | None
    error: str | None = None


def text_row(index: int, text: str) -> TextRow:
    """The row of a given text; what is not UTF-8, as Python writes it in a string, is an error."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return TextRow(index, None, f"text {index + 1} is not UTF-8")
    return TextRow(index, text)


def input_rows(
    source: Path | None, chosen: TableFormat | None, column: str | None, encoding: str
) -> Iterator[TextRow | None]:
    """Yield the rows of a file or pipe, and None where the next one is yet to be written to the pipe.

    Args:
        source: The file or pipe; None is standard input.
        chosen: Its format; None goes by a file's ending and takes a pipe as lines of text.
        column: Column of the texts; None looks for a usual name.
        encoding: Character encoding.

    Raises:
        UsageError: the options do not fit the input.
        DataError: the table as a whole cannot be read, or its header lacks the column.
    """
    from rnncli.data.reading.tables import format_of  # not needed for texts given as arguments

    is_file = source is not None and source.is_file()
    format = chosen or (format_of(source) if source and is_file else "text")
    if format == "text" and column:
        raise UsageError("lines of text have no columns: add --format, such as csv, to --text-column")
    if format == "parquet" and not is_file:
        raise UsageError("Parquet cannot be read from a pipe: save it and name the file with --input")
    where = str(source or "standard input")
    with named_failures(Path(where)):
        if source and is_file:
            with source.open("rb") as file:
                yield from _table_rows(file, format, column, encoding, where=where)
        else:
            pipe = _Pipe(os.open(source, os.O_RDONLY) if source else sys.stdin.fileno())
            with io.BufferedReader(pipe, 1 << 14) as stream:
                for row in _table_rows(stream, format, column, encoding, where=where):
                    yield row
                    if pipe.has_run_dry(stream):
                        yield None


def _table_rows(
    stream: BinaryIO, format: TableFormat, column: str | None, encoding: str, *, where: str
) -> Iterator[TextRow]:
    from rnncli.data.reading.tables import TEXT_NAMES, iter_rows, usual_column

    for index, row in enumerate(iter_rows(stream, format, where=where, encoding=encoding)):
        if column is None and row.values:
            column = usual_column(row.values, TEXT_NAMES)
        if row.error is None and column in row.values:
            yield TextRow(index, row.values[column])
            continue
        wanted = f"'{column}'" if column else "with a usual name such as 'text'"
        there_are = f"columns: {', '.join(row.values)}; choose one with --text-column"
        missing = f"no column {wanted} with a text; {there_are}" if row.values else "the line is blank"
        error = row.error or missing
        # Only in JSON Lines has each row columns of its own; elsewhere the next rows lack it too.
        if row.error is None and row.values and format != "jsonl":
            raise DataError(f"{where}: {error}")
        yield TextRow(index, None, f"line {row.line}: {error}")


class _Pipe(io.RawIOBase):
    """A pipe that tells when its writer has to be waited for."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._is_read = True

    def has_run_dry(self, reader: "io.BufferedReader[_Pipe]") -> bool:
        """Whether `reader`, through which this pipe is read, holds no further line and the pipe nothing."""
        self._is_read = False
        ahead = reader.peek()  # would read, were nothing left in the buffer
        self._is_read = True
        return b"\n" not in ahead and not select.select([self._descriptor], [], [], 0)[0]

    def readable(self) -> bool:
        """Yes; see the base class."""
        return True

    def readinto(self, buffer: memoryview) -> int | None:  # type: ignore[override]
        """Read what there is into `buffer`; see the base class."""
        return os.readv(self._descriptor, [buffer]) if self._is_read else None
