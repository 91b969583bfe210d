"""Whether two classifiers that scored the same examples differ by more than chance."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rnncli.evaluation.metrics import Z_95

SIGNIFICANCE_LEVEL = 0.05


@dataclass(frozen=True)
class PairedTest:
    """Two classifiers on the same examples.

    Attributes:
        difference: accuracy of the first minus accuracy of the second.
        interval: its 95 % confidence interval.
        only_first: examples that only the first classifies rightly.
        only_second: examples that only the second classifies rightly.
        p_value: McNemar's exact test, two-sided.
    """

    difference: float
    interval: tuple[float, float]
    only_first: int
    only_second: int
    p_value: float


def mcnemar(only_first: int, only_second: int) -> float:
    """McNemar's exact test (McNemar 1947): the two-sided probability of so uneven a split.

    Where both classifiers are equally accurate, each of the n = b + c examples that only one of
    them gets right falls to either with probability 1/2. With m = min(b, c)::

        p = min(1, 2 Σ_{i=0..m} C(n, i) / 2ⁿ)

    and p = 1 for n = 0.
    """
    total, fewer = only_first + only_second, min(only_first, only_second)
    i = np.arange(1, fewer + 1)
    log_binomials = np.concatenate(([0.0], np.cumsum(np.log((total - i + 1) / i))))
    tail = float(np.exp(log_binomials - total * math.log(2)).sum())
    return min(1.0, 2 * tail)


def paired_interval(only_first: int, only_second: int, examples: int) -> tuple[float, float]:
    """The 95 % interval of a paired difference of proportions (Agresti & Min 2005).

    The Wald interval after half an example is added to each of the four cells of the table of
    who is right: with b' = b + 1/2, c' = c + 1/2 and n' = n + 2::

        (b' - c')/n' ± z √((b' + c') - (b' - c')²/n') / n'
    """
    b, c, n = only_first + 0.5, only_second + 0.5, examples + 2
    centre = (b - c) / n
    margin = Z_95 * math.sqrt(b + c - (b - c) ** 2 / n) / n
    return max(-1.0, centre - margin), min(1.0, centre + margin)


def paired_test(first_correct: npt.NDArray[np.bool_], second_correct: npt.NDArray[np.bool_]) -> PairedTest:
    """Compare two classifiers by which of the same examples [examples], at least one, each gets right."""
    only_first = int(np.count_nonzero(first_correct & ~second_correct))
    only_second = int(np.count_nonzero(second_correct & ~first_correct))
    return PairedTest(
        difference=(only_first - only_second) / len(first_correct),
        interval=paired_interval(only_first, only_second, len(first_correct)),
        only_first=only_first,
        only_second=only_second,
        p_value=mcnemar(only_first, only_second),
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values of several tests so that any false alarm stays below the level (Holm 1979).

    With the k values in ascending order, the j-th (from 0) becomes max over i ≤ j of
    min(1, (k - i) p_i); the result is in the order of the input.
    """
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted
