"""What `rnncli compare` shows: runs side by side, in as many tables as the width requires.

Which columns there are, and in which order, is said in `columns`.
"""

from typing import Any

from rich import filesize
from rich.console import ConsoleOptions, RenderableType
from rich.text import Text

from rnncli.evaluation.comparison import Comparison, Entry
from rnncli.evaluation.significance import SIGNIFICANCE_LEVEL
from rnncli.reporting.formatting import duration, fraction, interval, printable
from rnncli.reporting.tables import GAP, Column, names_column, pack, plain, stacked, table

LEGEND = (
    "vs best: difference in accuracy on the same examples; "
    f"p: McNemar's exact test, Holm-adjusted, bold below {SIGNIFICANCE_LEVEL}"
)


def comparison_tables(comparison: Comparison, options: ConsoleOptions) -> RenderableType:
    """A comparison, laid out for a console's width."""
    width = options.max_width
    runs = names_column("run", [entry.run for entry in comparison.entries], width // 3, style="bold")
    groups = pack(columns(comparison), width - runs.width - GAP)
    parts: list[RenderableType] = [heading(comparison), *(table([runs, *group]) for group in groups)]
    if any(entry.against_best for entry in comparison.entries):
        parts.append(Text(LEGEND, "dim"))
    return stacked(parts)


def heading(comparison: Comparison) -> Text:
    """Which data the figures are of."""
    best = comparison.best
    if best is None or best.evaluation is None:
        return Text(f"Validation figures of training on {printable(comparison.entries[0].dataset)}")
    subject, examples = best.evaluation.subject, best.evaluation.examples
    return Text(f"{printable(subject.dataset)}, {subject.split} split: {examples:,} examples")


def columns(comparison: Comparison) -> list[Column]:
    """All columns after the runs' names, in their order: figures, costs, settings that differ."""
    entries, best = comparison.entries, comparison.best

    def measured(figure: str) -> list[Any]:
        return [getattr(entry.evaluation, figure, None) for entry in entries]

    if best is None:
        figures = [
            Column("accuracy", [fraction(entry.val_accuracy) for entry in entries]),
            Column("loss", [fraction(entry.val_loss) for entry in entries]),
        ]
    else:
        figures = [
            Column("accuracy", [*map(fraction, measured("accuracy"))]),
            Column("95 % interval", [*map(interval, measured("accuracy_interval"))]),
            Column("vs best", [difference(entry, best) for entry in entries]),
            Column("p", [p_value(entry.adjusted_p) for entry in entries]),
            Column("loss", [*map(fraction, measured("loss"))]),
        ]
        if not any(entry.against_best for entry in entries):
            del figures[2:4]
    costs = [
        Column("parameters", [f"{entry.parameters:,}" for entry in entries]),
        Column("training", [duration(entry.train_seconds) for entry in entries]),
        Column("model", [filesize.decimal(entry.model_bytes) for entry in entries]),
    ]
    settings = [
        Column(name.replace("_", " "), [setting(entry.settings[name]) for entry in entries])
        for name in comparison.differing
    ]
    return [*figures, *costs, *settings]


def difference(entry: Entry, best: Entry) -> str:
    """How much less accurate a run is than the best one, on the same examples."""
    if entry is best:
        return "best"
    return f"{entry.against_best.difference:+.4f}" if entry.against_best else "-"


def p_value(value: float | None) -> Text:
    """A p-value, bold where the difference is significant; a dash where nothing was tested."""
    if value is None:
        return Text("-")
    return Text("<0.001" if value < 0.001 else f"{value:.3f}", "bold" if value < SIGNIFICANCE_LEVEL else "")


def setting(value: Any) -> Text:
    """The value of a setting in few characters; a dash where a run has none, as averages do."""
    if value is None:
        return Text("-")
    return plain(f"{value:g}" if isinstance(value, float) else str(value))
