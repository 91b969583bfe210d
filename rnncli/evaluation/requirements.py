"""Requirements that a result has to meet: the quality gates that give scripts and CI an exit code."""

from contextlib import suppress
from dataclasses import dataclass

from rnncli.errors import UsageError
from rnncli.evaluation.measures import Evaluation
from rnncli.evaluation.significance import SIGNIFICANCE_LEVEL, paired_test

METRICS = ("accuracy", "macro_f1", "roc_auc")


@dataclass(frozen=True)
class Requirement:
    """What was required of a result, whether it was met, and a message with both numbers."""

    name: str
    met: bool
    message: str


def parse_minimum(text: str) -> tuple[str, float]:
    """Read ``METRIC=VALUE``: a metric and the least value that it may have.

    Raises:
        UsageError: the metric is unknown, or the value is not a number from 0 to 1.
    """
    metric, equals, number = text.partition("=")
    if not equals or metric not in METRICS:
        raise UsageError(
            f"--fail-under '{text}': write METRIC=VALUE, METRIC being {', '.join(METRICS[:-1])} "
            f"or {METRICS[-1]}, for example accuracy=0.87"
        )
    with suppress(ValueError):
        if 0 <= float(number) <= 1:
            return metric, float(number)
    raise UsageError(f"--fail-under '{text}': '{number}' is not a number from 0 to 1")


def at_least(metric: str, minimum: float, evaluation: Evaluation) -> Requirement:
    """Require that a metric is at least `minimum`; one that is undefined is not."""
    name = f"{metric}={minimum:g}"
    found: float | None = getattr(evaluation, metric)
    if found is None:
        return Requirement(name, False, f"{metric} is not defined on {evaluation.subject.data}")
    met = found >= minimum
    return Requirement(name, met, f"{metric} {found:.6g} is {'at least' if met else 'below'} {minimum:g}")


def not_worse(evaluation: Evaluation, rival: Evaluation) -> Requirement:
    """Require that a model is not significantly less accurate than a rival on the same examples.

    It is worse where fewer of its predictions are right and McNemar's exact test, two-sided,
    gives p < 0.05.
    """
    test = paired_test(evaluation.correct, rival.correct)
    met = test.difference >= 0 or test.p_value >= SIGNIFICANCE_LEVEL
    message = (
        f"accuracy {evaluation.accuracy:.6g} is {'not ' if met else ''}worse than "
        f"{rival.accuracy:.6g} of '{rival.subject.run}' (p = {test.p_value:.2g})"
    )
    return Requirement(f"not-worse-than {rival.subject.run}", met, message)
