"""Rows of Parquet files, through the optional pyarrow."""

from collections.abc import Iterator
from typing import BinaryIO

from rnncli.data.reading.lines import Row, cells_of
from rnncli.errors import DataError

ROWS = 4096  # held in memory at a time
BUFFER = 2**20  # bytes of a column read at a time


def parquet_rows(stream: BinaryIO, where: str) -> Iterator[Row]:
    """Yield the rows of a Parquet file; DataError where it cannot be read or pyarrow is missing."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise DataError(f"{where}: reading Parquet needs pyarrow: pip install pyarrow") from None
    number = 0
    try:
        # Without a buffer of its own size it would read a group of rows, perhaps all, at once.
        file = parquet.ParquetFile(stream, buffer_size=BUFFER, pre_buffer=False)
        for batch in file.iter_batches(ROWS):
            for row in batch.to_pylist():
                number += 1
                yield Row(number, cells_of({str(key): value for key, value in row.items()}))
    except (pyarrow.ArrowException, UnicodeDecodeError, OSError) as error:
        raise DataError(f"{where}: not a readable Parquet file: {str(error).splitlines()[0]}") from error
