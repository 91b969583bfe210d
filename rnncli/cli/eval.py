"""`rnncli eval`."""

from pathlib import Path
from typing import Annotated

import typer

from rnncli.cli import console
from rnncli.cli.options import A_RUN, RUNS_DIR, Debug, Json, Quiet, RunsDir, complete_dataset
from rnncli.errors import RequirementError, UsageError
from rnncli.settings.choices import SplitName, SuiteName


def evaluate(
    run: Annotated[
        str, typer.Argument(help="The run to evaluate: its name, its path, latest or best.", **A_RUN)
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
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Draw how far probabilities can be trusted, and accuracy against coverage (.png).",
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
            help="Exit with 3 when the run is significantly less accurate than this one on the same texts "
            "(McNemar's exact test, p < 0.05).",
            rich_help_panel="Quality gates",
            **A_RUN,
        ),
    ] = None,
    suite: Annotated[
        SuiteName | None,
        typer.Option(
            help="Evaluate instead on bundled statements whose word order decides (labels neg and pos).",
            rich_help_panel="Suites",
        ),
    ] = None,
    worst: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="N",
            help="Show up to N statements of the suite that are wrong, the most confident first.",
            rich_help_panel="Suites",
        ),
    ] = 0,
    runs_dir: RunsDir = RUNS_DIR,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,  # noqa: ARG001 - acted on when it is parsed
) -> None:
    """Measure how good a run is on labelled data.

    Reports accuracy with its confidence interval, figures by class and by tag, and calibration.
    """
    if suite is not None:
        refused = {
            "--dataset": dataset,
            "--output": output,
            "--plot": plot,
            "--fail-under": fail_under,
            "--not-worse-than": not_worse_than,
        }
        for option, value in refused.items():
            if value:
                raise UsageError(f"{option} does not go with --suite")
        _evaluate_suite(run, suite, worst, runs_dir=runs_dir, verify=verify, json=json, quiet=quiet)
        return
    if worst:
        raise UsageError("--worst needs --suite")
    from functools import partial

    from rnncli.reporting.evaluation_tables import evaluation_tables
    from rnncli.reporting.progress import stage_progress
    from rnncli.workflows import evaluate as workflow

    terminal = console.stderr_console()
    terminal.quiet = quiet or not terminal.is_terminal  # it shows a bar there, and no lines elsewhere
    with stage_progress(terminal) as report:
        result = workflow.evaluate(
            run,
            runs_dir=runs_dir,
            dataset=dataset,
            split=split,
            output=output,
            plot=plot,
            batch_size=batch_size,
            verify=verify,
            fail_under=fail_under or (),
            not_worse_than=not_worse_than,
            report=report,
        )
    console.show(partial(evaluation_tables, result), json=json, quiet=quiet)
    console.warn(*result.warnings)
    if json:
        console.out_json({**result.to_dict(), "verified": verify})
    if output is not None:
        console.note(f"predictions: {output}", quiet=quiet)
    if plot is not None:
        console.note(f"plot: {plot}", quiet=quiet)
    if result.failure:
        raise result.failure
    for required in result.requirements:
        if required.met:
            console.note(f"gate passed: {required.message}", quiet=quiet)
    failed = [required.message for required in result.requirements if not required.met]
    if failed:
        raise RequirementError(f"gate failed: {'; '.join(failed)}")


def _evaluate_suite(
    run: str, suite: SuiteName, worst: int, *, runs_dir: Path, verify: bool, json: bool, quiet: bool
) -> None:
    from functools import partial

    from rnncli.reporting.suite_tables import suite_tables
    from rnncli.workflows.suite import evaluate_suite

    result = evaluate_suite(run, suite, runs_dir=runs_dir, verify=verify)
    console.show(partial(suite_tables, result, worst), json=json, quiet=quiet)
    if json:
        console.out_json(result.to_dict(worst))
