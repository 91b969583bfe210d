"""Fitting the linear model of n-grams: log-count ratios, weighted by logistic regression.

Wang & Manning (2012) multiply each n-gram that a text holds by its log-count ratio r and let a linear
model weigh the products. Here that is logistic regression, of two classes with one logit, else with
one a class::

    logits = Σ r_j w_j + b      over the n-grams j of a text, each counted once

What is minimised is ``C`` times the sum of the cross-entropies plus half the squared norm of w.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnncli.models.numpy_forward import to_probabilities
from rnncli.text.ngrams import NgramTable, Texts, count_ngrams

STRENGTHS = (0.03, 0.1, 0.3, 1.0)  # of the data against the regularisation: C, weakest first
MOST_ITERATIONS = 100
CORRECTIONS = 5  # steps that L-BFGS remembers


class Fit(NamedTuple):
    """A fitted model.

    Attributes:
        ngrams: the n-grams with their weighted ratios, r w.
        bias: [outputs].
        strength: C.
    """

    ngrams: NgramTable
    bias: NDArray[np.float32]
    strength: float


def fits(
    texts: Texts, labels: NDArray[np.integer], *, num_classes: int, vocab_size: int, most: int = 0
) -> Iterator[Fit]:
    """Yield the model for each of `STRENGTHS`, each fitted from where the one before ended.

    Args:
        texts: of the training split.
        labels: their classes [texts].
        num_classes: how many classes there are.
        vocab_size: all token ids are below it.
        most: n-grams to know, see `count_ngrams`.
    """
    from scipy.optimize import minimize
    from scipy.sparse import csr_matrix

    table = count_ngrams(texts, labels, num_classes=num_classes, vocab_size=vocab_size, most=most)
    text, place = table.held(texts)
    shape = (len(labels), len(table.codes))
    holds = csr_matrix((np.ones(len(text), np.float32), (text, place)), shape)
    held_by = holds.T.tocsr()  # products with it take a fraction of the time of those with a view
    num_outputs = table.values.shape[1]
    truth = np.eye(num_classes, dtype=np.float32)[labels][:, -num_outputs:]  # [texts, outputs]

    def objective(flat: NDArray[np.float64], strength: float) -> tuple[float, NDArray[np.float64]]:
        weights, bias = _unflatten(flat, num_outputs)
        logits = holds @ (table.values * weights.astype(np.float32)) + bias
        probabilities = to_probabilities(logits)
        likelihoods = probabilities[np.arange(len(labels)), labels]
        error = strength * (probabilities[:, -num_outputs:] - truth)  # the gradient by the logits
        gradient = table.values * (held_by @ error.astype(np.float32)) + weights
        loss = -strength * np.log(np.maximum(likelihoods, 1e-300)).sum() + 0.5 * np.square(weights).sum()
        return loss, np.concatenate([gradient.ravel(), error.sum(axis=0)])

    flat = np.zeros((len(table.codes) + 1) * num_outputs)
    options: dict[str, Any] = {"maxiter": MOST_ITERATIONS, "maxcor": CORRECTIONS}
    for strength in STRENGTHS:
        flat = minimize(objective, flat, (strength,), jac=True, method="L-BFGS-B", options=options).x
        weights, bias = _unflatten(flat, num_outputs)
        folded = (table.values * weights).astype(np.float32)
        yield Fit(NgramTable(table.codes, folded, vocab_size), bias.astype(np.float32), strength)


def _unflatten(
    flat: NDArray[np.float64], num_outputs: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The weights [n, outputs] and the bias [outputs] in the vector that the optimizer sees."""
    return flat[:-num_outputs].reshape(-1, num_outputs), flat[-num_outputs:]
