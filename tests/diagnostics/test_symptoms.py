import math
from typing import Any

import numpy as np
import pytest

from rnncli.data.dataset import Manifest, SplitStatistics
from rnncli.diagnostics import symptoms
from rnncli.evaluation.measures import Evaluation, Subject, measure
from rnncli.settings.prepare import PrepareSettings

EVEN = {"bad": 50, "good": 50}
LOPSIDED = {"bad": 90, "good": 10}
CHANCE = math.log(2)


def epochs(*figures: tuple[float, float], train_accuracy: float = 0.5) -> list[dict[str, Any]]:
    """History lines from pairs of validation accuracy and loss."""
    return [
        {"val_accuracy": accuracy, "val_loss": loss, "train_accuracy": train_accuracy}
        for accuracy, loss in figures
    ]


def of_training(
    history: list[dict[str, Any]], validation: dict[str, int] = EVEN, **options: Any
) -> list[str]:
    return symptoms.of_training(
        history, EVEN, validation, **{"balanced": False, "only_label": None} | options
    )


def test_blind_answers_by_hand() -> None:
    assert symptoms.most_frequent({"a": 1, "b": 3}) == ("b", 0.75)
    loss = symptoms.blind_loss({"a": 3, "b": 1}, {"a": 1, "b": 3})
    assert loss == pytest.approx(-0.25 * math.log(0.75) - 0.75 * math.log(0.25))
    assert symptoms.blind_loss({"a": 1}, {"a": 1, "b": 1}) == math.inf
    assert symptoms.blind_loss({"a": 1, "b": 1}, {"a": 7, "b": 0}) == pytest.approx(math.log(2))


def test_a_run_that_learns_has_no_symptom() -> None:
    assert of_training(epochs((0.6, 0.65), (0.8, 0.5), (0.8, 0.6))) == []
    assert of_training(epochs((0.6, 0.65))) == []
    assert of_training(epochs((1.0, 0.1), (1.0, 0.2))) == []


@pytest.mark.parametrize(
    ("figures", "train_accuracy", "cause"),
    [
        (((0.5, 0.69), (0.49, 0.68)), 0.51, "not learned either: try another --learning-rate"),
        (((0.55, CHANCE), (0.6, 0.8)), 0.99, "by heart: get more texts"),
    ],
)
def test_no_better_than_a_guess(
    figures: tuple[tuple[float, float], ...], train_accuracy: float, cause: str
) -> None:
    history = epochs(*figures, train_accuracy=train_accuracy)
    (found,) = of_training(history)
    assert "no epoch was better on the validation split than answering 'bad' always" in found
    assert "(accuracy 50.00%, loss 0.6931)" in found
    assert cause in found
    assert of_training(history, balanced=True) == [], "weights make the guess another yardstick"


def test_a_single_label() -> None:
    history = epochs((0.9, 0.3), (0.9, 0.3))
    (found,) = of_training(history, LOPSIDED, only_label="bad")
    assert found.startswith("every validation text is labelled 'bad': 90% of them are 'bad'")
    assert "--class-weights balanced" in found
    (found,) = of_training(history, LOPSIDED, only_label="bad", balanced=True)
    assert "--class-weights" not in found
    assert of_training(history, {"bad": 7, "good": 0}, only_label="bad") == []


def test_best_after_the_first_epoch() -> None:
    (found,) = of_training(epochs((0.8, 0.5), (0.8, 0.6), (0.7, 0.7)))
    assert found.startswith("validation was best after epoch 1 of 3 and never got better")
    assert of_training(epochs((0.8, 0.5), (0.7, 0.4))) == []


def manifest(**unknown: float) -> Manifest:
    def statistics(share: float) -> SplitStatistics:
        return SplitStatistics(7, 0, {"a": 7}, {}, {}, 0.0, share, 0, 0, "")

    splits = {name: statistics(share) for name, share in unknown.items()}
    return Manifest("d", "s", ("a",), (), 11, PrepareSettings(), splits, {})


def test_data_of_unknown_words() -> None:
    assert symptoms.of_data(manifest(train=0.3, validation=0.5)) == []
    (found,) = symptoms.of_data(manifest(train=0.62, validation=0.9))
    assert "62% of the training split's tokens are not in the vocabulary of 11 words" in found
    assert "--vocab-size" in found
    (found,) = symptoms.of_data(manifest(train=0.1, validation=0.1, test=0.9))
    assert found.startswith("90% of the test split's tokens are not in the vocabulary")


def test_texts_of_unknown_words() -> None:
    assert symptoms.of_texts(0, 0) == symptoms.of_texts(0, 3) == symptoms.of_texts(4, 8) == []
    (found,) = symptoms.of_texts(1234, 1300)
    assert found.startswith("1,234 of 1,300 texts hold no word of the vocabulary")


def evaluation(labels: list[int], predicted: list[int]) -> Evaluation:
    subject = Subject("run", "", "data", "", "test", "")
    return measure(subject, np.eye(2)[predicted] * 0.8 + 0.1, np.array(labels), label_names=("bad", "good"))


def test_evaluations() -> None:
    assert symptoms.of_evaluation(evaluation([0, 1, 1, 0], [0, 1, 1, 1])) == []
    (found,) = symptoms.of_evaluation(evaluation([0, 1, 0, 0], [0, 0, 0, 0]))
    assert found.startswith("every text of the test split is labelled 'bad': 75% of them are 'bad'")
    (found,) = symptoms.of_evaluation(evaluation([0, 1, 1, 0], [1, 1, 0, 0]))
    assert found.startswith("accuracy 0.5000 is no better than answering 'bad' always (0.5000)")
    assert symptoms.of_evaluation(evaluation([1, 1], [1, 1])) == [], "a split of one class says nothing"
    assert symptoms.of_evaluation(evaluation([1, 1], [0, 1])) == []
