"""The progress of long work, reported to whatever shows it."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeVar

T = TypeVar("T")


class Progress(NamedTuple):
    """What a bar shows of a stage of the work."""

    stage: str  # such as "Encoding train"
    done: int
    total: int | None  # None while it is unknown
    unit: str = "texts"  # or "bytes"


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
