"""The fitted temperature: found again where it is known, and a minimum of the likelihood."""

import numpy as np
import pytest

from rnncli.evaluation.calibration import COLDEST, HOTTEST, as_class_logits, fit_temperature
from rnncli.evaluation.metrics import calibration_bins, expected_calibration_error, log_loss
from rnncli.models.numpy_forward import to_probabilities


def drawn(num_classes: int, temperature: float, n: int = 20011) -> tuple[np.ndarray, np.ndarray]:
    """Logits [n, num_outputs], and labels drawn with the probabilities of logits / temperature."""
    random = np.random.default_rng(num_classes)
    logits = 3 * random.standard_normal((n, 1 if num_classes == 2 else num_classes))
    thresholds = to_probabilities(logits / temperature).cumsum(axis=1)
    return logits, (random.random((n, 1)) > thresholds[:, :-1]).sum(axis=1)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
@pytest.mark.parametrize("num_classes", [2, 5])
def test_the_temperature_that_labels_were_drawn_with_is_found(num_classes: int, temperature: float) -> None:
    logits, labels = drawn(num_classes, temperature)
    found = fit_temperature(logits, labels)
    assert found == pytest.approx(temperature, rel=0.04)
    bins = calibration_bins(to_probabilities(logits / found), labels)
    assert expected_calibration_error(bins) < 0.02


@pytest.mark.parametrize("num_classes", [2, 5])
def test_no_other_temperature_makes_the_labels_more_probable(num_classes: int) -> None:
    logits, labels = drawn(num_classes, 1.7)
    found = fit_temperature(logits, labels)
    losses = [log_loss(to_probabilities(logits / (found * by)), labels) for by in (1, 0.97, 1.03)]
    assert losses[0] == min(losses)


def test_right_answers_alone_make_no_classifier_infallible() -> None:
    logits, labels = np.array([[1.0], [-1.0], [0.5]]), np.array([1, 0, 1])
    assert fit_temperature(logits, labels) == 1
    assert fit_temperature(np.array([[3.0, 2.0, 1.0], [0.0, 0.0, 0.5]]), np.array([0, 2])) == 1


def test_answers_that_are_no_better_than_chance_are_made_unsure() -> None:
    logits = np.array([[4.0], [4.0], [-4.0], [-4.0]])
    assert fit_temperature(logits, np.array([1, 0, 1, 0])) == pytest.approx(HOTTEST)
    assert fit_temperature(-logits, np.array([1, 1, 0, 0])) == pytest.approx(HOTTEST)


def test_bounds_hold_where_logits_are_tiny() -> None:
    logits, labels = 1e-6 * np.array([[1.0], [-1.0]] * 11), np.array([1, 0] * 10 + [1, 1])
    assert fit_temperature(logits, labels) == pytest.approx(COLDEST)


def test_one_output_stands_for_two_classes() -> None:
    assert as_class_logits(np.array([[2.0], [-3.0]])).tolist() == [[0.0, 2.0], [0.0, -3.0]]
    assert as_class_logits(np.array([[2.0, 1.0, 5.0]])).tolist() == [[2.0, 1.0, 5.0]]
