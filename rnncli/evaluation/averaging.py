"""Weights with which models are averaged: those under which the labels are most probable."""

import numpy as np
from numpy.typing import NDArray

from rnncli.evaluation.metrics import FloatArray, IntArray

MOST = 10.0  # a weight beyond it says only that every example was right


def fit_weights(logits: FloatArray, labels: IntArray) -> NDArray[np.float64]:
    """The weights of models, none negative, that minimise the negative log-likelihood of their weighted sum.

    Logits, not probabilities, are added up: a product of the models' opinions (a logarithmic opinion
    pool, Genest & Zidek 1986), whose weights need not add up to 1, so that they make the sum as sure of
    itself as its errors allow. The problem is convex.

    Args:
        logits: [models, n, num_outputs]; one output is the logit of class 1 against class 0.
        labels: class indices [n].

    Returns:
        Weights [models], between 0 and `MOST`.
    """
    from scipy.optimize import minimize

    by_class = np.concatenate([np.zeros_like(logits), logits], axis=2) if logits.shape[2] == 1 else logits
    truth = np.eye(by_class.shape[2])[labels]  # [n, num_classes]

    def loss_and_gradient(weights: FloatArray) -> tuple[float, FloatArray]:
        summed = np.tensordot(weights, by_class, axes=1)  # [n, num_classes]
        summed -= summed.max(axis=1, keepdims=True)
        log_probabilities = summed - np.log(np.exp(summed).sum(axis=1, keepdims=True))
        gradient = np.tensordot(by_class, np.exp(log_probabilities) - truth, axes=2) / len(labels)
        return -(log_probabilities * truth).sum() / len(labels), gradient

    start = np.full(len(logits), 1 / len(logits))
    options = {"ftol": 1e-12, "gtol": 1e-8}
    bounds = [(0.0, MOST)] * len(logits)
    found = minimize(loss_and_gradient, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    return np.asarray(found.x, np.float64)
