"""Requirements: what they accept, and where exactly they fail."""

import dataclasses

import numpy as np
import pytest

from rnncli.errors import UsageError
from rnncli.evaluation.measures import Evaluation, measure
from rnncli.evaluation.requirements import at_least, not_worse, parse_minimum
from tests.evaluation.test_measures import SUBJECT, random_evaluation

EVALUATION = dataclasses.replace(random_evaluation(2), accuracy=0.87, macro_f1=0.85, roc_auc=None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("accuracy=0.87", ("accuracy", 0.87)),
        ("macro_f1=1", ("macro_f1", 1.0)),
        ("roc_auc=0", ("roc_auc", 0.0)),
    ],
)
def test_minimums_are_read(text: str, expected: tuple[str, float]) -> None:
    assert parse_minimum(text) == expected


@pytest.mark.parametrize("text", ["accuracy", "loss=0.3", "", "=0.5", "0.87"])
def test_unknown_metrics_are_refused_with_the_known_ones(text: str) -> None:
    with pytest.raises(UsageError, match="METRIC being accuracy, macro_f1 or roc_auc"):
        parse_minimum(text)


@pytest.mark.parametrize("number", ["87", "87%", "", "nan", "-0.1", "1.0001"])
def test_values_that_are_no_share_are_refused(number: str) -> None:
    with pytest.raises(UsageError, match=rf"'{number}' is not a number from 0 to 1"):
        parse_minimum(f"accuracy={number}")


@pytest.mark.parametrize(
    ("metric", "minimum", "met", "message"),
    [
        ("accuracy", 0.87, True, "accuracy 0.87 is at least 0.87"),
        ("accuracy", 0.8701, False, "accuracy 0.87 is below 0.8701"),
        ("macro_f1", 0.86, False, "macro_f1 0.85 is below 0.86"),
        ("roc_auc", 0.0, False, "roc_auc is not defined on words/test (texts cccccccc)"),
    ],
)
def test_a_minimum(metric: str, minimum: float, met: bool, message: str) -> None:
    found = at_least(metric, minimum, EVALUATION)
    assert (found.met, found.message) == (met, message)


def evaluation_with(correct: list[bool]) -> Evaluation:
    predicted = np.array(correct).astype(int)
    return measure(SUBJECT, np.eye(2)[predicted], np.ones(len(correct), int), label_names=("neg", "pos"))


@pytest.mark.parametrize(
    ("only_first", "only_second", "met"),
    [(0, 6, False), (0, 5, True), (6, 0, True), (3, 3, True)],  # McNemar: 2/2⁶ = 0.03, 2/2⁵ = 0.06
)
def test_not_worse(only_first: int, only_second: int, met: bool) -> None:
    both = [True] * 13
    first = evaluation_with([*both, *[True] * only_first, *[False] * only_second])
    second = evaluation_with([*both, *[False] * only_first, *[True] * only_second])
    result = not_worse(first, second)
    assert result.met is met
    assert result.name == "not-worse-than gru-1"
    assert ("not worse" in result.message) is met
    assert f"accuracy {first.accuracy:.6g}" in result.message
    assert f"{second.accuracy:.6g} of 'gru-1' (p = " in result.message
