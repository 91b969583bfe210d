"""Whether a probability means what it says: of all predictions at 80 %, are 80 % right?"""

from collections.abc import Mapping, Sequence

import numpy as np

from rnncli.evaluation.metrics import FloatArray, IntArray

NUM_BINS = 15


def calibration_bins(
    probabilities: FloatArray, labels: IntArray, num_bins: int = NUM_BINS
) -> list[dict[str, float]]:
    """The reliability diagram of the predicted class (Guo et al. 2017), empty bins left out.

    Confidence is the predicted class's probability, max_k p[i, k]; the bins (b/B, (b+1)/B] are of
    equal width, with B = 15 by default.

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


def expected_calibration_error(bins: Sequence[Mapping[str, float]]) -> float:
    """The mean gap between confidence and accuracy (Naeini et al. 2015): Σ_b n_b/n |acc_b - conf_b|."""
    total = sum(b["examples"] for b in bins)
    return sum(b["examples"] * abs(b["accuracy"] - b["confidence"]) for b in bins) / total
