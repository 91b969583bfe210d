"""`rnncli compare`."""

from typing import Annotated

import typer

from rnncli.cli import console
from rnncli.cli.options import A_RUN, RUNS_DIR, Debug, Json, Quiet, RunsDir, complete_dataset
from rnncli.settings.choices import SortKey, SplitName


def compare(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            help="The runs to compare: names, paths, latest or best. Without any, all runs are compared.",
            **A_RUN,
        ),
    ] = None,
    *,
    split: Annotated[SplitName, typer.Option(help="Compare results on this part of the dataset.")] = "test",
    dataset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Compare results on this dataset.",
            show_default="the one each run was trained on",
            autocompletion=complete_dataset,
        ),
    ] = None,
    sort: Annotated[SortKey, typer.Option(help="Sort the runs by this, the best first.")] = "accuracy",
    runs_dir: RunsDir = RUNS_DIR,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,  # noqa: ARG001 - acted on when it is parsed
) -> None:
    """Put runs side by side.

    Shows accuracy with a paired test, parameters, training time, size, and the settings that differ.
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
        commands = [f"  rnncli eval {name}{options}" for name in comparison.not_evaluated]
        console.note("\n".join([f"not evaluated on the {split} split yet:", *commands]), quiet=quiet)
