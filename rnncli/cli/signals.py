"""Signals: commands remove temporary files; training saves itself, and a second signal ends it at once."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from rnncli.cli import console


def exit_on_sigterm() -> None:
    """Let SIGTERM raise SystemExit, so that temporary files are removed; SIGINT raises as it is."""
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))


@contextmanager
def stop_requests() -> Iterator[Callable[[], int]]:
    """Handle both signals while the body runs, and yield a function to call between steps.

    It returns the number of the signal received, or 0. After the first signal, a second one ends the
    program as it would end any other.
    """
    received = 0

    def receive(number: int, _frame: FrameType | None) -> None:
        nonlocal received
        received = number
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        with suppress(RuntimeError):  # raised where the signal came in the middle of a line
            console.note("stopping after this step; once more to stop at once")

    previous = {number: signal.signal(number, receive) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: received
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
