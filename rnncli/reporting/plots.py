"""The plot of a run's history."""

import logging
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from rnncli.system.files import write_bytes


def plot_history(path: Path, history: Sequence[dict[str, Any]], *, title: str, best_epoch: int) -> None:
    """Draw each figure against epoch, train and validation, as a PNG at `path`."""
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it warns where its font cache is read-only
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    figure = Figure(figsize=(9, 4), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title)
    epochs = [line["epoch"] for line in history]
    names = [name.removeprefix("val_") for name in history[0] if name.startswith("val_")]
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        for part, label, colour in (("train", "train", "tab:blue"), ("val", "validation", "tab:orange")):
            values = [line[f"{part}_{name}"] for line in history]
            axes.plot(epochs, values, marker="o", markersize=4, label=label, color=colour)
        axes.axvline(best_epoch, color="grey", linestyle=":", linewidth=1, label="best epoch")
        axes.set(xlabel="epoch", title="loss (nats)" if name == "loss" else name)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if name == "accuracy":
            axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    image = BytesIO()
    figure.savefig(image, format="png", dpi=120)
    write_bytes(path, image.getvalue())
