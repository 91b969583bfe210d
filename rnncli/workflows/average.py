"""One run out of several: the average of their models, weighted by what helps on validation."""

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rnncli.data.dataset import Dataset
from rnncli.diagnostics import symptoms
from rnncli.errors import RunError
from rnncli.evaluation.averaging import fit_weights
from rnncli.inference.averaged_model import load_model, save_average
from rnncli.inference.model_folder import SavedModel
from rnncli.models.numpy_forward import to_probabilities
from rnncli.runs.finding import check_name, reserve_run_name, resolve_run
from rnncli.runs.run import Run, recorded
from rnncli.settings.base import require
from rnncli.system.progress import Report, no_report
from rnncli.workflows.evaluate import dataset_for, require_same_encoding, score, validation_figures
from rnncli.workflows.provenance import provenance


def average(
    runs: Sequence[str],
    *,
    runs_dir: str | Path = "runs",
    dataset: str | None = None,
    name: str | None = None,
    warn: Callable[[str], None] = warnings.warn,
    report: Report = no_report,
) -> Run:
    """Make the run whose model is the weighted average of other runs' models.

    Args:
        runs: finished runs, by name or path, with the same labels and vocabulary.
        runs_dir: folder of runs.
        dataset: whose validation split decides the weights; None: that of the first run.
        name: of the new run; DATASET-average-N unless given.
        warn: told of members that do not help.
        report: called with the progress of scoring.

    Raises:
        UsageError: two runs have one name, or a run's name is no name.
        DataError: a run does not fit the dataset.
        RunError: a run is missing, damaged, or an average itself; or the new run's name is taken.
    """
    runs_dir = Path(runs_dir)
    members = {run.name: run for run in (resolve_run(runs_dir, each) for each in runs)}
    require(len(members) == len(runs), "--average needs two or more runs with different names")
    for member in members:
        check_name(member)
    if name is not None:
        check_name(name)
    data = dataset_for(next(iter(members.values())), runs_dir, dataset)
    _load_members(members, data)  # before there is a run
    run = Run(runs_dir / (name or reserve_run_name(runs_dir, f"{data.manifest.name}-average")))
    with run.locked("wait for it, or choose another --name"):
        run.require_new()
        run.begin(None, **provenance(data, ("numpy", "scipy")), average=recorded(members))
        _finish(run, members, data, warn, report)
    return run


def resume_average(run: Run, runs_dir: Path, warn: Callable[[str], None], report: Report) -> Run:
    """Finish a run that `average` began.

    Raises:
        DataError: the dataset changed since.
        RunError: a member is missing or changed since; or another process holds the run.
    """
    members = as_recorded(run, run.members, runs_dir)
    with run.locked():
        _finish(run, members, dataset_for(run, runs_dir, None), warn, report)
    return run


def as_recorded(run: Run, recorded: Mapping[str, Mapping[str, str]], runs_dir: Path) -> dict[str, Run]:
    """The runs that `run` is made of, by name, as they were when it began.

    Raises:
        RunError: one is missing or changed since.
    """
    found = {name: resolve_run(runs_dir, record["path"]) for name, record in recorded.items()}
    for name, record in recorded.items():
        if found[name].model_fingerprint != record["model"]:
            raise RunError(f"run '{name}' changed since '{run.name}' began with it: train anew")
    return found


def _load_members(members: Mapping[str, Run], dataset: Dataset) -> dict[str, SavedModel]:
    """Each member's model; refuses what does not go together."""
    models = {}
    for name, run in members.items():
        model = load_model(run.model_dir)
        if not isinstance(model, SavedModel):
            names = " ".join(f"--average {member}" for member in model.members)
            raise RunError(f"run '{name}' is an average itself: name its members instead: {names}")
        require_same_encoding(run, model, dataset)
        models[name] = model
    return models


def _finish(
    run: Run, members: Mapping[str, Run], dataset: Dataset, warn: Callable[[str], None], report: Report
) -> None:
    """Fit the weights and write the run's model and figures; members without weight are left out."""
    started = time.perf_counter()
    validation = dataset.split("validation")
    labels = np.asarray(validation.labels)
    models = _load_members(members, dataset)
    logits = np.stack(
        [
            score(model, validation, report=report, stage=f"Scoring with {name}")
            for name, model in models.items()
        ]
    )
    weights = fit_weights(logits, labels)
    used = {name: weight for name, weight in zip(models, weights.tolist(), strict=True) if weight > 0}
    if not used:
        raise RunError(
            "the validation split is answered no better by these runs than by chance: train others"
        )
    unused = [name for name in models if name not in used]
    found = [f"run '{name}' adds nothing on the validation split and is left out" for name in unused]
    save_average(run.model_dir, {name: members[name].model_dir for name in used}, used)
    figures = validation_figures(to_probabilities(np.tensordot(weights, logits, axes=1)), labels)
    seconds = time.perf_counter() - started
    run.write_metrics([{"epoch": 1, **figures, "seconds": seconds}])
    label = symptoms.only_label(load_model(run.model_dir), validation, figures["val_accuracy"])
    if label is not None:
        found.append(f"every validation text is labelled {label!r}")
    trained = [member.summary["train_seconds"] for member in members.values()]
    summary: dict[str, Any] = {
        "run": run.name,
        "dataset": dataset.manifest.name,
        "fingerprint": dataset.fingerprint,
        "arch": "average",
        "weights": dict(zip(models, weights.tolist(), strict=True)),
        "parameters": sum(members[name].summary["parameters"] for name in used),
        "epochs": 1,
        "best_epoch": 1,
        **figures,
        "train_seconds": seconds + sum(trained),
        "warnings": found,
    }
    run.finish(summary)
    for warning in found:
        warn(warning)
