"""Rows of CSV, TSV, JSON Lines, Parquet and plain text, read as a stream in constant memory."""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import BinaryIO

from rnncli.data.reading.delimited import delimited_rows
from rnncli.data.reading.json_lines import json_row
from rnncli.data.reading.lines import Row, read_lines
from rnncli.data.reading.parquet import parquet_rows
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
        yield from parquet_rows(stream, where)
        return
    lines = read_lines(stream, where=where, encoding=encoding)
    if format == "text":
        for line in lines:
            yield Row(line.number, {}, line.error) if line.error else Row(line.number, {"text": line.text})
    elif format == "jsonl":
        yield from map(json_row, lines)
    else:
        yield from delimited_rows(lines, format, where=where)
