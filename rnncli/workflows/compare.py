"""Runs side by side: what differs, what it cost and what it brought."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rnncli.errors import RunError
from rnncli.evaluation.measures import Evaluation
from rnncli.evaluation.significance import PairedTest, holm, paired_test
from rnncli.runs.finding import list_runs, resolve_run
from rnncli.runs.run import Run
from rnncli.settings.choices import SortKey
from rnncli.workflows.evaluate import stored_correct, stored_evaluation

FORMAT_VERSION = 1


@dataclass(frozen=True)
class Entry:
    """One run of a comparison.

    Attributes:
        run: the run.
        settings: its settings, with the name of the dataset it was trained on.
        parameters: how many weights the model has.
        train_seconds: time that training took.
        model_bytes: size of the files that prediction needs.
        val_accuracy: accuracy on the validation split, measured in training.
        val_loss: loss on the validation split.
        evaluation: the figures on the chosen split, where there are any.
        against_best: the paired test of this run, first, against the most accurate one; None for
            that run itself and for runs without an evaluation.
        adjusted_p: its p-value after Holm's correction for the number of tests.
    """

    run: Run
    settings: dict[str, Any]
    parameters: int
    train_seconds: float
    model_bytes: int
    val_accuracy: float
    val_loss: float
    evaluation: Evaluation | None
    against_best: PairedTest | None = None
    adjusted_p: float | None = None

    @property
    def accuracy(self) -> float:
        """Accuracy on the chosen split, or else on the validation split."""
        return self.evaluation.accuracy if self.evaluation else self.val_accuracy

    @property
    def loss(self) -> float:
        """Loss on the chosen split, or else on the validation split."""
        return self.evaluation.loss if self.evaluation else self.val_loss


@dataclass(frozen=True)
class Comparison:
    """Runs on the same data.

    Attributes:
        split: the split that evaluations are of.
        differing: the settings that are not the same in all runs.
        entries: the runs, sorted.
    """

    split: str
    differing: list[str]
    entries: list[Entry]

    @property
    def best(self) -> Entry | None:
        """The run that the others are tested against; None where none has been evaluated."""
        untested = (entry for entry in self.entries if entry.evaluation and entry.against_best is None)
        return next(untested, None)

    @property
    def not_evaluated(self) -> list[str]:
        """The runs that have not been evaluated on the split."""
        return [entry.run.name for entry in self.entries if entry.evaluation is None]

    def to_dict(self) -> dict[str, Any]:
        """The comparison as one JSON object."""
        best = self.best
        subject = best.evaluation.subject if best and best.evaluation else None
        return {
            "format_version": FORMAT_VERSION,
            "split": self.split,
            "texts_sha256": subject and subject.texts_sha256,
            "best": best and best.run.name,
            "not_evaluated": self.not_evaluated,
            "runs": [_to_dict(entry, self.differing) for entry in self.entries],
        }


def _to_dict(entry: Entry, differing: Sequence[str]) -> dict[str, Any]:
    figures = ("examples", "accuracy", "accuracy_interval", "loss", "macro_f1", "roc_auc", "ece", "brier")
    costs = ("val_accuracy", "val_loss", "parameters", "train_seconds", "model_bytes")
    test = entry.against_best
    return {
        "run": entry.run.name,
        "dataset": entry.run.dataset_name,
        "fingerprint": entry.run.dataset_fingerprint,
        **{name: getattr(entry.evaluation, name, None) for name in figures},
        **{name: getattr(entry, name) for name in costs},
        "settings": {name: entry.settings[name] for name in differing},
        "against_best": test and {**dataclasses.asdict(test), "adjusted_p_value": entry.adjusted_p},
    }


def compare_runs(
    runs_dir: Path, names: Sequence[str], *, split: str, dataset: str | None = None, sort: SortKey
) -> Comparison:
    """Put runs side by side.

    Args:
        runs_dir: folder of runs.
        names: runs as `resolve_run` takes them; none: all that are finished, or, where `dataset` is
            given, all that were trained or evaluated on it.
        split: the split whose evaluations count.
        dataset: name of the dataset whose evaluations count; None: the one each was trained on.
        sort: the order.

    Raises:
        RunError: there is no run, or the runs are about different data.
    """
    runs = [resolve_run(runs_dir, name) for name in names] if names else list_runs(runs_dir)
    distinct = {run.path.resolve(): run for run in runs}.values()
    entries = [read_entry(run, split, dataset) for run in distinct]
    if dataset is not None and not names:
        entries = [entry for entry in entries if entry.evaluation or entry.run.dataset_name == dataset]
    if not entries:
        what = "" if dataset is None else f" on dataset '{dataset}'"
        raise RunError(
            f"no finished run{what} in {runs_dir}/: train one with 'rnncli train --arch bilstm --epochs 3'"
        )
    require_same_data(entries)
    settings = [entry.settings for entry in entries]
    differing = [name for name in settings[0] if any(other[name] != settings[0][name] for other in settings)]
    return Comparison(split, differing, _sorted(_with_tests(entries), sort))


def read_entry(run: Run, split: str, dataset: str | None) -> Entry:
    """Collect what a comparison says about a run; see `compare_runs`.

    Raises:
        RunError: a file of the run is missing or damaged.
    """
    run.sealed.verify()  # figures of a damaged model are none
    summary = run.summary
    return Entry(
        run=run,
        settings={"dataset": run.dataset_name, **run.config.options()},
        parameters=summary["parameters"],
        train_seconds=summary["train_seconds"],
        model_bytes=sum(path.stat().st_size for path in run.model_dir.glob("*")),
        val_accuracy=summary["val_accuracy"],
        val_loss=summary["val_loss"],
        evaluation=stored_evaluation(run, dataset or run.dataset_name, split),
    )


def require_same_data(entries: Sequence[Entry]) -> None:
    """Raise RunError where figures of different data would stand side by side.

    Evaluations must be of the same texts and labels. Where no run has been evaluated, the
    figures are those of training, and the runs must have been trained on the same dataset.
    """
    groups: dict[str, list[str]] = {}  # runs by digest of the data
    data: dict[str, str] = {}  # what to call it
    evaluations = [entry.evaluation for entry in entries if entry.evaluation]
    for evaluation in evaluations:
        subject = evaluation.subject
        groups.setdefault(subject.texts_sha256, []).append(subject.run)
        data[subject.texts_sha256] = subject.data
    for run in [] if evaluations else [entry.run for entry in entries]:
        fingerprint = run.dataset_fingerprint
        groups.setdefault(fingerprint, []).append(run.name)
        data[fingerprint] = f"{run.dataset_name} (fingerprint {fingerprint[:8]})"
    if len(groups) > 1:
        what = "evaluated" if evaluations else "trained"
        listing = "; ".join(f"{', '.join(runs)} on {data[key]}" for key, runs in groups.items())
        raise RunError(
            f"runs that were {what} on different data do not compare: {listing}: "
            "name runs of one of them, or choose one with --dataset"
        )


def most_accurate(entries: Sequence[Entry]) -> Entry | None:
    """The evaluated run with the highest accuracy, the first of equals."""
    evaluated = [entry for entry in entries if entry.evaluation]
    return max(evaluated, key=lambda entry: entry.accuracy, default=None)


def _with_tests(entries: Sequence[Entry]) -> list[Entry]:
    """The entries with a paired test of each evaluated run against the most accurate one."""
    best = most_accurate(entries)
    if best is None:
        return list(entries)
    best_correct = _correct(best)
    tests = {
        entry.run.path: paired_test(_correct(entry), best_correct)
        for entry in entries
        if entry.evaluation and entry is not best
    }
    adjusted = dict(zip(tests, holm([test.p_value for test in tests.values()]), strict=True))
    return [
        dataclasses.replace(
            entry, against_best=tests.get(entry.run.path), adjusted_p=adjusted.get(entry.run.path)
        )
        for entry in entries
    ]


def _correct(entry: Entry) -> npt.NDArray[np.bool_]:
    assert entry.evaluation is not None
    subject = entry.evaluation.subject
    return stored_correct(entry.run, subject.dataset, subject.split)


def _sorted(entries: Sequence[Entry], sort: SortKey) -> list[Entry]:
    """Best first; figures from training come after those on the split."""
    keys: dict[SortKey, Callable[[Entry], Any]] = {
        "accuracy": lambda entry: (entry.evaluation is None, -entry.accuracy),
        "loss": lambda entry: (entry.evaluation is None, entry.loss),
        "parameters": lambda entry: entry.parameters,
        "time": lambda entry: entry.train_seconds,
        "size": lambda entry: entry.model_bytes,
        "name": lambda entry: entry.run.name,
    }
    return sorted(entries, key=keys[sort])
