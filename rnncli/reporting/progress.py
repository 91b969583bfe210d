"""Progress of a training run on stderr: a live bar on a terminal, else a plain line an epoch."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from rnncli.settings.train import TrainSettings
    from rnncli.training.loop import EpochDone, StepDone


@contextmanager
def training_progress(
    console: Console, settings: "TrainSettings"
) -> Iterator[Callable[["StepDone | EpochDone"], None]]:
    """Show a bar while the body runs, and give it a function that shows an event of the training."""
    from rnncli.training.loop import StepDone

    bar = Progress(
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
    """An epoch's figures in at most 80 columns, and what it took to compile, if anything."""
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
