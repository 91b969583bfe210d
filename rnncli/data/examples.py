"""Examples, which are texts with their labels, on their way into a dataset."""

import hashlib
import os
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from rnncli.system.progress import Report
from rnncli.text.tokenizer import normalise

SPLITS = ("train", "validation", "test", "unlabelled")
EMPTY = 0  # the digest of a text without a word


class StoredTexts:
    """Texts kept in a file while a dataset is prepared: there may be more of them than fit in memory.

    They have an order of their own; memory holds 12 bytes of each, the rest is in the file. Several
    may share a file, to which nobody else writes.
    """

    def __init__(self, file: BinaryIO) -> None:
        """Start empty; texts are appended to `file`."""
        self._file = file
        self._starts, self._sizes = array("q"), array("I")  # in bytes

    def append(self, text: str) -> None:
        """Write `text` into the file and make it the last one."""
        self._starts.append(self._file.tell())
        self._sizes.append(self._file.write(text.encode("utf-8", "surrogatepass")))

    def take(self, rows: NDArray[np.integer]) -> "StoredTexts":
        """The texts at `rows` [n], in that order."""
        taken = StoredTexts(self._file)
        taken._starts = array("q", np.asarray(self._starts)[rows].tobytes())
        taken._sizes = array("I", np.asarray(self._sizes)[rows].tobytes())
        return taken

    def __len__(self) -> int:
        return len(self._starts)

    def __iter__(self) -> Iterator[str]:
        self._file.flush()
        for start, size in zip(self._starts, self._sizes, strict=True):
            yield os.pread(self._file.fileno(), size, start).decode("utf-8", "surrogatepass")


def text_digest(text: str) -> int:
    """A number of 64 bits, blind to case, markup and white space; `EMPTY` for an empty text.

    Among ten million different texts, two have the same number with a probability of 3 in a million.
    """
    words = normalise(text).split()
    content = " ".join(words).encode()
    return int.from_bytes(hashlib.blake2b(content, digest_size=16).digest()[:8], "big") if words else EMPTY


@dataclass
class Examples:
    """The examples of one split.

    Attributes:
        texts: One text an example, in memory or in a file.
        labels: The class of each text; None in a split without labels.
        tags: What each text probes, such as ``negation``; None without tags.
        groups: What each text is about, such as a film; a group is never divided among splits.
        skipped: Rows that were left out because they could not be read.
        further: How many of them, the last ones, come from other sources than the first ones.
    """

    texts: list[str] | StoredTexts
    labels: list[str] | None = None
    tags: list[str] | None = None
    groups: list[str] | None = None
    skipped: int = 0
    further: int = 0

    def __len__(self) -> int:
        return len(self.texts)

    @cached_property
    def digests(self) -> NDArray[np.uint64]:
        """A number for each text that it shares with its copies alone [n]; see `text_digest`."""
        return np.fromiter(map(text_digest, self.texts), np.uint64, len(self))

    def take(self, rows: NDArray[np.integer]) -> "Examples":
        """The examples at `rows` [n]; none of them counts as skipped."""

        def pick(values: list[str] | None) -> list[str] | None:
            return None if values is None else [values[row] for row in rows]

        texts = self.texts.take(rows) if isinstance(self.texts, StoredTexts) else pick(self.texts) or []
        taken = Examples(texts, pick(self.labels), pick(self.tags), pick(self.groups))
        taken.digests = self.digests[rows]
        return taken

    def with_further(self, others: "Examples") -> "Examples":
        """These examples and then `others`, which are appended to these texts; groups are forgotten."""
        digests = np.concatenate([self.digests, others.digests])
        for text in others.texts:
            self.texts.append(text)
        labels, tags = (
            None if first is None or second is None else [*first, *second]
            for first, second in ((self.labels, others.labels), (self.tags, others.tags))
        )
        together = Examples(
            self.texts,
            labels,
            tags,
            skipped=self.skipped + others.skipped,
            further=self.further + len(others),
        )
        together.digests = digests
        return together


Reader = Callable[[BinaryIO, Report], dict[str, Examples]]
"""Reads a source: gives its examples by split, ``train`` and perhaps others of `SPLITS`.

The texts may be many: they are put into the file that it is given (`StoredTexts`).
"""
