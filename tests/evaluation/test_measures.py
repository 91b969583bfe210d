"""All figures together, and as JSON."""

import json

import numpy as np
import pytest

from rnncli.evaluation import metrics
from rnncli.evaluation.measures import Evaluation, Subject, measure
from rnncli.system.files import to_json
from tests.evaluation.test_metrics import random_predictions

SUBJECT = Subject(
    run="gru-1", model="a" * 64, dataset="words", fingerprint="b" * 64, split="test", texts_sha256="c" * 64
)

TAGS = ("distance", "order", "plain")


def random_evaluation(num_classes: int, num_examples: int = 503) -> Evaluation:
    probabilities, labels = random_predictions(num_examples, num_classes, seed=num_classes)
    tags = np.array(TAGS)[np.random.default_rng(1).integers(0, 3, num_examples)]
    return measure(
        SUBJECT,
        probabilities,
        labels,
        label_names=[f"class {number}" for number in range(num_classes)],
        tags=tags,
        seconds=1.5,
    )


@pytest.mark.parametrize("num_classes", [2, 3])
def test_every_figure_is_that_of_its_function(num_classes: int) -> None:
    probabilities, labels = random_predictions(503, num_classes, seed=num_classes)
    found = random_evaluation(num_classes)
    hits = int((probabilities.argmax(axis=1) == labels).sum())
    assert found.examples == 503
    assert found.accuracy == hits / 503
    assert found.accuracy_interval == metrics.wilson_interval(hits, 503)
    assert found.loss == metrics.log_loss(probabilities, labels)
    assert found.brier == metrics.brier_score(probabilities, labels)
    assert sum(map(sum, found.confusion)) == 503
    assert sum(found.confusion[i][i] for i in range(num_classes)) == hits == found.correct.sum()
    assert found.macro_f1 == pytest.approx(np.mean([score.f1 for score in found.per_class.values()]))
    assert list(found.per_class) == list(found.labels)
    assert sum(b["examples"] for b in found.calibration) == 503
    assert found.seconds == 1.5
    area = metrics.roc_auc(labels, probabilities[:, 1]) if num_classes == 2 else None
    assert found.roc_auc == area


def test_tags_split_the_examples() -> None:
    probabilities, labels = random_predictions(503, 2, seed=2)
    correct = probabilities.argmax(axis=1) == labels
    tags = np.random.default_rng(1).integers(0, 3, 503)
    found = random_evaluation(2).tags
    assert tuple(found) == TAGS
    for index, scores in enumerate(found.values()):
        assert scores.examples == (tags == index).sum()
        assert scores.accuracy == pytest.approx(correct[tags == index].mean())
        low, high = scores.accuracy_interval
        assert low < scores.accuracy < high


@pytest.mark.parametrize("label", [0, 1])
def test_one_example(label: int) -> None:
    found = measure(SUBJECT, np.array([[0.3, 0.7]]), np.array([label]), label_names=("neg", "pos"))
    assert (found.accuracy, found.macro_f1, found.roc_auc, found.tags) == (label, label, None, {})
    assert found.ece == pytest.approx(0.3 if label else 0.7)
    assert found.accuracy_interval == metrics.wilson_interval(label, 1)


def test_json_has_the_documented_keys() -> None:
    values = json.loads(to_json(random_evaluation(2).to_dict()))
    documented = "run dataset split examples accuracy loss macro_f1 ece per_class confusion seconds tags"
    assert {*documented.split(), "labels", "format_version", "fingerprint", "roc_auc"} <= values.keys()
    assert "arrays" not in values
    assert values["run"] == "gru-1"
    assert values["per_class"]["class 1"].keys() == {"precision", "recall", "f1", "support", "predicted"}
