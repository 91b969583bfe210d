"""The plots of a run's history and of an evaluation."""

import logging
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnncli.evaluation.measures import Evaluation
from rnncli.settings.base import require
from rnncli.system.files import write_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_history(path: Path, history: Sequence[dict[str, Any]], *, title: str, best_epoch: int) -> None:
    """Draw each figure against epoch, train (where it has it) and validation, as a PNG at `path`."""
    figure = _figure(title)
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    epochs = [line["epoch"] for line in history]
    names = [name.removeprefix("val_") for name in history[0] if name.startswith("val_")]
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        for part, label, colour in (("train", "train", "tab:blue"), ("val", "validation", "tab:orange")):
            if f"{part}_{name}" not in history[0]:
                continue
            values = [line[f"{part}_{name}"] for line in history]
            axes.plot(epochs, values, marker="o", markersize=4, label=label, color=colour)
        axes.axvline(best_epoch, color="grey", linestyle=":", linewidth=1, label="best epoch")
        axes.set(xlabel="epoch", title="loss (nats)" if name == "loss" else name.replace("_", " "))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if name == "accuracy":
            axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    _save(figure, path)


def check_plot(path: Path) -> None:
    """Refuse what `plot_reliability` could not write, before time is spent on scoring.

    Raises:
        UsageError: the ending is not .png, or the folder does not exist.
    """
    require(path.suffix.lower() == ".png", f"--plot {path}: the file's name must end in .png")
    require(path.parent.is_dir(), f"--plot {path}: there is no folder {path.parent}")


def plot_reliability(path: Path, evaluation: Evaluation) -> None:
    """Draw accuracy against confidence, and against the share of texts answered, as a PNG at `path`."""
    figure = _figure(evaluation.subject.run + " on " + evaluation.subject.data)
    from matplotlib.ticker import PercentFormatter

    reliability, coverage = figure.subplots(1, 2)
    reliability.plot([0, 1], [0, 1], color="grey", linestyle=":", linewidth=1, label="as sure as right")
    curves = [(evaluation.calibration, evaluation.ece, evaluation.temperature, "tab:blue")]
    if evaluation.temperature != 1:
        before = evaluation.calibration_untempered, evaluation.ece_untempered, 1.0, "tab:orange"
        curves.insert(0, before)
    for bins, ece, temperature, colour in curves:
        confidence, accuracy = ([b[name] for b in bins] for name in ("confidence", "accuracy"))
        label = f"temperature {temperature:.4g}: ECE {ece:.4f}"
        reliability.plot(confidence, accuracy, marker="o", markersize=4, color=colour, label=label)
    least = 1 / len(evaluation.labels)
    reliability.set(xlabel="probability of the label given", title="accuracy", xlim=(least, 1), ylim=(0, 1))
    rows = evaluation.coverage
    answered, accuracies = ([row[name] for row in rows] for name in ("coverage", "accuracy"))
    coverage.plot(answered, accuracies, marker="o", markersize=4, color="tab:blue")
    coverage.invert_xaxis()
    coverage.set(xlabel="share of texts answered, the surest first", title="accuracy of the answers")
    for axes in (reliability, coverage):
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.grid(alpha=0.3)
    reliability.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    coverage.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=1))
    reliability.legend(frameon=False)
    _save(figure, path)


def _figure(title: str) -> "Figure":
    """An empty figure that is drawn into memory."""
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it warns where its font cache is read-only
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title)
    return figure


def _save(figure: "Figure", path: Path) -> None:
    image = BytesIO()
    figure.savefig(image, format="png", dpi=120)
    write_bytes(path, image.getvalue())
