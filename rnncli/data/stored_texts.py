"""Texts kept in a file, for there may be more of them than fit in memory."""

import os
import tempfile
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, overload

import numpy as np
from numpy.typing import NDArray

from rnncli.data.copies import Digests, text_digest


class TextStore:
    """A file of texts without a name, which is gone when it is closed or the process ends.

    Memory holds where each text ends and its digest: 16 bytes a text.
    """

    def __init__(self, folder: Path) -> None:
        """Make the file in `folder`, whose disk must have room for all texts."""
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed on exit
        self._ends = array("q", [0])
        self._digests = array("Q")
        self._written = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, text: str) -> int:
        """Keep `text` and return its number."""
        self._ends.append(self._ends[-1] + self._file.write(text.encode("utf-8", "surrogatepass")))
        self._digests.append(text_digest(text))
        self._written = False
        return len(self._ends) - 2

    def text(self, number: int) -> str:
        """The text of that number."""
        if not self._written:
            self._file.flush()
            self._written = True
        start, end = self._ends[number], self._ends[number + 1]
        return os.pread(self._file.fileno(), end - start, start).decode("utf-8", "surrogatepass")

    def digests(self, numbers: "array[int]") -> Digests:
        """The `text_digest` of the texts of these numbers [n]."""
        return np.asarray(self._digests)[np.asarray(numbers)]


class StoredTexts(Sequence[str]):
    """Some texts of a store, in an order of their own; 4 bytes of memory a text."""

    def __init__(self, store: TextStore, numbers: "array[int] | None" = None) -> None:
        """The texts of these `numbers`; none without."""
        self._store = store
        self._numbers = array("I") if numbers is None else numbers

    def append(self, text: str) -> None:
        """Store `text` and make it the last one."""
        self._numbers.append(self._store.add(text))

    def take(self, rows: NDArray[np.int64]) -> "StoredTexts":
        """The texts at `rows`."""
        return StoredTexts(self._store, array("I", np.asarray(self._numbers)[rows].tobytes()))

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
