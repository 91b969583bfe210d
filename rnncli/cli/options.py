"""Options that every command has."""

from pathlib import Path
from typing import Annotated

import typer

from rnncli.cli import console


def _set_debug(value: bool) -> bool:
    console.debug = console.debug or value
    return value


RunsDir = Annotated[
    Path,
    typer.Option(
        "--runs-dir",
        envvar="RNNCLI_RUNS_DIR",
        help="Folder of runs and prepared datasets.",
        file_okay=False,
        rich_help_panel="Common",
    ),
]
Json = Annotated[
    bool,
    typer.Option("--json", help="Print JSON on stdout; the rest goes to stderr.", rich_help_panel="Common"),
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="No progress and no remarks.", rich_help_panel="Common")
]
Debug = Annotated[
    bool,
    typer.Option(
        "--debug",
        callback=_set_debug,
        envvar="RNNCLI_DEBUG",
        help="Show the traceback of a failure.",
        rich_help_panel="Common",
    ),
]

RUNS_DIR = Path("runs")
