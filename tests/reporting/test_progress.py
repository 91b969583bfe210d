"""Lines about epochs and stages, and the bars."""

import io
from collections.abc import Iterator
from typing import Any

import pytest
from rich.console import Console

from rnncli.reporting.progress import epoch_lines, stage_progress, training_progress
from rnncli.settings.train import TrainSettings
from rnncli.system.progress import Progress
from rnncli.training.loop import EpochDone, StepDone

METRICS: dict[str, Any] = {
    "epoch": 3,
    "step": 291,
    "train_loss": 0.69314,
    "train_accuracy": 0.51234,
    "val_loss": 0.7,
    "val_accuracy": 1.0,
    "seconds": 12.34,
    "compile_seconds": 0.0,
    "examples_per_second": 1234.5,
}


def test_an_epoch_in_a_line() -> None:
    expected = "epoch  3/12  train 0.6931 51.23%  val 0.7000 100.00%*  1,234/s  12.3 s"
    assert epoch_lines(METRICS, 12, improved=True) == [expected]
    compiled = epoch_lines(METRICS | {"compile_seconds": 5.67}, 12, improved=False)
    assert compiled == [expected.replace("*", " "), "             and 5.7 s of compiling"]


@pytest.mark.parametrize("loss", [0.0, 9.99999, 12.345, 9876.5])
def test_long_trainings_fit_80_columns(loss: float) -> None:
    large = {"epoch": 1000, "seconds": 1234.5, "compile_seconds": 123.4, "examples_per_second": 123_456.7}
    figures = {"train_loss": loss, "train_accuracy": 1.0, "val_loss": loss, "val_accuracy": 1.0}
    lines = epoch_lines(METRICS | large | figures, 1000, improved=True)
    assert max(map(len, lines)) <= 80


def test_figures_are_shown_whatever_they_are() -> None:
    """Another objective has others, and the line needs no labels."""
    metrics = {name: value for name, value in METRICS.items() if "accuracy" not in name}
    (line,) = epoch_lines(metrics | {"train_perplexity": 123.456, "val_perplexity": 98.7}, 3, improved=True)
    assert line.startswith("epoch 3/3  train 0.6931 123.5  val 0.7000 98.7*  ")


@pytest.mark.parametrize("terminal", [True, False])
def test_steps_move_a_bar_on_a_terminal_only(terminal: bool) -> None:
    output = io.StringIO()
    console = Console(file=output, force_terminal=terminal, width=80, highlight=False)
    with training_progress(console, TrainSettings(epochs=3, early_stopping=2)) as show:
        show(StepDone(97, 1, 97, 97, {"loss": 0.5, "accuracy": 0.75}, 1234.5))
        show(EpochDone(METRICS, improved=False, stopping=True))
    shown = output.getvalue()
    assert ("loss 0.500  accuracy 75.0%  1,234/s  validating" in shown) == terminal
    assert "stopping early: no gain in 2 epochs\n" in shown
    assert terminal or shown.startswith("epoch 3/3  train")


def shown(*progress: Progress, terminal: bool = False, quiet: bool = False, step: float = 1.0) -> str:
    """What is written for these reports, with a clock that goes on by `step` seconds at each look."""
    times: Iterator[float] = (step * i for i in range(1000))
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=terminal, width=60, quiet=quiet)
    with stage_progress(console, clock=lambda: next(times)) as show:
        for report in progress:
            show(report)
    return stream.getvalue()


def test_a_line_for_each_finished_stage() -> None:
    text = shown(
        Progress("Reading a [b].csv", 4096, None),
        Progress("Reading a [b].csv", 5003, 5003),
        Progress("Encoding train", 0, 5003),
        Progress("Encoding train", 5003, 5003),
    )
    assert text == "Reading a [b].csv: 5,003 texts (2.0 s)\nEncoding train: 5,003 texts (4.0 s)\n"


def test_a_long_name_is_cut_to_fit_the_line() -> None:
    text = shown(Progress(f"Reading {'x' * 200}.csv", 7_000_000, 7_000_000))
    assert text.startswith("Reading xxx")
    assert "…: 7,000,000 texts" in text
    assert len(text) <= 80


def test_a_slow_stage_gives_a_sign_of_life() -> None:
    text = shown(*(Progress("Downloading", i * 10**6, 84 * 10**6, "bytes") for i in range(7)), step=4.0)
    assert text == "Downloading: 2/84 MB (12.0 s)\nDownloading: 5/84 MB (24.0 s)\n"


def test_bars_on_a_terminal_and_nothing_when_quiet() -> None:
    text = shown(Progress("Reading", 7, None), Progress("Encoding", 3, 9), terminal=True)
    assert "Reading" in text
    assert "3/9 texts" in text
    for terminal in (True, False):
        assert shown(Progress("Reading", 9, 9), quiet=True, terminal=terminal) == ""
