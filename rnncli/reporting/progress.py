"""Progress of a training, or of work in stages: bars on a terminal, elsewhere a line an epoch or a stage."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from rnncli.reporting.formatting import printable, shortened
from rnncli.system.progress import Progress, Report

if TYPE_CHECKING:
    from rnncli.settings.train import TrainSettings
    from rnncli.training.loop import EpochDone, StepDone

LINE_SECONDS = 10.0  # between two lines about a stage
BAR_WIDTH, LINE_WIDTH = 26, 40  # columns for a stage, which may hold a file's name


@contextmanager
def training_progress(
    console: Console, settings: "TrainSettings"
) -> Iterator[Callable[["StepDone | EpochDone"], None]]:
    """Show a bar while the body runs, and yield a function that shows an event of the training."""
    from rnncli.training.loop import StepDone

    bar = Bars(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        TextColumn("{task.fields[figures]}"),
        TimeRemainingColumn(compact=True),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    task = bar.add_task("compiling", total=None, figures="")

    def show(event: "StepDone | EpochDone") -> None:
        if isinstance(event, StepDone):
            shown = (
                f"{name} {value:{'.1%' if name == 'accuracy' else '.3f'}}"
                for name, value in event.figures.items()
            )
            validating = "  validating" if event.batch == event.batches else ""
            bar.update(
                task,
                description=f"epoch {event.epoch}/{settings.epochs}",
                completed=event.batch,
                total=event.batches,
                figures=f"{'  '.join(shown)}  {event.examples_per_second:,.0f}/s{validating}",
            )
            return
        console.print(*epoch_lines(event.metrics, settings.epochs, improved=event.improved), sep="\n")
        if event.stopping:
            console.print(f"stopping early: no gain in {settings.early_stopping} epochs")
        bar.reset(task, total=None)

    with bar:
        yield show


def epoch_lines(metrics: dict[str, Any], epochs: int, *, improved: bool) -> list[str]:
    """An epoch's figures in at most 80 columns, and the time that compilation took, if any."""
    seconds, compiling = metrics["seconds"], metrics["compile_seconds"]
    start = f"epoch {metrics['epoch']:>{len(str(epochs))}}/{epochs}"
    parts = f"train {_figures(metrics, 'train_')}  val {_figures(metrics, 'val_')}{'*' if improved else ' '}"
    line = (
        f"{start}  {parts}  {metrics['examples_per_second']:,.0f}/s  "
        f"{seconds:.{0 if seconds >= 100 else 1}f} s"
    )
    return [line, f"{'':{len(start)}}  and {compiling:.1f} s of compiling"] if compiling else [line]


def _figures(metrics: dict[str, Any], prefix: str) -> str:
    """The figures whose names start with `prefix`, without their names."""
    return " ".join(
        f"{value:6.2%}" if name == f"{prefix}accuracy" else f"{value:.4f}" if value < 10 else f"{value:.4g}"
        for name, value in metrics.items()
        if name.startswith(prefix)
    )


@contextmanager
def stage_progress(console: Console, *, clock: Callable[[], float] = time.monotonic) -> Iterator[Report]:
    """Yield a function that shows progress: bars on a terminal, elsewhere lines; `clock` gives seconds."""
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
    """What is done, and of how much until it is all."""
    scale, unit = (1e6, "MB") if progress.unit == "bytes" else (1, progress.unit)
    total = "" if progress.total in (None, progress.done) else f"/{progress.total / scale:,.0f}"
    return f"{progress.done / scale:,.0f}{total} {unit}"
