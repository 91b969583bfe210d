"""Results of `eval` and `compare` as tables that fit the width of the terminal."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Literal

from rich import box
from rich.align import Align
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.table import Table
from rich.text import Text

from rnncli.evaluation.calibration import NUM_BINS
from rnncli.evaluation.measures import Evaluation
from rnncli.evaluation.significance import SIGNIFICANCE_LEVEL
from rnncli.reporting.formatting import printable
from rnncli.workflows.compare import Comparison, Entry

GAP = 2  # spaces between columns
BAR_WIDTH = 20
LONGEST_NAME = 24  # in a confusion matrix; longer names are folded
SHORTEST_FOLD = 12  # characters that a name keeps in the narrowest terminal
LONGEST_LISTING = 10  # of confusions, where a matrix does not fit


@dataclass
class Column:
    """A column of a table: its head, its cells and how they are set."""

    head: str
    cells: list[RenderableType]
    align: Literal["left", "right"] = "right"
    most: int = LONGEST_NAME  # longer cells are folded
    style: str = ""
    width: int = field(init=False)

    def __post_init__(self) -> None:
        lengths = [cell_len(str(cell)) for cell in self.cells]
        words = [cell_len(word) for word in self.head.split()]
        self.width = max([min(max(lengths, default=0), self.most), *words])


def plain(text: str) -> Text:
    """Text from elsewhere, such as a label's name: no markup, nothing that moves the cursor."""
    return Text(printable(text))


def table(columns: Sequence[Column]) -> Table:
    """The columns side by side."""
    result = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, GAP - 1, 0, 0))
    for column in columns:
        result.add_column(
            Text(column.head),
            width=column.width,
            justify=column.align,
            overflow="fold",
            style=column.style,
            vertical="bottom",  # of heads: a cell's own alignment comes first
        )
    for row in zip(*(column.cells for column in columns), strict=True):
        cells = zip(row, columns, strict=True)
        result.add_row(*(Align(cell, column.align, vertical="top") for cell, column in cells))
    return result


def total_width(columns: Sequence[Column]) -> int:
    """Characters that a table of these columns takes."""
    return sum(column.width + GAP for column in columns) - GAP


def fraction(value: float | None) -> str:
    """A share or loss with four decimals; a dash where it is undefined."""
    return "-" if value is None else f"{value:.4f}"


def interval(bounds: Sequence[float] | None) -> str:
    """An interval, to stand beside its estimate."""
    return "-" if bounds is None else f"{bounds[0]:.4f} to {bounds[1]:.4f}"


def duration(seconds: float) -> str:
    """Seconds in the units that people use."""
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


