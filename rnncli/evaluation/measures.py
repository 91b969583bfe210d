"""All figures of one model on one split."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from rnncli.evaluation import metrics
from rnncli.evaluation.metrics import ClassScores, FloatArray, IntArray

FORMAT_VERSION = 1


@dataclass(frozen=True)
class Subject:
    """Which model was evaluated on which data.

    `texts_sha256` is a digest of the split's texts and labels, whatever vocabulary encodes them:
    results with equal digests are about the same examples in the same order.
    """

    run: str
    model: str  # fingerprint of the run's model/
    dataset: str
    fingerprint: str  # of the dataset
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
    """All figures of one model on one split; each is defined in `metrics`.

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
        temperature: by which the model's logits are divided.
        ece_untempered: `ece` as it would be at temperature 1.
        brier: mean squared distance of the probabilities from the truth.
        per_class: precision, recall and F1 by label name.
        confusion: counts by label (row) and prediction (column).
        tags: accuracy by tag; empty where the data has no tags.
        calibration: the bins behind `ece`.
        calibration_untempered: the bins behind `ece_untempered`.
        coverage: accuracy where the least sure answers are left out, for several shares of the examples.
        seconds: time that scoring took.
        arrays: what was measured, in the split's order: ``probabilities`` [examples, num_classes],
            ``labels``, class indices [examples], and ``tags``, names [examples], where there are any.
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
    temperature: float
    ece_untempered: float
    brier: float
    per_class: dict[str, ClassScores]
    confusion: list[list[int]]
    tags: dict[str, TagScores]
    calibration: list[dict[str, float]]
    calibration_untempered: list[dict[str, float]]
    coverage: list[dict[str, float]]
    seconds: float
    arrays: Mapping[str, npt.NDArray[Any]] = field(repr=False, compare=False)

    @property
    def correct(self) -> npt.NDArray[np.bool_]:
        """Which examples [examples] were classified rightly."""
        return np.asarray(self.arrays["probabilities"].argmax(axis=1) == self.arrays["labels"])

    def to_dict(self) -> dict[str, Any]:
        """The figures, without the arrays, as one flat JSON object."""
        values = dataclasses.asdict(dataclasses.replace(self, arrays={}))  # asdict would copy these
        own = [f.name for f in dataclasses.fields(Evaluation) if f.name not in ("subject", "arrays")]
        return {"format_version": FORMAT_VERSION, **values["subject"], **{name: values[name] for name in own}}


def measure(
    subject: Subject,
    probabilities: FloatArray,
    labels: IntArray,
    *,
    label_names: Sequence[str],
    tags: npt.NDArray[np.str_] | None = None,
    temperature: float = 1.0,
    seconds: float = 0.0,
) -> Evaluation:
    """Compute every figure.

    Args:
        subject: which model on which data.
        probabilities: [examples, num_classes], finite, at least one example.
        labels: class indices [examples].
        label_names: [num_classes].
        tags: what each example probes [examples], where the data says so.
        temperature: that `probabilities` have.
        seconds: time that scoring took.
    """
    predicted = probabilities.argmax(axis=1)
    correct = predicted == labels
    confusion = metrics.confusion_matrix(labels, predicted, len(label_names))
    scores = metrics.class_scores(confusion)
    bins = metrics.calibration_bins(probabilities, labels)
    untempered = metrics.calibration_bins(metrics.at_temperature(probabilities, 1 / temperature), labels)
    overall = _share(correct)
    tag_names = [] if tags is None else sorted(set(tags.tolist()))
    arrays = {"probabilities": probabilities, "labels": labels} | ({} if tags is None else {"tags": tags})
    return Evaluation(
        subject=subject,
        labels=tuple(label_names),
        examples=overall.examples,
        accuracy=overall.accuracy,
        accuracy_interval=overall.accuracy_interval,
        loss=metrics.log_loss(probabilities, labels),
        macro_f1=metrics.macro_f1(scores),
        roc_auc=metrics.roc_auc(labels, probabilities[:, 1]) if len(label_names) == 2 else None,
        ece=metrics.expected_calibration_error(bins),
        temperature=temperature,
        ece_untempered=metrics.expected_calibration_error(untempered),
        brier=metrics.brier_score(probabilities, labels),
        per_class=dict(zip(label_names, scores, strict=True)),
        confusion=confusion.tolist(),
        tags={tag: _share(correct[tags == tag]) for tag in tag_names},
        calibration=bins,
        calibration_untempered=untempered,
        coverage=metrics.accuracy_at_coverage(probabilities, labels),
        seconds=seconds,
        arrays=arrays,
    )


def _share(correct: npt.NDArray[np.bool_]) -> TagScores:
    hits, examples = int(np.count_nonzero(correct)), len(correct)
    return TagScores(examples, hits / examples, metrics.wilson_interval(hits, examples))
