"""Where words go: data to stdout; notes, warnings and errors to stderr."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from rnncli.errors import UsageError
from rnncli.system.files import named_failures, to_json

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType

STDOUT = Path("standard output")

debug = False  # set by --debug: failures show their traceback


def out(text: str) -> None:
    """Write `text` as a line on stdout.

    Raises:
        UsageError: stdout is closed.
    """
    if sys.stdout is None:
        raise UsageError("standard output is closed: give it a file or a pipe")
    with named_failures(STDOUT):
        sys.stdout.write(text + "\n")


def out_json(value: Any) -> None:
    """Write `value` as one JSON object on a line of stdout."""
    out(to_json(value, indent=None))


def stderr_console(*, quiet: bool = False) -> "Console":
    """A Rich console on stderr; plain where stderr is no terminal or NO_COLOR is set; silent when quiet."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, quiet=quiet)


def show(make: "Callable[[ConsoleOptions], RenderableType]", *, json: bool, quiet: bool) -> None:
    """Show what `make` gives for a terminal: on stdout, on stderr beside JSON, not at all when quiet."""
    if quiet:
        return
    from rich.console import Console

    console = stderr_console() if json else Console(highlight=False)
    with console.capture() as captured:  # Rich itself would exit where a pipe is closed
        console.print(make(console.options))
    if json:
        sys.stderr.write(captured.get())
    else:
        out(captured.get().removesuffix("\n"))


def width_of(stream: TextIO | None) -> int | None:
    """Columns of the terminal that `stream` writes to; None where it is none or closed."""
    if stream is None or not stream.isatty():
        return None
    from shutil import get_terminal_size

    return get_terminal_size().columns


def note(text: str, *, quiet: bool = False) -> None:
    """Write a remark on stderr, unless `quiet`."""
    if not quiet:
        _say(text)


def warn(*texts: str) -> None:
    """Write warnings on stderr, a line each; `--quiet` does not hide them."""
    for text in texts:
        _say(f"warning: {text}")


def _say(text: str) -> None:
    """Write lines on stderr; those that are too long for a terminal are wrapped between words."""
    if width := width_of(sys.stderr):
        from textwrap import fill

        lines = text.splitlines()
        text = "\n".join(fill(x, width, subsequent_indent="  ", break_on_hyphens=False) for x in lines)
    sys.stderr.write(text + "\n")


def fail(text: str) -> None:
    """Write the line that explains a failure on stderr; what is quoted in it may hold line breaks."""
    sys.stderr.write(f"error: {' '.join(text.splitlines())}\n")
