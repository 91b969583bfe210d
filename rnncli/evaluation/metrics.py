"""How good predictions are: counts, rates, losses and calibration of a classifier on labelled examples.

Shapes: `labels` and `predicted` are class indices [examples], `probabilities` is
[examples, num_classes]. A ratio whose denominator is zero is 0 unless its docstring says otherwise.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.integer]
FloatArray = npt.NDArray[np.floating]

Z_95 = 1.959963984540054  # the normal distribution's 97.5 % quantile
NUM_BINS = 15  # of confidence, for calibration
COVERAGES = (1.0, 0.95, 0.9, 0.8, 0.7, 0.5)  # shares of texts that are answered
SMALLEST_PROBABILITY = 2.0**-23  # float32's resolution at 1: what a saturated softmax cannot tell from 0


@dataclass(frozen=True)
class ClassScores:
    """How well one class is found.

    Attributes:
        precision: TP / (TP + FP), the share of its predictions that are right; 0 without predictions.
        recall: TP / (TP + FN), the share of its examples that are found; 0 without examples.
        f1: 2 TP / (2 TP + FP + FN), their harmonic mean (van Rijsbergen 1979); 0 without either.
        support: examples of the class, TP + FN.
        predicted: predictions of the class, TP + FP.
    """

    precision: float
    recall: float
    f1: float
    support: int
    predicted: int


def wilson_interval(successes: int, trials: int, z: float = Z_95) -> tuple[float, float]:
    """The score interval of a proportion (Wilson 1927); 95 % by default.

    With p = successes / trials and n = trials::

        (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n)

    Unlike p ± z √(p(1-p)/n) it stays within [0, 1] and is not empty at p = 0 or 1.
    """
    p = successes / trials
    centre = p + z * z / (2 * trials)
    margin = z * math.sqrt(p * (1 - p) / trials + (z / (2 * trials)) ** 2)
    scale = 1 + z * z / trials
    # The exact bounds at p = 0 and 1 are 0 and 1, which rounding misses.
    low = 0.0 if successes == 0 else (centre - margin) / scale
    high = 1.0 if successes == trials else (centre + margin) / scale
    return low, high


def confusion_matrix(labels: IntArray, predicted: IntArray, num_classes: int) -> npt.NDArray[np.int64]:
    """Counts [num_classes, num_classes] of examples by label (row) and predicted class (column)."""
    cells = labels.astype(np.int64) * num_classes + predicted
    counts = np.bincount(cells, minlength=num_classes * num_classes)
    return counts.astype(np.int64).reshape(num_classes, num_classes)


def class_scores(confusion: npt.NDArray[np.int64]) -> list[ClassScores]:
    """Precision, recall and F1 of every class, from a confusion matrix [num_classes, num_classes]."""
    counts = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    return [
        ClassScores(
            precision=hits / predicted if predicted else 0.0,
            recall=hits / support if support else 0.0,
            f1=2 * hits / (support + predicted) if support + predicted else 0.0,
            support=support,
            predicted=predicted,
        )
        for hits, support, predicted in zip(*(array.tolist() for array in counts), strict=True)
    ]


def macro_f1(scores: list[ClassScores]) -> float:
    """The unweighted mean of F1 over the classes that occur among the labels or the predictions.

    A class that does neither says nothing about the classifier and is left out of the mean.
    """
    f1 = [score.f1 for score in scores if score.support + score.predicted]
    return sum(f1) / len(f1)


def log_loss(probabilities: FloatArray, labels: IntArray) -> float:
    """Mean negative log-likelihood of the labels in nats: -1/n Σ ln p[i, labels[i]].

    Probabilities below 2^-23 count as 2^-23, so that one example costs at most 15.94.
    """
    of_label = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(np.log(1 / np.clip(of_label, SMALLEST_PROBABILITY, 1.0)).mean())


def brier_score(probabilities: FloatArray, labels: IntArray) -> float:
    """Mean squared distance of the probabilities from the truth (Brier 1950), between 0 and 2.

    1/n Σ_i Σ_k (p[i, k] - [labels[i] = k])², over all classes: for two classes, twice the
    variant that looks at one class only.
    """
    errors = probabilities.astype(np.float64)
    errors[np.arange(len(labels)), labels] -= 1
    return float((errors * errors).sum(axis=1).mean())


def roc_auc(labels: IntArray, scores: FloatArray) -> float | None:
    """The probability that an example of class 1 scores higher than one of class 0; ties count half.

    The area under the ROC curve as the Mann-Whitney statistic (Hanley & McNeil 1982), with R the
    sum of the midranks of class 1's scores::

        (R - n₁(n₁ + 1)/2) / (n₀ n₁)

    Args:
        labels: 0 or 1 [examples].
        scores: any monotone score of class 1 [examples].

    Returns:
        The area in [0, 1], or None where one of the classes has no examples.
    """
    positives = int(np.count_nonzero(labels))
    negatives = len(labels) - positives
    if positives == 0 or negatives == 0:
        return None
    ordered, found = np.sort(scores), np.asarray(scores)[labels == 1]
    below, up_to = np.searchsorted(ordered, found, "left"), np.searchsorted(ordered, found, "right")
    rank_sum = float((below + up_to + 1).sum() / 2)
    return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives)


def calibration_bins(
    probabilities: FloatArray, labels: IntArray, num_bins: int = NUM_BINS
) -> list[dict[str, float]]:
    """The reliability diagram of the predicted class (Guo et al. 2017), empty bins left out.

    Of all predictions at 80 %, are 80 % right? Confidence is the predicted class's probability,
    max_k p[i, k]; the bins (b/B, (b+1)/B] are of equal width, with B = 15 by default.

    Args:
        probabilities: [examples, num_classes].
        labels: class indices [examples].
        num_bins: B.

    Returns:
        For each bin its bounds, ``low``, exclusive, and ``high``, inclusive; the number of
        ``examples`` whose confidence lies between; their mean ``confidence``; and their ``accuracy``.
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    correct = probabilities.argmax(axis=1) == labels
    edges = np.arange(num_bins + 1) / num_bins
    # Rounding can lift a probability a little above 1.
    index = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, num_bins - 1)
    counts = np.bincount(index, minlength=num_bins)
    confidences = np.bincount(index, weights=confidence, minlength=num_bins)
    hits = np.bincount(index, weights=correct, minlength=num_bins)
    return [
        {
            "low": float(edges[b]),
            "high": float(edges[b + 1]),
            "examples": int(counts[b]),
            "confidence": float(confidences[b] / counts[b]),
            "accuracy": float(hits[b] / counts[b]),
        }
        for b in np.flatnonzero(counts)
    ]


