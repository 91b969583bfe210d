"""Tables that fit the width of the terminal."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from rich import box
from rich.align import Align
from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from rnncli.reporting.formatting import printable

GAP = 2  # spaces between columns
LONGEST_NAME = 24  # in a matrix; longer names are folded
SHORTEST_FOLD = 12  # characters that a name keeps in the narrowest terminal


@dataclass
class Column:
    """A column of a table: its head, its cells and how they are set."""

    head: str
    cells: Sequence[RenderableType]
    align: Literal["left", "right"] = "right"
    most: int = LONGEST_NAME  # longer cells are folded
    style: str = ""
    width: int = field(init=False)

    def __post_init__(self) -> None:
        lengths = [cell_len(str(cell)) for cell in self.cells]
        words = [cell_len(word) for word in self.head.split()]
        self.width = max([min(max(lengths, default=0), self.most), *words])


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


def names_column(head: str, names: Iterable[str], most: int, style: str = "") -> Column:
    """A column of foreign names, folded where `most` characters do not suffice."""
    return Column(head, [plain(name) for name in names], "left", max(SHORTEST_FOLD, most), style)


def total_width(columns: Sequence[Column]) -> int:
    """Characters that a table of these columns takes."""
    return sum(column.width + GAP for column in columns) - GAP


def pack(columns: Iterable[Column], width: int) -> Iterator[list[Column]]:
    """The columns in groups that fit into `width`, at least one a group."""
    group: list[Column] = []
    for column in columns:
        if group and total_width([*group, column]) > width:
            yield group
            group = []
        group.append(column)
    yield group


def stacked(parts: Iterable[RenderableType]) -> Group:
    """The parts below one another, an empty line between each two."""
    return Group(*[line for part in parts for line in (Text(), part)][1:])


def plain(text: str) -> Text:
    """Foreign text, such as a label's name, without markup and control characters."""
    return Text(printable(text))
