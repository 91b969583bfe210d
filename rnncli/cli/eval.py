"""`rnncli eval`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from rnncli.cli import console
from rnncli.cli.options import RUNS_DIR, Debug, Json, Quiet, RunsDir, complete_dataset, complete_run
from rnncli.errors import RequirementError
from rnncli.settings.choices import SplitName


def evaluate(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN",
            help="The run to evaluate: its name, its path, latest or best.",
            autocompletion=complete_run,
        ),
    ] = "latest",
    *,
    dataset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|PATH",
            help="Evaluate on this prepared dataset, which must have the run's labels and vocabulary.",
            show_default="the one the run was trained on",
            autocompletion=complete_dataset,
        ),
    ] = None,
    split: Annotated[SplitName, typer.Option(help="Evaluate on this part of the dataset.")] = "test",
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write the prediction of each example to this file (.csv or .jsonl).",
        ),
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Score this many texts at a time.")] = 2048,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify", help="Check first that the model still gives the predictions stored with it."
        ),
    ] = False,
    fail_under: Annotated[
        list[str] | None,
        typer.Option(
            metavar="METRIC=VALUE",
            help="Exit with 3 when a metric (accuracy, macro_f1 or roc_auc) is below this value; repeatable.",
            rich_help_panel="Quality gates",
        ),
    ] = None,
    not_worse_than: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            help="Exit with 3 when the run is significantly less accurate than this one on the same texts "
            "(McNemar's exact test, p < 0.05).",
            autocompletion=complete_run,
            rich_help_panel="Quality gates",
        ),
    ] = None,
    runs_dir: RunsDir = RUNS_DIR,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,  # noqa: ARG001 - acted on when it is parsed
) -> None:
    """Measure how good a run is on labelled data.

    Reports accuracy with its confidence interval, figures by class and by tag, and calibration.
    """
    from functools import partial

    from rnncli.reporting.evaluation_tables import evaluation_tables
    from rnncli.workflows import evaluate as workflow

    with _progress_bar(f"Scoring {split}", quiet) as progress:
        result = workflow.evaluate(
            run,
            runs_dir=runs_dir,
            dataset=dataset,
            split=split,
            output=output,
            batch_size=batch_size,
            verify=verify,
            fail_under=fail_under or (),
            not_worse_than=not_worse_than,
            progress=progress,
        )
    console.show(partial(evaluation_tables, result), json=json, quiet=quiet)
    console.warn(*result.warnings)
    if json:
        console.out_json({**result.to_dict(), "verified": verify})
    if output is not None:
        console.note(f"predictions: {output}", quiet=quiet)
    if result.not_stored and result.not_stored.errno not in workflow.READ_ONLY:
        raise result.not_stored
    for required in result.requirements:
        if required.met:
            console.note(f"gate passed: {required.message}", quiet=quiet)
    failed = [required.message for required in result.requirements if not required.met]
    if failed:
        raise RequirementError(f"gate failed: {'; '.join(failed)}")


@contextmanager
def _progress_bar(what: str, quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """Yield a function that moves a progress bar, which is there only on a terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    terminal = console.stderr_console()
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=8),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns, console=terminal, transient=True, disable=quiet or not terminal.is_terminal
    ) as bar:
        task = bar.add_task(what, total=None)

        def show(run: str, done: int, total: int) -> None:
            bar.update(task, description=f"{what} with {run}", completed=done, total=total)

        yield show
