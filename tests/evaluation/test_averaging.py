"""Weights of averaged models."""

import numpy as np
import pytest

from rnncli.evaluation.averaging import MOST, fit_weights
from rnncli.evaluation.metrics import log_loss
from rnncli.models.numpy_forward import to_probabilities


@pytest.mark.parametrize("outputs", [1, 3])
def test_weights_come_back_and_noise_gets_none(outputs: int) -> None:
    """Labels drawn from a weighted sum of two models' logits; the third one is wrong about everything."""
    random = np.random.default_rng(5)
    logits = 2 * random.standard_normal((3, 20_011, outputs))
    truth = to_probabilities(0.7 * logits[0] + 1.3 * logits[1] - 0.2 * logits[2])
    labels = (random.random((20_011, 1)) > truth.cumsum(axis=1)).sum(axis=1)
    weights = fit_weights(logits, labels)
    np.testing.assert_allclose(weights, [0.7, 1.3, 0], atol=0.06)
    assert weights[2] == 0


@pytest.mark.parametrize("outputs", [1, 5])
def test_no_other_weights_are_better(outputs: int) -> None:
    random = np.random.default_rng(7)
    logits = random.standard_normal((4, 211, outputs))
    labels = random.integers(0, max(outputs, 2), 211)
    logits[0, :, -1] += 3 * (labels == max(outputs, 2) - 1)

    def loss(weights: np.ndarray) -> float:
        return log_loss(to_probabilities(np.tensordot(weights, logits, axes=1)), labels)

    weights = fit_weights(logits, labels)
    for step in 0.01 * random.standard_normal((53, 4)):
        assert loss(np.clip(weights + step, 0, None)) >= loss(weights) - 1e-9


def test_where_all_are_right_the_weights_stay_finite() -> None:
    labels = np.array([0, 1, 1])
    assert fit_weights(np.array([[[-1.0], [1.0], [2.0]]]), labels) <= MOST
