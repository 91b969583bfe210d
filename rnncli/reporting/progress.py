"""Progress of a training run on stderr: a live bar on a terminal, else a plain line an epoch."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn
from rich.text import Text


class Step(Protocol):
    """What is shown of a step; see `rnncli.training.loop.StepDone`."""

    @property
    def epoch(self) -> int:
        """The epoch in progress."""

    @property
    def batch(self) -> int:
        """Batches done in it."""

    @property
    def batches(self) -> int:
        """Batches in an epoch."""

    @property
    def loss(self) -> float:
        """Mean loss so far."""

    @property
    def accuracy(self) -> float:
        """Accuracy so far."""

    @property
    def examples_per_second(self) -> float:
        """Rate so far."""


class TimeLeft(ProgressColumn):
    """Time left in the epoch, from the mean rate."""

    def render(self, task: Task) -> Text:
        """See the base class."""
        seconds = task.time_remaining
        return Text("" if seconds is None else f"{int(seconds) // 60}:{int(seconds) % 60:02d} left")


class TrainingProgress:
    """Shows the steps of a run as a bar, and prints a line for each finished epoch."""

    def __init__(self, console: Console, epochs: int) -> None:
        self._console = console
        self._epochs = epochs
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[figures]}"),
            TimeLeft(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("compiling", total=None, figures="")

    @contextmanager
    def shown(self) -> Iterator["TrainingProgress"]:
        """Show the bar while the body runs."""
        with self._bar:
            yield self

    def step(self, step: Step) -> None:
        """Move the bar."""
        figures = f"loss {step.loss:.3f}  accuracy {step.accuracy:.1%}  {step.examples_per_second:,.0f}/s"
        if step.batch == step.batches:
            figures += "  validating"
        self._bar.update(
            self._task,
            description=f"epoch {step.epoch}/{self._epochs}",
            completed=step.batch,
            total=step.batches,
            figures=figures,
        )

    def epoch(self, metrics: dict[str, Any], *, improved: bool) -> None:
        """Print the line of an epoch and start the bar anew."""
        self._console.print(epoch_line(metrics, self._epochs, improved=improved), soft_wrap=True)
        self._bar.reset(self._task, total=None)


def epoch_line(metrics: dict[str, Any], epochs: int, *, improved: bool) -> str:
    """One line with an epoch's figures."""
    return (
        f"epoch {metrics['epoch']:>{len(str(epochs))}}/{epochs}  "
        f"train {metrics['train_loss']:.4f} {metrics['train_accuracy']:6.2%}  "
        f"val {metrics['val_loss']:.4f} {metrics['val_accuracy']:6.2%}{'*' if improved else ' '}  "
        f"{metrics['examples_per_second']:,.0f}/s  {metrics['seconds']:.1f} s"
        + (f" + {metrics['compile_seconds']:.1f} s compiling" if metrics["compile_seconds"] else "")
    )
