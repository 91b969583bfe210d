"""What a source of texts gives: examples by split, and word of its progress."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass
class Examples:
    """The texts of one split and what is known of each.

    Attributes:
        texts: One text an example.
        labels: The class of each text; None in a split without labels.
        tags: What each text probes, such as ``negation``; None where nobody tagged them.
        groups: What each text is about; texts of one group never land in different splits.
        skipped: Rows that were left out because they could not be read.
    """

    texts: list[str]
    labels: list[str] | None = None
    tags: list[str] | None = None
    groups: list[str] | None = None
    skipped: int = 0

    def __len__(self) -> int:
        return len(self.texts)


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

    def read(self, report: Report) -> dict[str, Examples]:
        """The examples by split: ``train`` and, where there are any, the other names of SPLITS.

        Raises:
            DataError: Something cannot be read.
        """
        ...


SPLITS = ("train", "validation", "test", "unlabelled")