def size(num_bytes: int) -> str:
    """Bytes in decimal units."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if num_bytes >= factor:
            return f"{num_bytes / factor:.1f} {unit}"
    return f"{num_bytes} B"


class EvaluationView:
    """The figures of an evaluation: overall, by class, by tag, and what is confused with what."""

    def __init__(self, evaluation: Evaluation) -> None:
        self.evaluation = evaluation

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        """Lay out for the width at hand; called by Rich."""
        figures, width = self.evaluation, options.max_width
        subject = figures.subject
        yield Text.assemble(
            (plain(subject.run).plain, "bold"),
            f" on {plain(subject.dataset).plain}, {subject.split} split: {figures.examples:,} examples "
            f"in {duration(figures.seconds)}",
        )
        yield Text()
        yield _overall(figures)
        yield Text()
        yield _by_class(figures, width)
        yield Text()
        yield from _confusion(figures, width)
        if figures.tags:
            yield Text()
            yield _by_tag(figures, width, "#." if options.ascii_only else "█░")


def _overall(figures: Evaluation) -> Table:
    grid = Table.grid(padding=(0, GAP, 0, 0))
    common, scores = max(figures.per_class.items(), key=lambda item: item[1].support)
    rows = [
        ("accuracy", figures.accuracy, f"{interval(figures.accuracy_interval)} (95 % interval)"),
        ("baseline", scores.support / figures.examples, f"always answering {plain(common)}"),
        ("loss", figures.loss, "nats an example"),
        ("macro F1", figures.macro_f1, ""),
        ("ROC AUC", figures.roc_auc, "" if figures.roc_auc is not None else "needs two classes"),
        ("ECE", figures.ece, f"calibration error, {NUM_BINS} bins"),
        ("Brier", figures.brier, "0 is best, 2 is worst"),
    ]
    for name, value, remark in rows:
        style = "bold" if name == "accuracy" else ""
        grid.add_row(Text(name), Text(fraction(value), style), Text(remark, "dim"))
    return grid


def _by_class(figures: Evaluation, width: int) -> Table:
    scores = figures.per_class.values()
    columns = [
        Column("precision", [fraction(score.precision) for score in scores]),
        Column("recall", [fraction(score.recall) for score in scores]),
        Column("F1", [fraction(score.f1) for score in scores]),
        Column("examples", [f"{score.support:,}" for score in scores]),
    ]
    return table([_names("label", figures.labels, width - total_width(columns) - GAP), *columns])


def _names(head: str, names: Iterable[str], most: int) -> Column:
    """A column of names from elsewhere, folded where `most` characters do not suffice."""
    return Column(head, [plain(name) for name in names], align="left", most=max(SHORTEST_FOLD, most))


def _confusion(figures: Evaluation, width: int) -> Iterator[RenderableType]:
    """The matrix where it fits, or else its largest entries off the diagonal."""
    labels, counts = figures.labels, figures.confusion
    matrix = [_names("label", labels, LONGEST_NAME)]
    for column, name in enumerate(labels):
        cells: list[RenderableType] = [
            Text(f"{counts[row][column]:,}", "bold" if row == column else "") for row in range(len(labels))
        ]
        matrix.append(Column(plain(name).plain, cells))
    if total_width(matrix) <= width:
        yield Text("Examples of each label by the label predicted", "italic")
        yield table(matrix)
        return
    pairs = [(a, b) for a, b in product(range(len(labels)), repeat=2) if a != b and counts[a][b]]
    pairs = sorted(pairs, key=lambda pair: -counts[pair[0]][pair[1]])[:LONGEST_LISTING]
    columns = [
        Column("examples", [f"{counts[a][b]:,}" for a, b in pairs]),
        Column("share", [f"{counts[a][b] / sum(counts[a]):.1%}" for a, b in pairs]),
    ]
    most = (width - total_width(columns)) // 2 - GAP
    names = [
        _names("label", [labels[a] for a, _ in pairs], most),
        _names("predicted", [labels[b] for _, b in pairs], most),
    ]
    yield Text("Most frequent confusions, with their share of the label's examples", "italic")
    yield table([*names, *columns])


def _by_tag(figures: Evaluation, width: int, marks: str) -> Table:
    tags = figures.tags
    columns = [
        Column("examples", [f"{tag.examples:,}" for tag in tags.values()]),
        Column("accuracy", [fraction(tag.accuracy) for tag in tags.values()]),
        Column("95 % interval", [interval(tag.accuracy_interval) for tag in tags.values()]),
    ]
    columns.insert(0, _names("tag", tags, width - total_width(columns) - GAP))
    if total_width(columns) + GAP + BAR_WIDTH <= width:
        columns.append(Column("", [_bar(tag.accuracy, marks) for tag in tags.values()], align="left"))
    return table(columns)


def _bar(share: float, marks: str) -> str:
    full = round(share * BAR_WIDTH)
    return marks[0] * full + marks[1] * (BAR_WIDTH - full)


class ComparisonView:
    """Runs side by side, in as many tables as the width demands."""

    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        """Lay out for the width at hand; called by Rich."""
        comparison, width = self.comparison, options.max_width
        yield self._heading()
        yield Text()
        runs = _names("run", [entry.run.name for entry in comparison.entries], width // 3)
        runs.style = "bold"
        columns = [*self._figures(), *self._costs(), *self._settings()]
        for number, part in enumerate(_pack(columns, width - runs.width - GAP)):
            if number:
                yield Text()
            yield table([runs, *part])
        if any(entry.against_best for entry in comparison.entries):
            yield Text()
            yield Text(
                "vs best: difference in accuracy on the same examples; "
                "p: McNemar's exact test, Holm-adjusted, bold below 0.05",
                "dim",
            )

    def _heading(self) -> Text:
        best = self.comparison.best
        if best is None or best.evaluation is None:
            dataset = self.comparison.entries[0].run.dataset_name
            return Text(f"Validation figures of training on {plain(dataset).plain}")
        subject = best.evaluation.subject
        return Text(
            f"{plain(subject.dataset).plain}, {subject.split} split: {best.evaluation.examples:,} examples"
        )

    def _figures(self) -> list[Column]:
        entries, best = self.comparison.entries, self.comparison.best
        if best is None:
            return [
                Column("accuracy", [fraction(entry.val_accuracy) for entry in entries]),
                Column("loss", [fraction(entry.val_loss) for entry in entries]),
            ]
        figures = [entry.evaluation for entry in entries]
        columns = [
            Column("accuracy", [fraction(found.accuracy if found else None) for found in figures]),
            Column(
                "95 % interval", [interval(found.accuracy_interval if found else None) for found in figures]
            ),
        ]
        if any(entry.against_best for entry in entries):
            columns.append(Column("vs best", [_difference(entry, entry is best) for entry in entries]))
            columns.append(Column("p", [_p_value(entry.adjusted_p) for entry in entries]))
        return [*columns, Column("loss", [fraction(found.loss if found else None) for found in figures])]

    def _costs(self) -> list[Column]:
        entries = self.comparison.entries
        return [
            Column("parameters", [f"{entry.parameters:,}" for entry in entries]),
            Column("training", [duration(entry.train_seconds) for entry in entries]),
            Column("model", [size(entry.model_bytes) for entry in entries]),
        ]

    def _settings(self) -> list[Column]:
        return [
            Column(
                name.replace("_", " "), [_setting(entry.settings[name]) for entry in self.comparison.entries]
            )
            for name in self.comparison.differing
        ]


def _difference(entry: Entry, is_best: bool) -> str:
    if is_best:
        return "best"
    return f"{entry.against_best.difference:+.4f}" if entry.against_best else "-"


def _p_value(p_value: float | None) -> Text:
    if p_value is None:
        return Text("-")
    return Text(
        "<0.001" if p_value < 0.001 else f"{p_value:.3f}", "bold" if p_value < SIGNIFICANCE_LEVEL else ""
    )


def _setting(value: Any) -> Text:
    return plain(f"{value:g}" if isinstance(value, float) else str(value))


def _pack(columns: Iterable[Column], width: int) -> list[list[Column]]:
    """The columns in groups that fit into `width`, at least one a group."""
    groups: list[list[Column]] = [[]]
    for column in columns:
        if groups[-1] and total_width([*groups[-1], column]) > width:
            groups.append([])
        groups[-1].append(column)
    return groups
