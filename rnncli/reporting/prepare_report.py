"""What `rnncli prepare` says about the dataset that it made."""

from collections import Counter
from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from rnncli.data.dataset import Manifest, SplitStatistics
from rnncli.reporting.formatting import printable, shortened

MAX_CLASSES = 10  # lines that the classes may take
NAME_WIDTH = 30  # columns that a class or tag may take


def prepare_report(manifest: Manifest) -> RenderableType:
    """A table with a column for each split, and remarks on texts that splits share."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("")
    for name in manifest.splits:
        table.add_column(name, justify="right")
    for label, *cells in _lines(manifest):
        table.add_row(Text(label), *cells)
    title = f"Dataset {manifest.name}: {len(manifest.label_names)} classes, {manifest.vocab_size:,} words"
    return Group(Text(title, style="bold"), table, *map(Text, _remarks(manifest)))


def _lines(manifest: Manifest) -> Iterator[list[str]]:
    """The table's lines: a heading, and a cell for each split."""
    splits = list(manifest.splits.values())
    yield ["texts", *(f"{split.rows:,}" for split in splits)]
    shown = _shown_classes(manifest)
    for name in shown:
        yield [f"  {_shown(name)}", *(_share(split, [name]) for split in splits)]
    if others := [name for name in manifest.label_names if name not in shown]:
        yield [f"  {len(others)} other classes", *(_share(split, others) for split in splits)]
    yield ["tokens a text"]
    for label, key in (("median", "p50"), ("90 % up to", "p90"), ("99 % up to", "p99"), ("longest", "max")):
        yield [f"  {label}", *(f"{split.lengths[key]:,}" for split in splits)]
    yield ["truncated", *(f"{split.truncated:.1%}" for split in splits)]
    yield ["unknown words", *(f"{split.unknown:.1%}" for split in splits)]
    yield ["empty texts", *(f"{split.empty:,}" for split in splits)]
    yield ["repeated texts", *(f"{split.duplicates:,}" for split in splits)]
    yield ["skipped rows", *(f"{split.skipped_rows:,}" for split in splits)]


def _shown_classes(manifest: Manifest) -> list[str]:
    """All classes in their order, or the most frequent ones where there are many."""
    if len(manifest.label_names) <= MAX_CLASSES:
        return list(manifest.label_names)
    counts = Counter(manifest.splits["train"].label_counts)
    return [name for name, _ in counts.most_common(MAX_CLASSES - 1)]


def _share(split: SplitStatistics, classes: list[str]) -> str:
    if not split.label_counts:
        return "–"
    return f"{sum(split.label_counts.get(name, 0) for name in classes) / split.rows:.1%}"


def _remarks(manifest: Manifest) -> Iterator[str]:
    """Lines about texts that splits share, and about tags."""
    for pair, count in manifest.shared.items():
        earlier, later = pair.split("/")
        yield f"{count:,} of the {later} texts also occur in {earlier}"
    if manifest.tag_names:
        yield "tagged: " + ", ".join(map(_shown, manifest.tag_names))


def _shown(name: str) -> str:
    return shortened(printable(name), NAME_WIDTH)
