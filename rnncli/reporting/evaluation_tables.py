"""What `rnncli eval` shows: figures overall, by class and by tag, and the confusion matrix."""

from itertools import product

from rich.console import ConsoleOptions, Group, RenderableType
from rich.table import Table
from rich.text import Text

from rnncli.evaluation.measures import Evaluation
from rnncli.evaluation.metrics import NUM_BINS
from rnncli.reporting.formatting import duration, fraction, interval, printable
from rnncli.reporting.tables import GAP, LONGEST_NAME, Column, names_column, stacked, table, total_width

BAR_WIDTH = 20
LONGEST_LISTING = 10  # of confusions, where a matrix does not fit


def evaluation_tables(figures: Evaluation, options: ConsoleOptions) -> RenderableType:
    """All tables of an evaluation, laid out for a console's width and characters."""
    subject, width = figures.subject, options.max_width
    heading = Text.assemble(
        (printable(subject.run), "bold"),
        f" on {printable(subject.dataset)}, {subject.split} split: {figures.examples:,} examples "
        f"in {duration(figures.seconds)}",
    )
    parts = [heading, overall(figures), by_class(figures, width), confusions(figures, width)]
    parts.append(by_coverage(figures))
    if figures.tags:
        parts.append(by_tag(figures, width, "#." if options.ascii_only else "█░"))
    return stacked(parts)


def overall(figures: Evaluation) -> Table:
    """A line for each figure of the whole split."""
    grid = Table.grid(padding=(0, GAP, 0, 0))
    common, scores = max(figures.per_class.items(), key=lambda item: item[1].support)
    rows = [
        ("accuracy", figures.accuracy, f"{interval(figures.accuracy_interval)} (95 % interval)"),
        ("baseline", scores.support / figures.examples, f"always answering {printable(common)}"),
        ("loss", figures.loss, "nats an example"),
        ("macro F1", figures.macro_f1, ""),
        ("ROC AUC", figures.roc_auc, "" if figures.roc_auc is not None else "needs two classes"),
        ("ECE", figures.ece, f"calibration error, {NUM_BINS} bins"),
        ("Brier", figures.brier, "0 is best, 2 is worst"),
    ]
    if figures.temperature != 1:
        rows.insert(6, ("ECE before", figures.ece_untempered, "as it would be without the temperature"))
        rows.insert(7, ("temperature", figures.temperature, "fitted on the validation split"))
    for name, value, remark in rows:
        style = "bold" if name == "accuracy" else ""
        grid.add_row(Text(name), Text(fraction(value), style), Text(remark, "dim"))
    return grid


def by_coverage(figures: Evaluation) -> Group:
    """Accuracy where the least sure answers are left out."""
    rows = figures.coverage
    columns = [
        Column("answered", [f"{row['coverage']:.1%}" for row in rows]),
        Column("examples", [f"{row['examples']:,}" for row in rows]),
        Column("accuracy", [fraction(row["accuracy"]) for row in rows]),
        Column("probability", [f"from {fraction(row['probability'])}" for row in rows]),
    ]
    heading = Text("Accuracy where only the surest answers are given (predict --abstain-below)", "italic")
    return Group(heading, table(columns))


def by_class(figures: Evaluation, width: int) -> Table:
    """Precision, recall and F1 of each class."""
    scores = figures.per_class.values()
    columns = [
        Column("precision", [fraction(score.precision) for score in scores]),
        Column("recall", [fraction(score.recall) for score in scores]),
        Column("F1", [fraction(score.f1) for score in scores]),
        Column("examples", [f"{score.support:,}" for score in scores]),
    ]
    return table([names_column("label", figures.labels, width - total_width(columns) - GAP), *columns])


def confusions(figures: Evaluation, width: int) -> RenderableType:
    """The confusion matrix where it fits, or else its largest entries off the diagonal."""
    labels, counts = figures.labels, figures.confusion
    matrix = [names_column("label", labels, LONGEST_NAME)]
    for column, name in enumerate(labels):
        cells = [Text(f"{row[column]:,}", "bold" if row is counts[column] else "") for row in counts]
        matrix.append(Column(printable(name), cells))
    if total_width(matrix) <= width:
        return Group(Text("Examples of each label by the label predicted", "italic"), table(matrix))
    pairs = [(a, b) for a, b in product(range(len(labels)), repeat=2) if a != b and counts[a][b]]
    pairs = sorted(pairs, key=lambda pair: -counts[pair[0]][pair[1]])[:LONGEST_LISTING]
    columns = [
        Column("examples", [f"{counts[a][b]:,}" for a, b in pairs]),
        Column("share", [f"{counts[a][b] / sum(counts[a]):.1%}" for a, b in pairs]),
    ]
    most = (width - total_width(columns)) // 2 - GAP
    names = [
        names_column("label", [labels[a] for a, _ in pairs], most),
        names_column("predicted", [labels[b] for _, b in pairs], most),
    ]
    heading = Text("Most frequent confusions, with their share of the label's examples", "italic")
    return Group(heading, table([*names, *columns]))


def by_tag(figures: Evaluation, width: int, marks: str) -> Table:
    """Accuracy by tag, with a bar of the two `marks`, full and empty, where there is room."""
    tags = figures.tags
    columns = [
        Column("examples", [f"{tag.examples:,}" for tag in tags.values()]),
        Column("accuracy", [fraction(tag.accuracy) for tag in tags.values()]),
        Column("95 % interval", [interval(tag.accuracy_interval) for tag in tags.values()]),
    ]
    columns.insert(0, names_column("tag", tags, width - total_width(columns) - GAP))
    if total_width(columns) + GAP + BAR_WIDTH <= width:
        full = [round(tag.accuracy * BAR_WIDTH) for tag in tags.values()]
        bars = [marks[0] * done + marks[1] * (BAR_WIDTH - done) for done in full]
        columns.append(Column("", bars, align="left"))
    return table(columns)
