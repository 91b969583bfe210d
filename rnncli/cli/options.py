"""Options that every command has, and the names that the shell completes."""

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


def complete_run(ctx: typer.Context) -> list[str]:
    """Names that stand for a finished run."""
    from rnncli.runs.run import list_runs

    names = [run.name for run in list_runs(_runs_dir(ctx))]
    return [*names, "latest", "best"] if names else []


def complete_unfinished_run(ctx: typer.Context) -> list[str]:
    """Names of runs that can be resumed."""
    from rnncli.runs.run import all_runs

    return [run.name for run in all_runs(_runs_dir(ctx)) if not run.finished]


def complete_dataset(ctx: typer.Context) -> list[str]:
    """Names of prepared datasets."""
    from rnncli.data.dataset import list_datasets

    return [path.name for path in list_datasets(_runs_dir(ctx))]


def _runs_dir(ctx: typer.Context) -> Path:
    return Path(ctx.params.get("runs_dir") or RUNS_DIR)
