"""What Rich makes of a layout at a given width."""

import io
from collections.abc import Callable

from rich.console import Console, ConsoleOptions, RenderableType

WIDTHS = (40, 60, 80, 200)


def render(lay_out: Callable[[ConsoleOptions], RenderableType], width: int) -> list[str]:
    """The lines of what `lay_out` makes for a terminal of this width."""
    stream = io.StringIO()
    console = Console(file=stream, width=width, highlight=False)
    console.print(lay_out(console.options))
    return stream.getvalue().splitlines()


def cells_of(lines: list[str], start: str) -> list[str]:
    """The words after `start` in the line that it begins."""
    (line,) = (line for line in lines if line.split("  ")[0].strip() == start)
    return line.split()[len(start.split()) :]
