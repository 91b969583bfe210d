"""Rows of Parquet files, through the optional pyarrow."""

from collections.abc import Iterator
from typing import Any, BinaryIO

from rnncli.errors import DataError

BATCH = 4096  # rows held in memory at a time
BUFFER = 2**20  # bytes of a column read at a time


def iter_parquet(stream: BinaryIO, *, where: str) -> Iterator[dict[str, str]]:
    """Yield each row as text by column; nulls are empty, nested values left out.

    Raises:
        DataError: pyarrow is not installed, or `stream` is no readable Parquet file.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise DataError(f"{where}: reading Parquet needs pyarrow: pip install pyarrow") from None
    try:
        # Without a buffer of its own size it would read a group of rows, perhaps all, at once.
        for batch in parquet.ParquetFile(stream, buffer_size=BUFFER, pre_buffer=False).iter_batches(BATCH):
            for row in batch.to_pylist():
                cells = {str(key): _cell(value) for key, value in row.items()}
                yield {key: cell for key, cell in cells.items() if cell is not None}
    except (pyarrow.ArrowException, UnicodeDecodeError, OSError) as error:
        raise DataError(f"{where}: not a readable Parquet file: {str(error).splitlines()[0]}") from error


def _cell(value: Any) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value) if isinstance(value, str | int | float) else None
