"""Options that every command has, and the names that the shell completes."""

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from rnncli.cli import console
from rnncli.settings.base import Declared, Settings, declared


def _set_debug(value: bool) -> bool:
    console.debug = console.debug or value
    return value


COMMON: dict[str, Any] = {"rich_help_panel": "Common"}
RunsDir = Annotated[
    Path,
    typer.Option(
        "--runs-dir",
        envvar="RNNCLI_RUNS_DIR",
        help="Folder of runs and prepared datasets.",
        file_okay=False,
        **COMMON,
    ),
]
Json = Annotated[
    bool, typer.Option("--json", help="Print JSON on stdout; the rest goes to stderr.", **COMMON)
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no remarks.", **COMMON)]
Debug = Annotated[
    bool,
    typer.Option(
        "--debug",
        callback=_set_debug,
        envvar="RNNCLI_DEBUG",
        help="Show the traceback of a failure.",
        **COMMON,
    ),
]

RUNS_DIR = Path("runs")


def complete_run(ctx: typer.Context) -> list[str]:
    """Names that stand for a finished run."""
    from rnncli.runs.finding import list_runs

    names = [run.name for run in list_runs(_runs_dir(ctx))]
    return [*names, "latest", "best"] if names else []


def complete_unfinished_run(ctx: typer.Context) -> list[str]:
    """Names of runs that can be resumed."""
    from rnncli.runs.finding import all_runs

    return [run.name for run in all_runs(_runs_dir(ctx)) if not run.finished]


def complete_dataset(ctx: typer.Context) -> list[str]:
    """Names of prepared datasets."""
    from rnncli.data.dataset import list_datasets

    return [path.name for path in list_datasets(_runs_dir(ctx))]


def _runs_dir(ctx: typer.Context) -> Path:
    return Path(ctx.params.get("runs_dir") or RUNS_DIR)


A_RUN: dict[str, Any] = {"metavar": "RUN", "autocompletion": complete_run}
TextColumn = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="Column of the texts. [default: the first with a usual name, such as text]"
    ),
]


def with_settings(
    cls: type[Settings], panels: Mapping[str, str] | None = None
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command an option for every setting of `cls`, as they were declared.

    The command gets the values that were given, by the names of their options, as its argument
    ``given``; the others are left to the config file, the preset and the defaults. Typer derives options
    from a function's signature, so the decorated command has one with the settings in it: after the
    command's own arguments and before its own options.

    Args:
        cls: the settings.
        panels: the section of the help that each table of settings belongs to, by the table's name
            and ``""`` for settings outside of tables; these options can be given as variables too.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        options = {found.name: _option(found, panels or {}) for found in declared(cls)}

        def run(**values: Any) -> None:
            given = {name: values.pop(name) for name in options}
            command(given={name: value for name, value in given.items() if value is not None}, **values)

        own = [p for p in inspect.signature(command, eval_str=True).parameters.values() if p.name != "given"]
        own_arguments = [p for p in own if p.kind is not p.KEYWORD_ONLY]
        own_options = [p for p in own if p.kind is p.KEYWORD_ONLY]
        parameters = [*own_arguments, *options.values(), *own_options]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        run.__doc__ = command.__doc__
        return run

    return decorate


def _option(found: Declared, panels: Mapping[str, str]) -> inspect.Parameter:
    """The option of a setting; unset, it is None."""
    option = found.name.replace("_", "-")
    kind: Any = Literal[found.choices] if found.choices else found.kind
    default = f"{found.default:g}" if isinstance(found.default, float) else found.default
    info = typer.Option(
        f"--{option}/--no-{option}" if kind is bool else f"--{option}",
        envvar=f"RNNCLI_{found.name.upper()}" if panels else None,
        help=f"{found.meta['help']} [default: {default}]",
        show_default=False,
        min=found.meta.get("min"),
        max=found.meta.get("max"),
        rich_help_panel=panels.get(found.path[0] if found.path[1:] else ""),
    )
    annotation = Annotated[kind | None, info]
    return inspect.Parameter(found.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
