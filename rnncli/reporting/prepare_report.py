"""What `rnncli prepare` says about the dataset that it made."""

from collections import Counter

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from rnncli.data.dataset import Dataset, Manifest, SplitStatistics
from rnncli.reporting.formatting import printable, shortened

MAX_CLASSES = 10  # lines that the classes may take


def prepare_report(dataset: Dataset) -> RenderableType:
    """A table with a column for each split, and remarks on what may spoil an experiment."""
    manifest = dataset.manifest
    shown = _shown_classes(manifest)
    others = [name for name in manifest.label_names if name not in shown]
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("")
    for name in manifest.splits:
        table.add_column(name, justify="right")
    labels = _line_labels(shown, len(others))
    columns = [_column(split, shown, others) for split in manifest.splits.values()]
    for label, *cells in zip(labels, *columns, strict=True):
        table.add_row(Text(label), *cells)
    title = f"Dataset {manifest.name}: {len(manifest.label_names)} classes, {manifest.vocab_size:,} words"
    return Group(Text(title, style="bold"), table, *map(Text, _remarks(manifest)))


def _shown_classes(manifest: Manifest) -> list[str]:
    """All classes in their order, or the most frequent ones where there are many."""
    if len(manifest.label_names) <= MAX_CLASSES:
        return list(manifest.label_names)
    counts = Counter(manifest.splits["train"].label_counts)
    return [name for name, _ in counts.most_common(MAX_CLASSES - 1)]


def _line_labels(classes: list[str], num_others: int) -> list[str]:
    return [
        "texts",
        *(f"  {_shown(name)}" for name in classes),
        *([f"  {num_others} other classes"] if num_others else []),
        "tokens a text",
        "  median",
        "  90 % up to",
        "  99 % up to",
        "  longest",
        "truncated",
        "unknown words",
        "empty texts",
        "repeated texts",
        "skipped rows",
    ]


def _column(split: SplitStatistics, classes: list[str], others: list[str]) -> list[str]:
    """The cells of one split, in the order of `_line_labels`."""
    return [
        f"{split.rows:,}",
        *(_share(split, [name]) for name in classes),
        *([_share(split, others)] if others else []),
        "",
        *(f"{split.lengths[key]:,}" for key in ("p50", "p90", "p99", "max")),
        f"{split.truncated:.1%}",
        f"{split.unknown:.1%}",
        f"{split.empty:,}",
        f"{split.duplicates:,}",
        f"{split.skipped_rows:,}",
    ]


def _share(split: SplitStatistics, classes: list[str]) -> str:
    if not split.label_counts:
        return "–"
    return f"{sum(split.label_counts.get(name, 0) for name in classes) / split.rows:.1%}"


def _remarks(manifest: Manifest) -> list[str]:
    """Lines about texts that splits share, and about tags."""
    remarks = []
    for pair, count in manifest.shared.items():
        earlier, later = pair.split("/")
        remarks.append(f"{count:,} of the {later} texts also occur in {earlier}")
    if manifest.tag_names:
        remarks.append("tagged: " + ", ".join(map(_shown, manifest.tag_names)))
    return remarks


def _shown(name: str) -> str:
    return shortened(printable(name), 40)
