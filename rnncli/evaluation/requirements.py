"""Quality gates: conditions that turn a result into an exit code for scripts and CI."""

import math
from dataclasses import dataclass
from typing import Any

from rnncli.errors import UsageError
from rnncli.evaluation.measures import Evaluation
from rnncli.evaluation.significance import SIGNIFICANCE_LEVEL, PairedTest

GATE_METRICS = ("accuracy", "macro_f1", "roc_auc")


@dataclass(frozen=True)
class Threshold:
    """The least value that a metric may have."""

    metric: str
    value: float


@dataclass(frozen=True)
class GateResult:
    """Whether a gate held, and a line that says so with both numbers."""

    gate: str
    passed: bool
    message: str

    def to_dict(self) -> dict[str, Any]:
        """The result as plain JSON values."""
        return {"gate": self.gate, "passed": self.passed, "message": self.message}


def parse_threshold(text: str) -> Threshold:
    """Read ``METRIC=VALUE``.

    Raises:
        UsageError: the metric is unknown, or the value is not a number from 0 to 1.
    """
    metric, equals, number = text.partition("=")
    if not equals or metric not in GATE_METRICS:
        raise UsageError(
            f"--fail-under '{text}': write METRIC=VALUE, METRIC being {', '.join(GATE_METRICS[:-1])} "
            f"or {GATE_METRICS[-1]}, for example accuracy=0.87"
        )
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise UsageError(f"--fail-under '{text}': '{number}' is not a number from 0 to 1")
    return Threshold(metric, value)


def check_threshold(threshold: Threshold, evaluation: Evaluation) -> GateResult:
    """Whether the metric is at least the threshold; one that is undefined is not."""
    found: float | None = getattr(evaluation, threshold.metric)
    gate = f"{threshold.metric}={threshold.value:g}"
    if found is None:
        return GateResult(gate, False, f"{threshold.metric} is not defined on {evaluation.subject.data}")
    passed = found >= threshold.value
    relation = "at least" if passed else "below"
    return GateResult(gate, passed, f"{threshold.metric} {found:.6g} is {relation} {threshold.value:g}")


def check_not_worse(evaluation: Evaluation, rival: Evaluation, test: PairedTest) -> GateResult:
    """Whether a model is not significantly less accurate than a rival on the same examples.

    It is worse where fewer of its predictions are right and McNemar's exact test, two-sided,
    gives p < 0.05. `test` compares the model, first, with the rival.
    """
    passed = test.difference >= 0 or test.p_value >= SIGNIFICANCE_LEVEL
    message = (
        f"accuracy {evaluation.accuracy:.6g} is {'not ' if passed else ''}worse than "
        f"{rival.accuracy:.6g} of '{rival.subject.run}' (p = {test.p_value:.2g})"
    )
    return GateResult(f"not-worse-than {rival.subject.run}", passed, message)
