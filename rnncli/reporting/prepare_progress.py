"""Progress of `rnncli prepare`: a bar on a terminal, elsewhere a line a stage."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from rnncli.data import examples


class PrepareProgress:
    """Shows each stage as it is reported; use it as a context manager and call it.

    Args:
        console: Where to write.
        quiet: Whether to show nothing.
    """

    def __init__(self, console: Console, *, quiet: bool) -> None:
        self._console = console
        self._quiet = quiet
        self._started = time.monotonic()
        self._tasks: dict[str, TaskID] = {}
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[amount]}"),
            TimeElapsedColumn(),
            console=console,
            disable=quiet or not console.is_terminal,
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
        if self._quiet:
            return
        if self._console.is_terminal:
            self._show_bar(progress)
        elif progress.done == progress.total:
            seconds = time.monotonic() - self._started
            self._console.print(f"{progress.stage}: {_amount(progress)} ({seconds:.1f} s)", soft_wrap=True)

    def _show_bar(self, progress: examples.Progress) -> None:
        if progress.stage not in self._tasks:
            self._tasks[progress.stage] = self._bars.add_task(progress.stage, amount="")
        self._bars.update(
            self._tasks[progress.stage],
            completed=progress.done,
            total=progress.total,
            amount=_amount(progress),
        )


def _amount(progress: examples.Progress) -> str:
    if progress.unit == "bytes":
        return f"{progress.done / 1e6:.1f} MB"
    return f"{progress.done:,} {progress.unit}"
