"""Texts kept in a file, for there may be more of them than fit in memory."""

import os
import struct
import tempfile
from array import array
from collections.abc import Iterator, Sequence
from itertools import compress
from pathlib import Path
from types import TracebackType
from typing import Self, overload

import numpy as np
from numpy.typing import NDArray

from rnncli.data.copies import Digests, text_digest

ENTRY = struct.Struct("=qQ")  # of the index: where a text ends, and its digest
TWO_ENTRIES = struct.Struct("=qQqQ")
ENTRIES = np.dtype([("end", np.int64), ("digest", np.uint64)])
CHUNK = 2**12  # digests copied at a time


class TextStore:
    """Files of texts without a name, which are gone when they are closed or the process ends.

    Memory holds nothing of a text: an index, a file too, has where each ends and its digest.
    """

    def __init__(self, folder: Path) -> None:
        """Make the files in `folder`, whose disk must have room for all texts."""
        self._folder = folder
        self._texts = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed on exit
        self._index = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed on exit
        self._index.write(ENTRY.pack(0, 0))  # the first text starts where this ends
        self._count = self._end = 0
        self._written = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._texts:
            self._index.close()

    def add(self, text: str) -> int:
        """Keep `text` and return its number."""
        self._end += self._texts.write(text.encode("utf-8", "surrogatepass"))
        self._index.write(ENTRY.pack(self._end, text_digest(text)))
        self._written = False
        self._count += 1
        return self._count - 1

    def text(self, number: int) -> str:
        """The text of that number."""
        self._flush()
        entries = os.pread(self._index.fileno(), TWO_ENTRIES.size, number * ENTRY.size)
        start, _, end, _ = TWO_ENTRIES.unpack(entries)
        return os.pread(self._texts.fileno(), end - start, start).decode("utf-8", "surrogatepass")

    def digests(self, numbers: "array[int]") -> Digests:
        """The `text_digest` of the texts of these numbers [n].

        They are in a file of their own, so that memory holds only what is written over.
        """
        if not numbers:
            return np.zeros(0, np.uint64)
        self._flush()
        known = np.memmap(self._index, ENTRIES, "r")["digest"][1:]
        with tempfile.TemporaryFile(dir=self._folder) as file:
            for start in range(0, len(numbers), CHUNK):
                file.write(known[np.asarray(numbers[start : start + CHUNK])].tobytes())
            file.flush()
            return np.asarray(np.memmap(file, np.uint64, "c"))  # which outlives `file`

    def _flush(self) -> None:
        if not self._written:
            self._texts.flush()
            self._index.flush()
            self._written = True


class StoredTexts(Sequence[str]):
    """Some texts of a store, in an order of their own; 4 bytes of memory a text."""

    def __init__(self, store: TextStore, numbers: "array[int] | None" = None) -> None:
        """The texts of these `numbers`; none without."""
        self._store = store
        self._numbers = array("I") if numbers is None else numbers

    def append(self, text: str) -> None:
        """Store `text` and make it the last one."""
        self._numbers.append(self._store.add(text))

    def take(self, chosen: NDArray[np.bool_]) -> "StoredTexts":
        """The texts that are `chosen` [n]."""
        return StoredTexts(self._store, array("I", compress(self._numbers, chosen)))

    @property
    def digests(self) -> Digests:
        """The `text_digest` of each text [n]."""
        return self._store.digests(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, row: int) -> str: ...

    @overload
    def __getitem__(self, row: slice) -> "StoredTexts": ...

    def __getitem__(self, row: int | slice) -> "str | StoredTexts":
        """The text or texts at `row`."""
        if isinstance(row, slice):
            return StoredTexts(self._store, self._numbers[row])
        return self._store.text(self._numbers[row])

    def __iter__(self) -> Iterator[str]:
        return map(self._store.text, self._numbers)
