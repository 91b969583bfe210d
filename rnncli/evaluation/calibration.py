"""The temperature at which a classifier is as sure of its answers as it should be."""

import numpy as np
from numpy.typing import NDArray

from rnncli.evaluation.metrics import FloatArray, IntArray

COLDEST, HOTTEST = 0.01, 100.0
HALVINGS = 40  # of the logarithm of their ratio: to less than the digits kept
DIGITS = 4  # kept after the point; more would tell apart devices that round differently


def fit_temperature(logits: FloatArray, labels: IntArray) -> float:
    """The temperature T at which held-out labels are most probable under logits / T (Guo et al. 2017).

    With p the softmax of z / T, the negative log-likelihood -1/n Σ_i ln p[i, labels[i]] is convex in 1/T.
    Halving finds where its slope vanishes::

        Σ_i (Σ_k p[i, k] z[i, k] - z[i, labels[i]]) = 0

    Where every answer is right there is no minimum, since surer is always better: T is then 1, as trained.
    Where logits are no better than chance T is `HOTTEST`, which says so.

    Args:
        logits: [n, num_outputs]; one output is the logit of class 1 against class 0.
        labels: class indices [n].

    Returns:
        T, with `DIGITS` digits after the point.
    """
    by_class = as_class_logits(logits)
    if (by_class.argmax(axis=1) == labels).all():
        return 1.0
    target = by_class[np.arange(len(labels)), labels].sum()

    def too_sure(temperature: float) -> bool:
        scaled = by_class / temperature
        exponentials = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
        return bool((probabilities * by_class).sum() >= target)

    low, high = np.log(COLDEST), np.log(HOTTEST)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if too_sure(np.exp(middle)) else (low, middle)
    return round(float(np.exp((low + high) / 2)), DIGITS)


def as_class_logits(logits: FloatArray) -> NDArray[np.float64]:
    """Logits [n, num_classes]: one output becomes those of both classes, the first of which is 0."""
    of_outputs: NDArray[np.float64] = np.asarray(logits, np.float64)
    if of_outputs.shape[1] > 1:
        return of_outputs
    return np.concatenate([np.zeros_like(of_outputs), of_outputs], axis=1)
