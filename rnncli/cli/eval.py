"""`rnncli eval`."""

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from rnncli.cli import console
from rnncli.cli.options import RUNS_DIR, Debug, Json, Quiet, RunsDir, complete_dataset, complete_run
from rnncli.errors import GateFailedError
from rnncli.settings.choices import SplitName

READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)  # a run that is kept so is none the worse for it


def evaluate(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN",
            help="Run to evaluate: its name, its path, latest or best.",
            autocompletion=complete_run,
        ),
    ] = "latest",
    *,
    dataset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|PATH",
            help="Prepared dataset, of the run's labels and vocabulary.",
            show_default="the one the run was trained on",
            autocompletion=complete_dataset,
        ),
    ] = None,
    split: Annotated[SplitName, typer.Option(help="Part of the dataset.")] = "test",
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Write each example's prediction (.csv or .jsonl)."
        ),
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Texts scored at a time.")] = 2048,
    verify: Annotated[
        bool, typer.Option("--verify", help="First check that the model gives its stored predictions again.")
    ] = False,
    fail_under: Annotated[
        list[str] | None,
        typer.Option(
            metavar="METRIC=VALUE",
            help="Exit with 3 when accuracy, macro_f1 or roc_auc is below a value; repeatable.",
            rich_help_panel="Quality gates",
        ),
    ] = None,
    not_worse_than: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            help="Exit with 3 when significantly less accurate than another run on the same texts "
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

    Accuracy with its interval, by class and by tag, and calibration.
    """
    from rnncli.diagnostics import symptoms
    from rnncli.evaluation import requirements as gates
    from rnncli.reporting import evaluation_rows as predictions
    from rnncli.reporting.tables import EvaluationView
    from rnncli.runs.finding import resolve_run
    from rnncli.workflows import evaluate as evaluation

    thresholds = [gates.parse_threshold(text) for text in fail_under or ()]
    if output is not None:
        predictions.check_output(output)
    chosen = resolve_run(runs_dir, run)
    rival = resolve_run(runs_dir, not_worse_than) if not_worse_than is not None else None
    data = evaluation.dataset_for(chosen, runs_dir, dataset)
    with _progress(f"Scoring {split}", quiet) as progress:
        result = evaluation.evaluate_run(
            chosen, data, split, batch_size=batch_size, verify=verify, progress=progress
        )
    figures = result.evaluation
    checks = [gates.check_threshold(threshold, figures) for threshold in thresholds]
    if rival is not None:
        rival_data = evaluation.dataset_for(rival, runs_dir, dataset)
        with _progress(f"Scoring {split} with {rival.name}", quiet) as progress:
            comparison = evaluation.compare_with(
                result, rival, rival_data, batch_size=batch_size, progress=progress
            )
        checks.append(gates.check_not_worse(figures, *comparison))
    if output is not None:
        predictions.write_predictions(output, result)

    warnings = symptoms.of_texts(result.all_unknown, figures.examples) + symptoms.of_evaluation(figures)
    failed_write = result.not_stored
    if failed_write and failed_write.errno in READ_ONLY:
        what = f"{failed_write.filename}: {failed_write.strerror}"
        warnings.append(f"the result is not kept for 'rnncli compare': {what}")
    console.show(EvaluationView(figures), json=json, quiet=quiet)
    console.warn(*warnings)
    if json:
        gate_results = [check.to_dict() for check in checks]
        console.out_json(
            {**figures.to_dict(), "verified": verify, "gates": gate_results, "warnings": warnings}
        )
    if output is not None:
        console.note(f"predictions: {output}", quiet=quiet)
    if failed_write and failed_write.errno not in READ_ONLY:
        raise failed_write
    for check in checks:
        if check.passed:
            console.note(f"gate passed: {check.message}", quiet=quiet)
    failed = [check.message for check in checks if not check.passed]
    if failed:
        raise GateFailedError(f"gate failed: {'; '.join(failed)}")


@contextmanager
def _progress(what: str, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """Yield a function that moves a progress bar, which is there only on a terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    terminal = console.stderr_console()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(
        *columns, console=terminal, transient=True, disable=quiet or not terminal.is_terminal
    ) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
