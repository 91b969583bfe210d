"""Models side by side: settings that differ, costs, figures, and tests of their differences."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rnncli.errors import RunError
from rnncli.evaluation.measures import Evaluation
from rnncli.evaluation.significance import PairedTest, holm, paired_test
from rnncli.settings.choices import SortKey

FORMAT_VERSION = 1


@dataclass(frozen=True)
class Entry:
    """One run of a comparison.

    Its paired test against the most accurate run, this one first, is None for that run itself and for
    runs without an evaluation on the chosen split; its p-value is adjusted by Holm's correction.
    """

    run: str
    dataset: str  # that it was trained on
    fingerprint: str  # of that dataset
    settings: dict[str, Any]  # the dataset's name among them; None for one that the run has not
    parameters: int
    train_seconds: float
    model_bytes: int  # of the files that prediction needs
    val_accuracy: float  # measured in training, as the loss is
    val_loss: float
    evaluation: Evaluation | None
    against_best: PairedTest | None = None
    adjusted_p: float | None = None

    @property
    def accuracy(self) -> float:
        """Accuracy on the chosen split, or else on the validation split."""
        return self.evaluation.accuracy if self.evaluation else self.val_accuracy

    def to_dict(self, differing: Sequence[str]) -> dict[str, Any]:
        """The entry as plain JSON values, with the settings that are `differing`."""
        figures = ("examples", "accuracy", "accuracy_interval", "loss", "macro_f1", "roc_auc", "ece", "brier")
        costs = ("val_accuracy", "val_loss", "parameters", "train_seconds", "model_bytes")
        test = self.against_best
        return {
            "run": self.run,
            "dataset": self.dataset,
            "fingerprint": self.fingerprint,
            **{name: getattr(self.evaluation, name, None) for name in figures},
            **{name: getattr(self, name) for name in costs},
            "settings": {name: self.settings[name] for name in differing},
            "against_best": test and {**dataclasses.asdict(test), "adjusted_p_value": self.adjusted_p},
        }


@dataclass(frozen=True)
class Comparison:
    """Runs on the same data."""

    split: str  # that evaluations are of
    differing: list[str]  # the settings that are not the same in all runs that have them
    entries: list[Entry]  # the runs, sorted

    @property
    def best(self) -> Entry | None:
        """The run that the others are tested against; None where none has been evaluated."""
        untested = (entry for entry in self.entries if entry.evaluation and not entry.against_best)
        return next(untested, None)

    @property
    def not_evaluated(self) -> list[str]:
        """The runs that have not been evaluated on the split."""
        return [entry.run for entry in self.entries if entry.evaluation is None]

    def to_dict(self) -> dict[str, Any]:
        """The comparison as one JSON object."""
        best = self.best
        return {
            "format_version": FORMAT_VERSION,
            "split": self.split,
            "texts_sha256": best and best.evaluation and best.evaluation.subject.texts_sha256,
            "best": best and best.run,
            "not_evaluated": self.not_evaluated,
            "runs": [entry.to_dict(self.differing) for entry in self.entries],
        }


def side_by_side(entries: Sequence[Entry], *, split: str, sort: SortKey) -> Comparison:
    """Test each of the runs, at least one, against the most accurate one, and sort.

    Raises:
        RunError: the runs are about different data.
    """
    require_same_data(entries)
    settings = [entry.settings for entry in entries]
    differing = [name for name in settings[0] if len({own[name] for own in settings} - {None}) > 1]
    return Comparison(split, differing, _sorted(_tested(entries), sort))


def require_same_data(entries: Sequence[Entry]) -> None:
    """Raise RunError where figures of different data would stand side by side.

    Evaluations must be of the same texts and labels. Where no run has been evaluated, the
    figures are those of training, and the runs must have been trained on the same dataset.
    """
    subjects = [entry.evaluation.subject for entry in entries if entry.evaluation]
    evaluated = [(subject.texts_sha256, subject.data, subject.run) for subject in subjects]
    trained = [(e.fingerprint, f"{e.dataset} (fingerprint {e.fingerprint[:8]})", e.run) for e in entries]
    data = {digest: name for digest, name, _ in evaluated or trained}
    if len(data) > 1:
        runs = {digest: [run for found, _, run in evaluated or trained if found == digest] for digest in data}
        listing = "; ".join(f"{', '.join(runs[digest])} on {name}" for digest, name in data.items())
        raise RunError(
            f"runs that were {'evaluated' if evaluated else 'trained'} on different data do not compare: "
            f"{listing}: name runs of one of them, or choose one with --dataset"
        )


def _tested(entries: Sequence[Entry]) -> list[Entry]:
    """The entries with a paired test of each evaluated run against the most accurate one."""
    best = max((e for e in entries if e.evaluation), key=lambda entry: entry.accuracy, default=None)
    tests = [
        paired_test(entry.evaluation.correct, best.evaluation.correct)
        if entry.evaluation and best and best.evaluation and entry is not best
        else None
        for entry in entries
    ]
    adjusted = iter(holm([test.p_value for test in tests if test]))
    return [
        dataclasses.replace(entry, against_best=test, adjusted_p=next(adjusted) if test else None)
        for entry, test in zip(entries, tests, strict=True)
    ]


def _sorted(entries: Sequence[Entry], sort: SortKey) -> list[Entry]:
    """Best first; figures from training come after those on the split."""
    keys: dict[SortKey, Callable[[Entry], Any]] = {
        "accuracy": lambda entry: (entry.evaluation is None, -entry.accuracy),
        "loss": lambda entry: (1, entry.val_loss) if entry.evaluation is None else (0, entry.evaluation.loss),
        "parameters": lambda entry: entry.parameters,
        "time": lambda entry: entry.train_seconds,
        "size": lambda entry: entry.model_bytes,
        "name": lambda entry: entry.run,
    }
    return sorted(entries, key=keys[sort])
