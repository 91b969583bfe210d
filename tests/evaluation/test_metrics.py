"""Metrics against brute-force definitions and values computed with other programs."""

import itertools
import math

import numpy as np
import pytest

from rnncli.evaluation import metrics
from rnncli.evaluation.metrics import ClassScores
from rnncli.models.numpy_forward import to_probabilities


def random_predictions(num_examples: int, num_classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities [examples, num_classes] and labels [examples] that agree more often than chance."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, num_classes, num_examples).astype(np.int32)
    logits = rng.normal(size=(num_examples, num_classes)) + np.eye(num_classes)[labels]
    exp = np.exp(logits)
    return (exp / exp.sum(axis=1, keepdims=True)).astype(np.float32), labels


# Computed with scipy.stats.binomtest(k, n).proportion_ci(method="wilson").
@pytest.mark.parametrize(
    ("successes", "trials", "expected"),
    [
        (0, 10, (0.0, 0.27753279986288926)),
        (10, 10, (0.7224672001371109, 1.0)),
        (81, 263, (0.2552885198782742, 0.36620957698280004)),
        (22_000, 25_000, (0.8759133142530027, 0.8839699233403673)),
        (0, 1, (0.0, 0.7934506856227626)),
    ],
)
def test_wilson_interval(successes: int, trials: int, expected: tuple[float, float]) -> None:
    assert metrics.wilson_interval(successes, trials) == pytest.approx(expected, abs=1e-12)


def test_wilson_interval_ends_exactly_at_nothing_and_all() -> None:
    ends = [(metrics.wilson_interval(0, n)[0], metrics.wilson_interval(n, n)[1]) for n in range(1, 1000)]
    assert set(ends) == {(0, 1)}


@pytest.mark.parametrize("num_classes", [2, 3, 7])
def test_confusion_matrix_counts_every_pair(num_classes: int) -> None:
    rng = np.random.default_rng(num_classes)
    labels, predicted = rng.integers(0, num_classes, (2, 997)).astype(np.int32)
    confusion = metrics.confusion_matrix(labels, predicted, num_classes)
    for label, guess in itertools.product(range(num_classes), repeat=2):
        pairs = sum(1 for pair in zip(labels, predicted, strict=True) if pair == (label, guess))
        assert confusion[label, guess] == pairs


def test_confusion_matrix_of_bytes_does_not_overflow() -> None:
    labels = np.array([250, 199], dtype=np.uint8)
    confusion = metrics.confusion_matrix(labels, np.array([3, 250]), 251)
    assert np.argwhere(confusion).tolist() == [[199, 250], [250, 3]]


def test_class_scores() -> None:
    confusion = np.array([[5, 1, 0], [2, 3, 0], [1, 1, 0]])
    first, second, third = metrics.class_scores(confusion)
    assert first == ClassScores(5 / 8, 5 / 6, f1=pytest.approx(5 / 7), support=6, predicted=8)
    assert second == ClassScores(3 / 5, 3 / 5, f1=pytest.approx(0.6), support=5, predicted=5)
    assert third == ClassScores(0.0, 0.0, f1=0.0, support=2, predicted=0)


def test_macro_f1_leaves_out_classes_that_never_occur() -> None:
    assert metrics.macro_f1(metrics.class_scores(np.array([[0, 0], [0, 11]]))) == 1.0
    # The third class has neither labels nor predictions; the second has predictions only.
    scores = metrics.class_scores(np.array([[3, 1, 0], [0, 0, 0], [0, 0, 0]]))
    assert metrics.macro_f1(scores) == pytest.approx((6 / 7 + 0) / 2)


def test_log_loss() -> None:
    probabilities = np.array([[0.5, 0.5], [0.25, 0.75], [0.9, 0.1]], dtype=np.float32)
    expected = -(math.log(0.5) + math.log(0.75) + math.log(0.1)) / 3
    assert metrics.log_loss(probabilities, np.array([0, 1, 1])) == pytest.approx(expected, rel=1e-6)


def test_log_loss_of_a_sure_mistake_is_finite_and_of_sure_truth_is_zero() -> None:
    probabilities = np.array([[0.0, 1.0]], dtype=np.float32)
    assert metrics.log_loss(probabilities, np.array([0])) == pytest.approx(23 * math.log(2))
    assert str(metrics.log_loss(probabilities, np.array([1]))) == "0.0"


def test_brier_score() -> None:
    probabilities = np.array([[0.7, 0.2, 0.1], [0.0, 0.0, 1.0]], dtype=np.float32)
    expected = (0.3**2 + 0.2**2 + 0.1**2 + 1 + 0 + 1) / 2
    before = probabilities.copy()
    assert metrics.brier_score(probabilities, np.array([0, 0])) == pytest.approx(expected, rel=1e-6)
    assert np.array_equal(probabilities, before)


@pytest.mark.parametrize("decimals", [1, 2, 7])
def test_roc_auc_counts_all_pairs_with_ties_as_half(decimals: int) -> None:
    probabilities, labels = random_predictions(211, 2, seed=decimals)
    scores = np.round(probabilities[:, 1], decimals)
    pairs = [
        1.0 if positive > negative else 0.5 if positive == negative else 0.0
        for positive in scores[labels == 1]
        for negative in scores[labels == 0]
    ]
    assert metrics.roc_auc(labels, scores) == pytest.approx(sum(pairs) / len(pairs), abs=1e-12)


def test_roc_auc_needs_both_classes_and_no_pairs() -> None:
    for label in (0, 1):
        assert metrics.roc_auc(np.full(5, label), np.linspace(0, 1, 5)) is None
    # All pairs would be 10^11 comparisons.
    labels = np.arange(1_000_003) % 2
    assert metrics.roc_auc(labels, np.arange(1_000_003)) == pytest.approx(0.5, abs=1e-5)


@pytest.mark.parametrize("num_classes", [2, 3])
def test_calibration_bins_and_error_follow_the_definition(num_classes: int) -> None:
    probabilities, labels = random_predictions(1009, num_classes, seed=11)
    confidence = probabilities.max(axis=1).astype(np.float64)
    correct = probabilities.argmax(axis=1) == labels
    bins = metrics.calibration_bins(probabilities, labels)
    error, seen = 0.0, 0
    for index in range(15):
        inside = (confidence > index / 15) & (confidence <= (index + 1) / 15)
        if not inside.any():
            continue
        found = bins[seen]
        seen += 1
        assert (found["low"], found["high"]) == (index / 15, (index + 1) / 15)
        assert found["examples"] == inside.sum()
        assert found["confidence"] == pytest.approx(confidence[inside].mean())
        assert found["accuracy"] == pytest.approx(correct[inside].mean())
        error += inside.mean() * abs(correct[inside].mean() - confidence[inside].mean())
    assert seen == len(bins)
    assert metrics.expected_calibration_error(bins) == pytest.approx(error)


def test_calibration_at_its_best_and_worst() -> None:
    bins = metrics.calibration_bins(np.eye(3, dtype=np.float32), np.arange(3))
    assert [b["examples"] for b in bins] == [3]
    assert metrics.expected_calibration_error(bins) == 0
    wrong = metrics.calibration_bins(np.eye(2), np.array([1, 0]))
    assert metrics.expected_calibration_error(wrong) == 1


def test_a_bound_belongs_to_the_calibration_bin_below() -> None:
    bins = metrics.calibration_bins(np.array([[0.75, 0.25], [0.76, 0.24]]), np.array([0, 1]), num_bins=4)
    assert [(b["low"], b["high"], b["examples"]) for b in bins] == [(0.5, 0.75, 1), (0.75, 1.0, 1)]


def test_probabilities_that_round_above_one_stay_in_the_last_bin() -> None:
    bins = metrics.calibration_bins(np.array([[np.float32(1.0000001), 0.0]], dtype=np.float32), np.array([0]))
    assert [(b["low"], b["high"]) for b in bins] == [(14 / 15, 1.0)]


@pytest.mark.parametrize("num_classes", [2, 5])
def test_a_temperature_is_taken_back(num_classes: int) -> None:
    logits = 3 * np.random.default_rng(7).normal(size=(997, 1 if num_classes == 2 else num_classes))
    found = metrics.at_temperature(to_probabilities(logits / 1.7), 1 / 1.7)
    np.testing.assert_allclose(found, to_probabilities(logits), rtol=0, atol=1e-12)
    certain = np.array([[0.0, 1.0]])
    assert metrics.at_temperature(certain, 0.01).tolist() == [[0, 1]]


def test_accuracy_at_coverage_leaves_out_the_least_sure() -> None:
    sure = np.array([0.6, 0.7, 0.7, 0.8, 0.9])
    probabilities, labels = np.stack([1 - sure, sure], axis=1), np.array([0, 1, 0, 1, 1])
    assert metrics.accuracy_at_coverage(probabilities, labels, (1.0, 0.6, 0.4, 0.1)) == [
        {"probability": 0.6, "examples": 5, "coverage": 1.0, "accuracy": 3 / 5},
        {"probability": 0.7, "examples": 4, "coverage": 0.8, "accuracy": 3 / 4},
        {"probability": 0.8, "examples": 2, "coverage": 0.4, "accuracy": 1.0},
        {"probability": 0.9, "examples": 1, "coverage": 0.2, "accuracy": 1.0},
    ]
