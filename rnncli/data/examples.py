"""What a source of texts gives: examples by split, and word of its progress."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rnncli.data.copies import Digests, text_digest
from rnncli.data.names import Names
from rnncli.data.stored_texts import StoredTexts, TextStore


@dataclass
class Examples:
    """The texts of one split and what is known of each.

    Attributes:
        texts: One text an example, in memory or stored.
        labels: The class of each text; None in a split without labels.
        tags: What each text probes, such as ``negation``; None where nobody tagged them.
        groups: What each text is about; texts of one group never land in different splits.
        skipped: Rows that were left out because they could not be read.
    """

    texts: Sequence[str]
    labels: Sequence[str] | None = None
    tags: Sequence[str] | None = None
    groups: Sequence[str] | None = None
    skipped: int = 0

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def digests(self) -> Digests:
        """A number for each text that it shares with its copies, uint64 [n]; see `text_digest`.

        It is made anew each time and may be written over.
        """
        if isinstance(self.texts, StoredTexts):
            return self.texts.digests
        return np.fromiter(map(text_digest, self.texts), np.uint64, len(self.texts))

    def take(self, chosen: NDArray[np.bool_]) -> "Examples":
        """The examples that are `chosen` [n], none of them skipped."""

        def pick(values: Sequence[str] | None) -> Names | None:
            return None if values is None else Names(compress(values, chosen))

        texts: Sequence[str] = (
            self.texts.take(chosen)
            if isinstance(self.texts, StoredTexts)
            else list(compress(self.texts, chosen))
        )
        return Examples(texts, pick(self.labels), pick(self.tags), pick(self.groups))


@dataclass(frozen=True)
class Progress:
    """How far a stage of the work is.

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


def no_report(progress: Progress) -> None:
    """Ignore `progress`."""


class Source(Protocol):
    """Where examples come from."""

    @property
    def origin(self) -> str:
        """What the manifest calls it: a source's name, or a file's name without its folder."""
        ...

    def read(self, store: TextStore, report: Report) -> dict[str, Examples]:
        """The examples by split: ``train`` and, where there are any, the other names of SPLITS.

        Texts that may be many are put into `store`, one by one.

        Raises:
            DataError: Something cannot be read.
        """
        ...


SPLITS = ("train", "validation", "test", "unlabelled")
