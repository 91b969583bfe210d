"""Progress of work in stages: bars on a terminal, elsewhere a line a stage."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from rnncli.reporting.formatting import printable, shortened
from rnncli.system.progress import Progress, Report

LINE_SECONDS = 10.0  # between two lines about a stage
BAR_WIDTH, LINE_WIDTH = 26, 40  # columns for a stage, which may hold a file's name


@contextmanager
def stage_progress(console: Console, *, clock: Callable[[], float] = time.monotonic) -> Iterator[Report]:
    """Yield a function that shows the progress that it is called with.

    Args:
        console: Where to show it: bars if it is a terminal, plain lines if not.
        clock: Gives the time in seconds.
    """
    bars = Bars(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=8),
        TextColumn("{task.fields[amount]}"),
        TextColumn("{task.elapsed:.0f} s"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=console.quiet or not console.is_terminal,
    )
    with bars:
        yield _on_bars(bars) if console.is_terminal else _in_lines(console, clock)


def _on_bars(bars: Bars) -> Report:
    tasks: dict[str, TaskID] = {}

    def show(progress: Progress) -> None:
        stage, done, total, _ = progress
        if stage not in tasks:
            tasks[stage] = bars.add_task(shortened(printable(stage), BAR_WIDTH), amount="")
        bars.update(tasks[stage], completed=done, total=total, amount=_amount(progress))
        if done == total:
            bars.stop_task(tasks[stage])

    return show


def _in_lines(console: Console, clock: Callable[[], float]) -> Report:
    started = last_line = clock()

    def show(progress: Progress) -> None:
        nonlocal last_line
        now = clock()
        if progress.done == progress.total or now - last_line >= LINE_SECONDS:
            last_line = now
            stage = shortened(printable(progress.stage), LINE_WIDTH)
            line = f"{stage}: {_amount(progress)} ({now - started:.1f} s)"
            console.print(line, soft_wrap=True, markup=False)

    return show


def _amount(progress: Progress) -> str:
    """What is done, and of how much while it is not all."""
    scale, unit = (1e6, "MB") if progress.unit == "bytes" else (1, progress.unit)
    total = "" if progress.total in (None, progress.done) else f"/{progress.total / scale:,.0f}"
    return f"{progress.done / scale:,.0f}{total} {unit}"
