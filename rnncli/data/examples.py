"""Examples, which are texts with their labels, on their way into a dataset."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import BinaryIO, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from rnncli.data.stored_texts import StoredTexts, text_digest

T = TypeVar("T")
SPLITS = ("train", "validation", "test", "unlabelled")


class Progress(NamedTuple):
    """What a bar shows of a stage of the work.

    Attributes:
        stage: What is being done, such as ``Encoding train``.
        done: Units finished.
        total: Units in all; None while that is unknown.
        unit: What is counted: ``texts`` or ``bytes``.
    """

    stage: str
    done: int
    total: int | None
    unit: str = "texts"


Report = Callable[[Progress], None]
REPORT_EVERY = 2048


def no_report(progress: Progress) -> None:
    """Ignore `progress`."""


def reported(items: Iterable[T], stage: str, report: Report, total: int | None = None) -> Iterator[T]:
    """Pass on `items`, and report every few thousand of them and the last how many were passed on."""
    count = 0
    for item in items:
        if count % REPORT_EVERY == 0:
            report(Progress(stage, count, total))
        yield item
        count += 1
    report(Progress(stage, count, count))


@dataclass
class Examples:
    """The examples of one split.

    Attributes:
        texts: One text an example, in memory or in a file.
        labels: The class of each text; None in a split without labels.
        tags: What each text probes, such as ``negation``; None where nobody tagged them.
        groups: What each text is about; texts of one group never land in different splits.
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
