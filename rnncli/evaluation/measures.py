"""All figures of one model on one split."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from rnncli.errors import RunError
from rnncli.evaluation import metrics
from rnncli.evaluation.calibration import CalibrationBin, calibration_bins, expected_calibration_error
from rnncli.evaluation.metrics import ClassScores, FloatArray, IntArray

FORMAT_VERSION = 1


@dataclass(frozen=True)
class Subject:
    """Which model was evaluated on which data.

    Attributes:
        run: the run's name.
        model: fingerprint of the run's model/, the SHA-256 of its checksums.
        dataset: the dataset's name.
        fingerprint: the dataset's fingerprint.
        split: the part of the dataset.
        texts_sha256: digest of the split's texts and labels, whatever vocabulary encodes them:
            results with equal digests are about the same examples in the same order.
    """

    run: str
    model: str
    dataset: str
    fingerprint: str
    split: str
    texts_sha256: str

    @property
    def data(self) -> str:
        """The data in a few words, with enough of the digest to tell it from other data."""
        return f"{self.dataset}/{self.split} (texts {self.texts_sha256[:8]})"


@dataclass(frozen=True)
class TagScores:
    """Accuracy on the examples with one tag, with its 95 % Wilson interval."""

    examples: int
    accuracy: float
    accuracy_interval: tuple[float, float]


@dataclass(frozen=True)
class Evaluation:
    """All figures of one model on one split; each is defined in `metrics` or `calibration`.

    Attributes:
        subject: which model on which data.
        labels: label names, in the order of the confusion matrix.
        examples: how many were scored.
        accuracy: share of examples whose most probable class is their label.
        accuracy_interval: its 95 % Wilson interval.
        loss: mean negative log-likelihood in nats.
        macro_f1: unweighted mean of the classes' F1.
        roc_auc: area under the ROC curve of the second class; None for more than two classes,
            or where only one occurs.
        ece: expected calibration error of the predicted class, 15 bins of equal width.
        brier: mean squared distance of the probabilities from the truth.
        per_class: precision, recall and F1 by label name.
        confusion: counts by label (row) and prediction (column).
        tags: accuracy by tag; empty where the data has no tags.
        calibration: the bins behind `ece`.
        seconds: time that scoring took.
    """

    subject: Subject
    labels: tuple[str, ...]
    examples: int
    accuracy: float
    accuracy_interval: tuple[float, float]
    loss: float
    macro_f1: float
    roc_auc: float | None
    ece: float
    brier: float
    per_class: dict[str, ClassScores]
    confusion: list[list[int]]
    tags: dict[str, TagScores]
    calibration: list[CalibrationBin]
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """The figures as one flat JSON object."""
        values = dataclasses.asdict(self)
        return {"format_version": FORMAT_VERSION, **values.pop("subject"), **values}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], *, where: str) -> Self:
        """Read what `to_dict` gave; `where` names its place in error messages.

        Raises:
            RunError: the values come from another version or are damaged.
        """
        version = values.get("format_version")
        if version != FORMAT_VERSION:
            raise RunError(f"{where}: format {version} is not {FORMAT_VERSION}: evaluate the run again")
        try:
            flat = {f.name: values[f.name] for f in dataclasses.fields(cls) if f.name != "subject"}
            flat |= {
                "labels": tuple(flat["labels"]),
                "accuracy_interval": tuple(flat["accuracy_interval"]),
                "per_class": {name: ClassScores(**scores) for name, scores in flat["per_class"].items()},
                "tags": {
                    name: TagScores(tag["examples"], tag["accuracy"], tuple(tag["accuracy_interval"]))
                    for name, tag in flat["tags"].items()
                },
                "calibration": [CalibrationBin(**entry) for entry in flat["calibration"]],
            }
            subject = Subject(**{f.name: values[f.name] for f in dataclasses.fields(Subject)})
            return cls(subject=subject, **flat)
        except (AttributeError, KeyError, TypeError) as error:
            raise RunError(f"{where} is damaged ({error}): evaluate the run again") from error


def measure(
    subject: Subject,
    probabilities: FloatArray,
    labels: IntArray,
    *,
    label_names: Sequence[str],
    tags: IntArray | None = None,
    tag_names: Sequence[str] = (),
    seconds: float = 0.0,
) -> Evaluation:
    """Compute every figure.

    Args:
        subject: which model on which data.
        probabilities: [examples, num_classes], finite, at least one example.
        labels: class indices [examples].
        label_names: [num_classes].
        tags: indices into `tag_names` [examples], where the data has tags.
        tag_names: names of the tags.
        seconds: time that scoring took.
    """
    predicted = probabilities.argmax(axis=1)
    correct = predicted == labels
    confusion = metrics.confusion_matrix(labels, predicted, len(label_names))
    scores = metrics.class_scores(confusion)
    bins = calibration_bins(probabilities, labels)
    overall = _share(correct)
    return Evaluation(
        subject=subject,
        labels=tuple(label_names),
        examples=overall.examples,
        accuracy=overall.accuracy,
        accuracy_interval=overall.accuracy_interval,
        loss=metrics.log_loss(probabilities, labels),
        macro_f1=metrics.macro_f1(scores),
        roc_auc=metrics.roc_auc(labels, probabilities[:, 1]) if len(label_names) == 2 else None,
        ece=expected_calibration_error(bins),
        brier=metrics.brier_score(probabilities, labels),
        per_class=dict(zip(label_names, scores, strict=True)),
        confusion=confusion.tolist(),
        tags={
            name: _share(correct[tags == index])
            for index, name in enumerate(tag_names)
            if tags is not None and (tags == index).any()
        },
        calibration=bins,
        seconds=seconds,
    )


def _share(correct: npt.NDArray[np.bool_]) -> TagScores:
    hits, examples = int(np.count_nonzero(correct)), len(correct)
    return TagScores(examples, hits / examples, metrics.wilson_interval(hits, examples))
