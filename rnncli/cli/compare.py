"""`rnncli compare`."""

from typing import Annotated

import typer

from rnncli.cli import console
from rnncli.cli.options import RUNS_DIR, Debug, Json, Quiet, RunsDir, complete_dataset, complete_run
from rnncli.settings.choices import SortKey, SplitName


def compare(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RUN",
            help="Runs to compare: names, paths, latest or best; none: all.",
            autocompletion=complete_run,
        ),
    ] = None,
    *,
    split: Annotated[SplitName, typer.Option(help="Part of the dataset whose results count.")] = "test",
    dataset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Dataset whose results count.",
            show_default="the one each run was trained on",
            autocompletion=complete_dataset,
        ),
    ] = None,
    sort: Annotated[SortKey, typer.Option(help="Order of the runs.")] = "accuracy",
    runs_dir: RunsDir = RUNS_DIR,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,  # noqa: ARG001 - acted on when it is parsed
) -> None:
    """Put runs side by side.

    What differs, accuracy with a paired test, parameters, time and size.
    """
    from functools import partial

    from rnncli.reporting.comparison_tables import comparison_tables
    from rnncli.workflows import compare as workflow

    comparison = workflow.compare(runs or (), runs_dir=runs_dir, split=split, dataset=dataset, sort=sort)
    console.show(partial(comparison_tables, comparison), json=json, quiet=quiet)
    if json:
        console.out_json(comparison.to_dict())
    if comparison.not_evaluated:
        options = "" if split == "test" else f" --split {split}"
        options += "" if dataset is None else f" --dataset {dataset}"
        commands = "; ".join(f"rnncli eval {name}{options}" for name in comparison.not_evaluated)
        console.note(f"not evaluated on the {split} split yet: {commands}", quiet=quiet)
