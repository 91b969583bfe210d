"""Gates: what they accept, and where exactly they fail."""

import dataclasses

import pytest

from rnncli.errors import UsageError
from rnncli.evaluation.requirements import Threshold, check_not_worse, check_threshold, parse_threshold
from rnncli.evaluation.significance import PairedTest
from tests.evaluation.test_measures import random_evaluation

EVALUATION = dataclasses.replace(random_evaluation(2), accuracy=0.87, macro_f1=0.85, roc_auc=0.93)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("accuracy=0.87", Threshold("accuracy", 0.87)),
        ("macro_f1=1", Threshold("macro_f1", 1.0)),
        ("roc_auc=0", Threshold("roc_auc", 0.0)),
        ("accuracy=9e-1", Threshold("accuracy", 0.9)),
    ],
)
def test_parse(text: str, expected: Threshold) -> None:
    assert parse_threshold(text) == expected


@pytest.mark.parametrize("text", ["accuracy", "acc=0.5", "loss=0.3", "", "=0.5", "Accuracy=0.5", "0.87"])
def test_unknown_metrics_are_refused_with_the_known_ones(text: str) -> None:
    with pytest.raises(UsageError, match="METRIC being accuracy, macro_f1 or roc_auc"):
        parse_threshold(text)


@pytest.mark.parametrize("number", ["87", "87%", "", "nan", "-0.1", "inf", "0,87", "1.0001"])
def test_values_that_are_no_share_are_refused(number: str) -> None:
    with pytest.raises(UsageError, match=rf"'{number}' is not a number from 0 to 1"):
        parse_threshold(f"accuracy={number}")


@pytest.mark.parametrize(
    ("metric", "value", "passed"),
    [
        ("accuracy", 0.87, True),
        ("accuracy", 0.8700001, False),
        ("macro_f1", 0.849, True),
        ("macro_f1", 0.86, False),
        ("roc_auc", 0.93, True),
        ("roc_auc", 0.94, False),
    ],
)
def test_threshold(metric: str, value: float, passed: bool) -> None:
    assert check_threshold(Threshold(metric, value), EVALUATION).passed is passed


def test_message_has_both_numbers() -> None:
    assert check_threshold(Threshold("accuracy", 0.9), EVALUATION).message == "accuracy 0.87 is below 0.9"
    assert check_threshold(Threshold("accuracy", 0.8), EVALUATION).message == "accuracy 0.87 is at least 0.8"


def test_an_undefined_metric_fails() -> None:
    result = check_threshold(Threshold("roc_auc", 0.0), dataclasses.replace(EVALUATION, roc_auc=None))
    assert not result.passed
    assert result.message == "roc_auc is not defined on words/test (texts cccccccc)"


@pytest.mark.parametrize(
    ("difference", "p_value", "passed"),
    [
        (-0.02, 0.049, False),
        (-0.02, 0.05, True),
        (-0.02, 0.9, True),
        (0.0, 1.0, True),
        (0.02, 0.001, True),
    ],
)
def test_not_worse(difference: float, p_value: float, passed: bool) -> None:
    rival = dataclasses.replace(EVALUATION, accuracy=0.87 - difference)
    result = check_not_worse(EVALUATION, rival, PairedTest(difference, (-1, 1), 3, 5, p_value))
    assert result.passed is passed
    assert ("not worse" in result.message) is passed
    assert f"{0.87 - difference:.6g} of 'gru-1'" in result.message
