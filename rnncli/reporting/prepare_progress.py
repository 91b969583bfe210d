"""Progress of `rnncli prepare`: bars on a terminal, elsewhere a line a stage."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from rnncli.data import examples
from rnncli.reporting.formatting import printable, shortened

LINE_SECONDS = 10.0  # how long a stage may go on without a word
STAGE_WIDTH = 26  # columns for its name, which may hold a file's; the rest of the line needs the others


class PrepareProgress:
    """Shows what is reported to it; a context manager that is called with each report.

    Args:
        console: Where to show it: bars if it is a terminal, plain lines if not.
        clock: Gives the time in seconds.
    """

    def __init__(self, console: Console, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._started = self._last_line = clock()
        self._tasks: dict[str, TaskID] = {}
        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=8),
            TextColumn("{task.fields[amount]}"),
            TextColumn("{task.elapsed:.0f} s"),
            console=console,
            transient=True,
            disable=console.quiet or not console.is_terminal,
        )

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def __call__(self, progress: examples.Progress) -> None:
        """Show `progress`."""
        if self._console.is_terminal:
            self._update_bar(progress)
        else:
            self._write_line(progress)

    def _update_bar(self, progress: examples.Progress) -> None:
        if progress.stage not in self._tasks:
            self._tasks[progress.stage] = self._bars.add_task(
                shortened(printable(progress.stage), STAGE_WIDTH), amount=""
            )
        self._bars.update(
            self._tasks[progress.stage],
            completed=progress.done,
            total=progress.total,
            amount=_amount(progress),
        )
        if progress.done == progress.total:
            self._bars.stop_task(self._tasks[progress.stage])

    def _write_line(self, progress: examples.Progress) -> None:
        now = self._clock()
        if progress.done == progress.total or now - self._last_line >= LINE_SECONDS:
            self._last_line = now
            line = f"{progress.stage}: {_amount(progress)} ({now - self._started:.1f} s)"
            self._console.print(line, soft_wrap=True, markup=False)


def _amount(progress: examples.Progress) -> str:
    """What is done, and of how much while it is not all."""
    scale, unit = (1e6, "MB") if progress.unit == "bytes" else (1, progress.unit)
    total = "" if progress.total in (None, progress.done) else f"/{progress.total / scale:,.0f}"
    return f"{progress.done / scale:,.0f}{total} {unit}"
