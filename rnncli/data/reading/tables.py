"""Rows of CSV, TSV, JSON Lines, Parquet and plain text, read as a stream in constant memory."""

import json
import re
from collections.abc import Collection, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

from rnncli.data.reading.delimited import delimited_rows
from rnncli.data.reading.lines import Line, Row, read_lines
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
_ONE_OBJECT = 'each line must be an object such as {"text": "...", "label": "..."}'
_HALF_PAIR = re.compile("[\ud800-\udfff]")
_UNLIST = "jq -c '.[]' FILE writes the objects of a list one a line"
PARQUET_ROWS = 4096  # held in memory at a time
PARQUET_BUFFER = 2**20  # bytes of a column read at a time
TEXT_NAMES = ("text", "review", "sentence", "content", "comment", "message", "question", "tweet", "body")


def format_of(path: Path) -> TableFormat:
    """The format that a file's ending stands for.

    Raises:
        DataError: The ending is none of the known ones.
    """
    try:
        return ENDINGS[path.suffix.lower()]
    except KeyError:
        raise DataError(f"{path}: unknown kind of file; known endings: {', '.join(ENDINGS)}") from None


def usual_column(names: Collection[str], usual: tuple[str, ...]) -> str | None:
    """The first of the column `names` that is, whatever its case, the earliest of the `usual` ones."""
    by_lower = {name.strip().lower(): name for name in reversed(list(names))}
    return next((by_lower[name] for name in usual if name in by_lower), None)


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
        yield from _parquet_rows(stream, where)
        return
    lines = read_lines(stream, where=where, encoding=encoding)
    if format == "text":
        for line in lines:
            yield Row(line.number, {}, line.error) if line.error else Row(line.number, {"text": line.text})
    elif format == "jsonl":
        yield from map(_json_row, lines)
    else:
        yield from delimited_rows(lines, format, where=where)


def _json_row(line: Line) -> Row:
    """The row in a line of JSON; nested values count as missing."""
    if line.error or not line.text.strip():
        return Row(line.number, {}, line.error)
    try:
        # Numbers stay as they are written: a label 1.0 must come back as 1.0.
        value = json.loads(line.text, parse_int=str, parse_float=str, parse_constant=str)
    except json.JSONDecodeError as error:
        if line.number == 1 and line.text.lstrip().startswith("["):
            return Row(line.number, {}, f"not an object but the start of a list; {_ONE_OBJECT}; {_UNLIST}")
        return Row(line.number, {}, f"not JSON: {error.msg} at character {error.pos + 1}; {_ONE_OBJECT}")
    except RecursionError:
        return Row(line.number, {}, f"nested too deeply; {_ONE_OBJECT}")
    if not isinstance(value, dict):
        hint = f"; {_UNLIST}" if isinstance(value, list) else ""
        return Row(line.number, {}, f"not a JSON object; {_ONE_OBJECT}{hint}")
    values = _cells(value)
    if "\\ud" in line.text.lower() and _HALF_PAIR.search("".join(chain(values, values.values()))):
        return Row(line.number, {}, "half of a surrogate pair (\\ud800 to \\udfff) stands alone")
    return Row(line.number, values, None if values else f"no columns; {_ONE_OBJECT}")


def _parquet_rows(stream: BinaryIO, where: str) -> Iterator[Row]:
    """The rows of a Parquet file, through the optional pyarrow."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise DataError(f"{where}: reading Parquet needs pyarrow: pip install pyarrow") from None
    number = 0
    try:
        # Without a buffer of its own size it would read a group of rows, perhaps all, at once.
        for batch in parquet.ParquetFile(stream, buffer_size=PARQUET_BUFFER, pre_buffer=False).iter_batches(
            PARQUET_ROWS
        ):
            for row in batch.to_pylist():
                number += 1
                yield Row(number, _cells({str(key): value for key, value in row.items()}))
    except (pyarrow.ArrowException, UnicodeDecodeError, OSError) as error:
        raise DataError(f"{where}: not a readable Parquet file: {str(error).splitlines()[0]}") from error


def _cells(row: dict[str, Any]) -> dict[str, str]:
    """The cells of a row as text: nulls are empty, nested values left out."""
    cells = {}
    for name, value in row.items():
        if isinstance(value, bool):
            cells[name] = str(value).lower()
        elif value is None or isinstance(value, str | int | float):
            cells[name] = "" if value is None else str(value)
    return cells
