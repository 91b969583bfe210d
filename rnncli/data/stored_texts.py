"""Texts kept in a file while a dataset is prepared, for there may be more of them than fit in memory."""

import hashlib
import os
from array import array
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from rnncli.text.tokenizer import normalise

EMPTY = 0  # the digest of a text without a word


class StoredTexts:
    """Texts in an order of their own; memory holds 16 bytes of each, the rest is in the file.

    Several may share a file, to which nobody else writes.
    """

    def __init__(self, file: BinaryIO) -> None:
        """No texts yet; those to come are written at the end of `file`."""
        self._file = file
        self._starts, self._ends = array("q"), array("q")

    def append(self, text: str) -> None:
        """Write `text` into the file and make it the last one."""
        start = self._file.tell()
        self._starts.append(start)
        self._ends.append(start + self._file.write(text.encode("utf-8", "surrogatepass")))

    def take(self, rows: NDArray[np.integer]) -> "StoredTexts":
        """The texts at `rows` [n], in that order."""
        taken = StoredTexts(self._file)
        taken._starts = array("q", np.asarray(self._starts)[rows].tobytes())
        taken._ends = array("q", np.asarray(self._ends)[rows].tobytes())
        return taken

    def __len__(self) -> int:
        return len(self._starts)

    def __iter__(self) -> Iterator[str]:
        self._file.flush()
        for start, end in zip(self._starts, self._ends, strict=True):
            yield os.pread(self._file.fileno(), end - start, start).decode("utf-8", "surrogatepass")


def text_digest(text: str) -> int:
    """A number of 64 bits, blind to case, markup and white space; `EMPTY` for an empty text.

    Among ten million different texts, two have the same number with a probability of 3 in a million.
    """
    words = normalise(text).split()
    content = " ".join(words).encode()
    return int.from_bytes(hashlib.blake2b(content, digest_size=16).digest()[:8], "big") if words else EMPTY
