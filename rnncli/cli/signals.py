"""Stopping politely: commands tidy up; of training the first signal asks, the second ends it at once."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from rnncli.cli import console


def exit_on_sigterm() -> None:
    """Let SIGTERM raise SystemExit, so that temporary files are removed; SIGINT raises as it is."""
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))


class StopRequest:
    """Set by the first signal; whoever works looks at it between steps.

    Attributes:
        signal: the number of the signal received, or 0.
    """

    def __init__(self) -> None:
        self.signal = 0

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Handle both signals while the body runs."""
        numbers = (signal.SIGINT, signal.SIGTERM)
        previous = {number: signal.signal(number, self._receive) for number in numbers}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        self.signal = number
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        with suppress(RuntimeError):  # raised where the signal came in the middle of a line
            console.note("stopping after this step; once more to stop at once")
