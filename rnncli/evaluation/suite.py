"""How a model fares on a suite of statements: right by kind, and pairs with both members right."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rnncli.data.sample.order import KINDS, Statement
from rnncli.evaluation.metrics import wilson_interval


@dataclass(frozen=True)
class Answer:
    """What a model says of a statement, and how sure it is."""

    statement: Statement
    predicted: str
    probability: float

    @property
    def right(self) -> bool:
        """Whether the model gives the statement's label."""
        return self.predicted == self.statement.label


@dataclass(frozen=True)
class Share:
    """How many of a number of statements, or of pairs, are right."""

    right: int
    examples: int

    @property
    def accuracy(self) -> float:
        """Right ones among all."""
        return self.right / self.examples

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the accuracy."""
        return wilson_interval(self.right, self.examples)


@dataclass(frozen=True)
class SuiteResult:
    """The answers of a run to a suite."""

    run: str
    suite: str
    answers: Sequence[Answer]

    @property
    def shares(self) -> dict[str, Share]:
        """The share right of each kind; ``negated pairs``: of pairs, both members; ``overall``: of all."""
        right = {kind: [a.right for a in self.answers if a.statement.kind == kind] for kind in KINDS}
        pairs: dict[int, bool] = {}
        for answer in self.answers:
            if (pair := answer.statement.pair) is not None:
                pairs[pair] = pairs.get(pair, True) and answer.right
        groups = {
            **right,
            "negated pairs": list(pairs.values()),
            "overall": [answer.right for answer in self.answers],
        }
        order = ("plain", "negated", "negated pairs", "contrasted", "intensified", "overall")
        return {name: Share(sum(groups[name]), len(groups[name])) for name in order}

    def worst(self, count: int) -> list[Answer]:
        """The statements it gets wrong, the most confident first, at most `count`."""
        wrong = [answer for answer in self.answers if not answer.right]
        return sorted(wrong, key=lambda answer: -answer.probability)[:count]

    def to_dict(self, worst: int = 0) -> dict[str, Any]:
        """The result as one JSON object, with the `worst` statements."""
        return {
            "run": self.run,
            "suite": self.suite,
            "kinds": {
                name: {
                    "right": share.right,
                    "examples": share.examples,
                    "accuracy": share.accuracy,
                    "accuracy_interval": list(share.interval),
                }
                for name, share in self.shares.items()
            },
            "worst": [
                {
                    "text": answer.statement.text,
                    "kind": answer.statement.kind,
                    "label": answer.statement.label,
                    "predicted": answer.predicted,
                    "probability": answer.probability,
                }
                for answer in self.worst(worst)
            ],
        }
