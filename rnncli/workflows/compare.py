"""Comparing runs: the settings, costs and figures of each, side by side."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rnncli.evaluation.comparison import Comparison, Entry, side_by_side
from rnncli.runs.finding import list_runs, no_finished_run, resolve_run
from rnncli.runs.run import Run
from rnncli.settings.base import declared
from rnncli.settings.choices import SortKey, SplitName
from rnncli.settings.train import TrainSettings
from rnncli.workflows.stored_evaluations import stored_evaluation


def compare(
    runs: Sequence[str] = (),
    *,
    runs_dir: Path | str = "runs",
    split: SplitName = "test",
    dataset: str | None = None,
    sort: SortKey = "accuracy",
) -> Comparison:
    """Put runs side by side.

    Args:
        runs: names, paths, ``latest`` or ``best``; none: all finished classifiers, or, where `dataset`
            is given, all that were trained or evaluated on it.
        runs_dir: folder of runs.
        split: the split whose evaluations count.
        dataset: name of the dataset whose evaluations count; None: the one each was trained on.
        sort: the order.

    Raises:
        RunError: there is no run, or the runs are about different data.
    """
    runs_dir = Path(runs_dir)
    found = [resolve_run(runs_dir, name) for name in runs]
    if not runs:
        found = [run for run in list_runs(runs_dir) if not run.is_language_model]
    distinct = {run.path.resolve(): run for run in found}.values()
    entries = [read_entry(run, split, dataset) for run in distinct]
    if dataset is not None and not runs:
        entries = [entry for entry in entries if entry.evaluation or entry.dataset == dataset]
    if not entries:
        raise no_finished_run(runs_dir, "" if dataset is None else f" on dataset '{dataset}'")
    return side_by_side(entries, split=split, sort=sort)


def read_entry(run: Run, split: SplitName, dataset: str | None) -> Entry:
    """Collect what a comparison says about a run; see `compare`.

    Raises:
        RunError: a file of the run is missing or damaged.
    """
    run.sealed.verify()  # the figures of a damaged run say nothing
    summary = run.summary
    return Entry(
        run=run.name,
        dataset=run.dataset_name,
        fingerprint=run.dataset_fingerprint,
        settings=_settings(run),
        parameters=summary["parameters"],
        train_seconds=summary["train_seconds"],
        model_bytes=sum(path.stat().st_size for path in run.model_dir.rglob("*") if path.is_file()),
        val_accuracy=summary["val_accuracy"],
        val_loss=summary["val_loss"],
        evaluation=stored_evaluation(run, dataset or run.dataset_name, split),
    )


def _settings(run: Run) -> dict[str, Any]:
    """The dataset and the settings that a run was trained with, by name; an average has none but the arch."""
    if run.members:
        own = dict.fromkeys(found.name for found in declared(TrainSettings)) | {"arch": "average"}
    else:
        own = run.config.options()
    return {"dataset": run.dataset_name, **own}
