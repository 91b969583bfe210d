"""Calibration against the definition, one bin at a time."""

import numpy as np
import pytest

from rnncli.evaluation.calibration import calibration_bins, expected_calibration_error
from tests.evaluation.test_metrics import random_predictions


@pytest.mark.parametrize("num_classes", [2, 3])
def test_bins_and_error_follow_the_definition(num_classes: int) -> None:
    probabilities, labels = random_predictions(1009, num_classes, seed=11)
    confidence = probabilities.max(axis=1).astype(np.float64)
    correct = probabilities.argmax(axis=1) == labels
    bins = calibration_bins(probabilities, labels)
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
    assert expected_calibration_error(bins) == pytest.approx(error)


def test_sure_and_right_is_perfectly_calibrated() -> None:
    bins = calibration_bins(np.eye(3, dtype=np.float32), np.arange(3))
    assert [b["examples"] for b in bins] == [3]
    assert expected_calibration_error(bins) == 0


def test_sure_and_wrong_is_as_bad_as_can_be() -> None:
    assert expected_calibration_error(calibration_bins(np.eye(2), np.array([1, 0]))) == 1


def test_a_bound_belongs_to_the_bin_below() -> None:
    bins = calibration_bins(np.array([[0.75, 0.25], [0.76, 0.24]]), np.array([0, 1]), num_bins=4)
    assert [(b["low"], b["high"], b["examples"]) for b in bins] == [(0.5, 0.75, 1), (0.75, 1.0, 1)]


def test_probabilities_that_round_above_one_stay_in_the_last_bin() -> None:
    bins = calibration_bins(np.array([[np.float32(1.0000001), 0.0]], dtype=np.float32), np.array([0]))
    assert [(b["low"], b["high"]) for b in bins] == [(14 / 15, 1.0)]
