"""Models side by side, as figures alone."""

import dataclasses
import json

import numpy as np
import pytest

from rnncli.errors import RunError
from rnncli.evaluation.comparison import Comparison, Entry, side_by_side
from rnncli.evaluation.measures import Evaluation, measure
from rnncli.evaluation.significance import holm, paired_test
from rnncli.settings.choices import SortKey
from rnncli.system.files import to_json
from tests.evaluation.test_measures import SUBJECT

EXAMPLES = 499
LABELS = np.random.default_rng(0).integers(0, 2, EXAMPLES)


def evaluation(run: str, accuracy: float, *, sure: float = 0.9, **subject: str) -> Evaluation:
    """Figures of a model that is right with the probability `accuracy`, always as `sure`."""
    random = np.random.default_rng(list(run.encode()))
    predicted = np.where(random.random(EXAMPLES) < accuracy, LABELS, 1 - LABELS)
    probabilities = np.where(np.eye(2)[predicted] == 1, sure, 1 - sure)
    subject_of = dataclasses.replace(SUBJECT, run=run, **subject)
    return measure(subject_of, probabilities, LABELS, label_names=("neg", "pos"))


def entry(run: str, accuracy: float | None = None, **values: object) -> Entry:
    """A run with an evaluation, unless its accuracy is None; `values` replace those of its training."""
    subject = {key: values.pop(key) for key in ("texts_sha256", "dataset") & values.keys()}
    found = None if accuracy is None else evaluation(run, accuracy, **subject)
    made = Entry(
        run=run,
        dataset="words",
        fingerprint="f" * 64,
        settings={"dataset": "words", "hidden_size": 64, "arch": "gru"},
        parameters=1009,
        train_seconds=61.5,
        model_bytes=4001,
        val_accuracy=0.75,
        val_loss=0.5,
        evaluation=found,
    )
    return dataclasses.replace(made, **values)


def compare(*entries: Entry, sort: SortKey = "accuracy") -> Comparison:
    return side_by_side(entries, split="test", sort=sort)


def names_of(comparison: Comparison) -> list[str]:
    return [each.run for each in comparison.entries]


POOR, MIDDLE, BEST = entry("poor", 0.6), entry("middle", 0.8), entry("best-one", 0.95)


def test_each_is_tested_against_the_most_accurate() -> None:
    comparison = compare(POOR, entry("fresh"), MIDDLE, BEST)
    assert names_of(comparison) == ["best-one", "middle", "poor", "fresh"]
    best, middle, poor, fresh = comparison.entries
    assert comparison.best is best
    assert best.against_best is None
    assert fresh.against_best is None
    assert comparison.not_evaluated == ["fresh"]
    assert middle.against_best == paired_test(MIDDLE.evaluation.correct, BEST.evaluation.correct)
    assert poor.against_best == paired_test(POOR.evaluation.correct, BEST.evaluation.correct)
    assert [middle.adjusted_p, poor.adjusted_p] == holm(
        [middle.against_best.p_value, poor.against_best.p_value]
    )
    assert poor.against_best.difference < middle.against_best.difference < 0


def test_of_equals_the_first_is_best_even_of_one_name() -> None:
    first, second = compare(BEST, dataclasses.replace(BEST, parameters=7)).entries
    assert first.against_best is None
    assert (second.parameters, second.against_best.difference, second.adjusted_p) == (7, 0.0, 1.0)


def test_settings_that_differ_are_listed_in_their_order() -> None:
    other = entry("other", settings={"dataset": "words", "hidden_size": 32, "arch": "lstm"})
    assert compare(POOR, other).differing == ["hidden_size", "arch"]
    assert compare(POOR).differing == []


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("accuracy", ["sure", "right", "small", "fresh"]),
        ("loss", ["right", "small", "sure", "fresh"]),
        ("parameters", ["small", "right", "fresh", "sure"]),
        ("time", ["right", "sure", "small", "fresh"]),
        ("size", ["sure", "right", "small", "fresh"]),
        ("name", ["fresh", "right", "small", "sure"]),
    ],
)
def test_the_order(sort: SortKey, expected: list[str]) -> None:
    entries = [
        entry("right", 0.8, parameters=5, train_seconds=1.0, model_bytes=11),
        entry("sure", 0.9, parameters=13, train_seconds=2.0, model_bytes=7),
        entry("small", 0.7, parameters=3, train_seconds=3.0, model_bytes=13),
        entry("fresh", parameters=11, train_seconds=5.0, model_bytes=17, val_accuracy=1.0, val_loss=0.0),
    ]
    sure = evaluation("sure", 0.9, sure=1 - 1e-7)  # whose mistakes cost much
    entries[1] = dataclasses.replace(entries[1], evaluation=sure)
    assert names_of(compare(*entries, sort=sort)) == expected


def test_without_any_evaluation_figures_of_training_stand_in() -> None:
    comparison = compare(entry("a", val_accuracy=0.5), entry("b", val_accuracy=0.75))
    assert comparison.best is None
    assert names_of(comparison) == comparison.not_evaluated == ["b", "a"]


def test_different_data_is_refused_and_named() -> None:
    stranger = entry("stranger", 0.7, texts_sha256="d" * 64, dataset="other")
    expected = (
        r"^runs that were evaluated on different data do not compare: poor, middle on words/test "
        r"\(texts cccccccc\); stranger on other/test \(texts dddddddd\): name runs of one of them"
    )
    with pytest.raises(RunError, match=expected):
        compare(POOR, MIDDLE, stranger)


def test_different_training_data_is_refused_where_nothing_is_evaluated() -> None:
    expected = r"trained on different data do not compare: a on words \(fingerprint ffffffff\); b on words"
    with pytest.raises(RunError, match=expected):
        compare(entry("a"), entry("b", fingerprint="e" * 64))


def test_json() -> None:
    other = dataclasses.replace(BEST, settings={**BEST.settings, "hidden_size": 32})
    values = json.loads(to_json(compare(POOR, MIDDLE, other, entry("fresh")).to_dict()))
    assert values["format_version"] == 1
    assert (values["split"], values["best"], values["not_evaluated"]) == ("test", "best-one", ["fresh"])
    assert values["texts_sha256"] == SUBJECT.texts_sha256
    best, middle, _, fresh = values["runs"]
    assert best["accuracy"] == BEST.evaluation.accuracy
    assert best["accuracy_interval"] == list(BEST.evaluation.accuracy_interval)
    assert best["settings"] == {"hidden_size": 32}
    assert best["against_best"] is None
    assert middle["against_best"].keys() == {
        *("difference", "interval", "only_first", "only_second", "p_value", "adjusted_p_value")
    }
    assert (fresh["accuracy"], fresh["val_accuracy"]) == (None, 0.75)