def at_temperature(probabilities: FloatArray, temperature: float) -> FloatArray:
    """The probabilities [examples, num_classes] of logits / `temperature`, from those of the logits.

    p[i, k]^(1/T) / Σ_j p[i, j]^(1/T). What is 0 stays so.
    """
    # Divided by the largest first, so that no row vanishes.
    powers = (probabilities / probabilities.max(axis=1, keepdims=True)) ** (1 / temperature)
    found: FloatArray = powers / powers.sum(axis=1, keepdims=True)
    return found


def accuracy_at_coverage(
    probabilities: FloatArray, labels: IntArray, shares: Sequence[float] = COVERAGES
) -> list[dict[str, float]]:
    """Accuracy on the texts that the model is surest of (El-Yaniv & Wiener 2010), for several shares of them.

    Args:
        probabilities: [examples, num_classes].
        labels: class indices [examples].
        shares: of the examples to keep, each above 0.

    Returns:
        For each share the ``probability`` that is asked of an answer to keep at least so many; the
        ``examples`` kept, all that are as sure; their ``coverage``, the share that they are of all; and
        their ``accuracy``.
    """
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == labels
    descending = np.sort(confidence)[::-1]
    found = []
    for share in shares:
        least = descending[math.ceil(share * len(labels)) - 1]
        kept = confidence >= least
        examples = int(np.count_nonzero(kept))
        found.append(
            {
                "probability": float(least),
                "examples": examples,
                "coverage": examples / len(labels),
                "accuracy": float(correct[kept].mean()),
            }
        )
    return found


def expected_calibration_error(bins: Sequence[Mapping[str, float]]) -> float:
    """The mean gap between confidence and accuracy (Naeini et al. 2015): Σ_b n_b/n |acc_b - conf_b|."""
    total = sum(b["examples"] for b in bins)
    return sum(b["examples"] * abs(b["accuracy"] - b["confidence"]) for b in bins) / total
