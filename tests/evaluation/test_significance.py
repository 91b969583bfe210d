"""Paired tests against exact enumeration and values computed with scipy."""

import math

import numpy as np
import pytest

from rnncli.evaluation.significance import holm, mcnemar, paired_interval, paired_test


# Computed with scipy.stats.binomtest(b, b + c, 0.5).pvalue.
@pytest.mark.parametrize(
    ("only_first", "only_second", "expected"),
    [
        (3, 9, 0.14599609375),
        (0, 12, 0.00048828125),
        (130, 171, 0.02098066169376244),
        (5_000, 5_300, 0.003215819673645259),
        (0, 20_000, 0.0),
        (7, 7, 1.0),
        (0, 0, 1.0),
    ],
)
def test_mcnemar(only_first: int, only_second: int, expected: float) -> None:
    assert mcnemar(only_first, only_second) == pytest.approx(expected, rel=1e-11)
    assert mcnemar(only_second, only_first) == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("total", [1, 2, 13, 60])
def test_mcnemar_adds_up_all_splits_at_least_as_uneven(total: int) -> None:
    for first in range(total + 1):
        uneven = [i for i in range(total + 1) if abs(2 * i - total) >= abs(2 * first - total)]
        exact = sum(math.comb(total, i) for i in uneven) / 2**total
        assert mcnemar(first, total - first) == pytest.approx(exact, rel=1e-12)


def test_paired_interval_by_hand() -> None:
    # b' = 12.5, c' = 5.5, n' = 102.
    margin = 1.959963984540054 * math.sqrt(18 - 49 / 102) / 102
    assert paired_interval(12, 5, 100) == pytest.approx((7 / 102 - margin, 7 / 102 + margin))
    assert (paired_interval(1, 0, 1)[1], paired_interval(0, 1, 1)[0]) == (1, -1)


def test_paired_interval_covers_the_true_difference() -> None:
    rng = np.random.default_rng(5)
    # Cells: both right, only the first, only the second, both wrong. True difference 0.08.
    tables = rng.multinomial(101, [0.6, 0.14, 0.06, 0.2], size=4000)
    intervals = [paired_interval(int(b), int(c), 101) for _, b, c, _ in tables]
    covered = np.mean([low <= 0.08 <= high for low, high in intervals])
    assert 0.94 <= covered <= 0.97


def test_paired_test_counts_disagreements() -> None:
    rng = np.random.default_rng(2)
    first, second = rng.random((2, 499)) < np.array([[0.9], [0.8]])
    result = paired_test(first, second)
    b = sum(1 for x, y in zip(first, second, strict=True) if x and not y)
    c = sum(1 for x, y in zip(first, second, strict=True) if y and not x)
    assert (result.only_first, result.only_second) == (b, c)
    assert result.difference == pytest.approx(first.mean() - second.mean())
    assert result.interval == paired_interval(b, c, 499)
    assert result.p_value == mcnemar(b, c)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


def test_holm_never_leaves_the_unit_interval_or_the_order() -> None:
    p_values = np.random.default_rng(1).random(37)
    adjusted = np.array(holm(p_values))
    assert (adjusted >= p_values).all()
    assert (adjusted <= 1).all()
    order = np.argsort(p_values)
    assert (np.diff(adjusted[order]) >= 0).all()
