"""What `rnncli prepare` says about the dataset it made."""

from rich.console import Group, RenderableType
from rich.table import Table

from rnncli.data.dataset import Dataset


def prepare_report(dataset: Dataset) -> RenderableType:
    """A table of the splits and the facts that a user should know before training."""
    table = Table()
    table.add_column("split")
    table.add_column("rows", justify="right")
    for name, split in dataset.manifest.splits.items():
        table.add_row(name, f"{split.rows:,}")
    return Group(table, f"{dataset.path}")
