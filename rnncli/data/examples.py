"""Examples, which are texts with their labels, on their way into a dataset."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from rnncli.data.stored_texts import StoredTexts, text_digest
from rnncli.system.progress import Report

SPLITS = ("train", "validation", "test", "unlabelled")


@dataclass
class Examples:
    """The examples of one split.

    Attributes:
        texts: One text an example, in memory or in a file.
        labels: The class of each text; None in a split without labels.
        tags: What each text probes, such as ``negation``; None without tags.
        groups: What each text is about, such as a film; a group is never divided among splits.
        skipped: Rows that were left out because they could not be read.
    """

    texts: list[str] | StoredTexts
    labels: list[str] | None = None
    tags: list[str] | None = None
    groups: list[str] | None = None
    skipped: int = 0

    def __len__(self) -> int:
        return len(self.texts)

    @cached_property
    def digests(self) -> NDArray[np.uint64]:
        """A number for each text that it shares with its copies alone [n]; see `text_digest`."""
        return np.fromiter(map(text_digest, self.texts), np.uint64, len(self))

    def take(self, rows: NDArray[np.integer]) -> "Examples":
        """The examples at `rows` [n]; none of them counts as skipped."""

        def pick(values: list[str] | None) -> list[str] | None:
            return None if values is None else [values[row] for row in rows.tolist()]

        texts = self.texts.take(rows) if isinstance(self.texts, StoredTexts) else pick(self.texts) or []
        taken = Examples(texts, pick(self.labels), pick(self.tags), pick(self.groups))
        taken.digests = self.digests[rows]
        return taken


Reader = Callable[[BinaryIO, Report], dict[str, Examples]]
"""Reads a source: gives its examples by split, ``train`` and perhaps others of `SPLITS`.

The texts may be many: they are put into the file that it is given (`StoredTexts`).
"""
