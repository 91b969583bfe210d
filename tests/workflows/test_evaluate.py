"""Scoring prepared splits with models whose accuracy is known."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest

from rnncli.data.dataset import Dataset, resolve_dataset
from rnncli.data.prepare import prepare
from rnncli.errors import DataError, RunError
from rnncli.inference.model_folder import load_model
from rnncli.inference.predictions import Scorer
from rnncli.settings.prepare import PrepareSettings
from rnncli.workflows import evaluate
from tests.runs.factories import SPLIT_SIZES, WordSource, make_dataset, make_run


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_a_model_is_right_where_it_should_be(runs_dir: Path, dataset: Dataset, split: str) -> None:
    run = make_run(runs_dir, "bow-1", dataset)
    found = evaluate.evaluate_run(run, dataset, split, batch_size=64).evaluation
    assert found.examples == SPLIT_SIZES[split]
    assert found.tags["plain"].accuracy == 1
    assert found.tags["noisy"].accuracy == 0
    assert found.tags["plain"].examples / found.examples == found.accuracy
    assert found.subject.texts_sha256 == dataset.manifest.splits[split].texts_sha256
    assert found.subject.fingerprint == dataset.fingerprint
    assert evaluate.stored_evaluation(run, "words", split) == found


def test_three_classes_without_tags(runs_dir: Path) -> None:
    dataset = make_dataset(runs_dir, label_names=("a", "b", "c"), tagged=False, noise=0.0)
    run = make_run(runs_dir, "bow-1", dataset)
    evaluated = evaluate.evaluate_run(run, dataset, "test", batch_size=64)
    assert evaluated.evaluation.accuracy == 1
    assert evaluated.evaluation.tags == {}
    assert evaluated.tags is None
    assert evaluated.evaluation.roc_auc is None


def test_results_are_in_the_order_of_the_split_whatever_the_batches(runs_dir: Path, dataset: Dataset) -> None:
    run = make_run(runs_dir, "bow-1", dataset)
    model, split = load_model(run.model_dir), dataset.split("test")
    whole = evaluate.score_split(model, split, batch_size=1000)
    for batch_size in (1, 13, 307):
        part = evaluate.score_split(model, split, batch_size=batch_size)
        np.testing.assert_allclose(part, whole, rtol=0, atol=1e-9)
    for index in (0, 100, 306):
        alone = Scorer(model)([split[index]])
        np.testing.assert_allclose(whole[index], alone[0], rtol=0, atol=1e-9)


def test_longest_texts_come_first(runs_dir: Path, dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(runs_dir, "bow-1", dataset)
    lengths: list[int] = []

    class Spy(Scorer):
        def __call__(self, token_ids):  # noqa: ANN001, ANN204
            lengths.extend(len(ids) for ids in token_ids)
            return super().__call__(token_ids)

    monkeypatch.setattr(evaluate, "Scorer", Spy)
    evaluate.evaluate_run(run, dataset, "test", batch_size=16)
    assert len(lengths) == 307
    assert lengths == sorted(lengths, reverse=True)


def test_progress_counts_up_to_all(runs_dir: Path, dataset: Dataset) -> None:
    run = make_run(runs_dir, "bow-1", dataset)
    seen: list[tuple[int, int]] = []
    evaluate.evaluate_run(
        run, dataset, "test", batch_size=100, progress=lambda *position: seen.append(position)
    )
    assert seen == [(100, 307), (200, 307), (300, 307), (307, 307)]


def test_predictions_that_are_not_finite_are_an_error(
    runs_dir: Path, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(runs_dir, "bow-1", dataset)

    class Broken(Scorer):
        def __call__(self, token_ids):  # noqa: ANN001, ANN204
            probabilities = super().__call__(token_ids)
            probabilities[0] = np.nan
            return probabilities

    monkeypatch.setattr(evaluate, "Scorer", Broken)
    with pytest.raises(RunError, match="run 'bow-1': 4 of 307 predictions are not finite numbers"):
        evaluate.evaluate_run(run, dataset, "test", batch_size=100)
    assert evaluate.stored_evaluation(run, "words", "test") is None


def test_the_default_dataset_is_the_one_trained_on(runs_dir: Path, dataset: Dataset) -> None:
    run = make_run(runs_dir, "bow-1", dataset)
    make_dataset(runs_dir, "newer", seed=9)
    assert evaluate.dataset_for(run, runs_dir, None).manifest.name == "words"
    assert evaluate.dataset_for(run, runs_dir, "newer").manifest.name == "newer"


def test_a_dataset_prepared_anew_is_not_taken_for_the_old_one(runs_dir: Path, dataset: Dataset) -> None:
    run = make_run(runs_dir, "bow-1", dataset)
    other = make_dataset(runs_dir, "words", seed=1)
    expected = (
        rf"^dataset 'words' \({other.fingerprint[:8]}\) is not the one that run 'bow-1' was "
        rf"trained on \({dataset.fingerprint[:8]}\): .* or name the dataset with --dataset$"
    )
    with pytest.raises(DataError, match=expected):
        evaluate.dataset_for(run, runs_dir, None)
    assert evaluate.dataset_for(run, runs_dir, "words").manifest == other.manifest


def test_a_dataset_that_is_gone_is_named(runs_dir: Path, dataset: Dataset) -> None:
    run = make_run(runs_dir, "bow-1", dataset)
    shutil.rmtree(dataset.path)
    expected = r"^run 'bow-1' was trained on 'words': no prepared dataset 'words'.*with --dataset$"
    with pytest.raises(DataError, match=expected):
        evaluate.dataset_for(run, runs_dir, None)


def test_other_test_texts_with_the_same_vocabulary_are_fine(runs_dir: Path, dataset: Dataset) -> None:
    class OtherTest(WordSource):
        def read(self, store, report):  # noqa: ANN001, ANN202
            old, new = super().read(store, report), WordSource(seed=5).read(store, report)
            return {**old, "test": new["validation"]}

    other = prepare(OtherTest(), dataset.manifest.config, runs_dir=runs_dir, name="other")
    assert other.fingerprint != dataset.fingerprint
    run = make_run(runs_dir, "bow-1", dataset)
    found = evaluate.evaluate_run(run, other, "test", batch_size=64).evaluation
    assert found.examples == SPLIT_SIZES["validation"]
    assert found.tags["plain"].accuracy == 1


@pytest.mark.parametrize(
    ("source", "config", "message"),
    [
        ({"label_names": ("bad", "good")}, {}, "its labels are bad, good, the run's are neg, pos"),
        ({"label_names": ("neg", "neutral", "pos")}, {}, "its labels are neg, neutral, pos, the run's are"),
        ({"seed": 3}, {}, "it was encoded with another vocabulary; score its texts with 'rnncli predict"),
        ({}, {"vocab_size": 20}, "it was encoded with another vocabulary"),
        ({}, {"max_length": 7}, r"its texts are cut to 7 tokens \(end\), the run's to 31 \(end\); score"),
        ({}, {"keep": "start"}, r"its texts are cut to 31 tokens \(start\), the run's to 31"),
    ],
)
def test_data_that_means_something_else_is_refused(
    runs_dir: Path, dataset: Dataset, source: dict, config: dict, message: str
) -> None:
    run = make_run(runs_dir, "bow-1", dataset)
    settings = dataclasses.replace(dataset.manifest.config, **config)
    other = prepare(WordSource(**source), settings, runs_dir=runs_dir, name="other")
    with pytest.raises(DataError, match=rf"^dataset 'other' does not fit run 'bow-1': {message}"):
        evaluate.evaluate_run(run, other, "test", batch_size=64)


def test_the_unlabelled_split_cannot_be_evaluated(runs_dir: Path) -> None:
    class WithUnlabelled(WordSource):
        def read(self, store, report):  # noqa: ANN001, ANN202
            splits = super().read(store, report)
            return {**splits, "unlabelled": dataclasses.replace(splits["test"], labels=None)}

    dataset = prepare(WithUnlabelled(), PrepareSettings(), runs_dir=runs_dir, name="words")
    run = make_run(runs_dir, "bow-1", dataset)
    with pytest.raises(DataError, match="dataset 'words' has no labelled examples in split 'unlabelled'"):
        evaluate.evaluate_run(run, dataset, "unlabelled", batch_size=64)


def test_compare_with_evaluates_a_rival_that_has_not_been(runs_dir: Path, dataset: Dataset) -> None:
    run, rival = make_run(runs_dir, "a", dataset, known_words=3), make_run(runs_dir, "b", dataset)
    evaluated = evaluate.evaluate_run(run, dataset, "test", batch_size=64)
    first, test = evaluate.compare_with(evaluated, rival, dataset, batch_size=64)
    assert first.subject.run == "b"
    assert test.difference == pytest.approx(evaluated.evaluation.accuracy - first.accuracy)
    assert test.difference < 0
    assert test.p_value < 0.001
    stored = evaluate.stored_evaluation(rival, "words", "test")
    assert stored == first

    again = evaluate.compare_with(
        evaluated, rival, dataset, batch_size=64, progress=lambda *_: pytest.fail("scored again")
    )
    assert again == (first, test)


def test_compare_with_pairs_runs_of_different_vocabularies(runs_dir: Path, dataset: Dataset) -> None:
    small = make_dataset(runs_dir, "small", vocab_size=30)
    assert small.tokenizer.vocab_size < dataset.tokenizer.vocab_size
    run, rival = make_run(runs_dir, "a", dataset), make_run(runs_dir, "b", small)
    evaluated = evaluate.evaluate_run(run, dataset, "test", batch_size=64)
    _, test = evaluate.compare_with(evaluated, rival, small, batch_size=64)
    assert test.only_first >= test.only_second


def test_compare_with_refuses_other_texts(runs_dir: Path, dataset: Dataset) -> None:
    other = make_dataset(runs_dir, "other", seed=1)
    run, rival = make_run(runs_dir, "a", dataset), make_run(runs_dir, "b", other)
    evaluated = evaluate.evaluate_run(run, dataset, "test", batch_size=64)
    with pytest.raises(DataError, match=r"'b' cannot be compared on words/test \(texts [0-9a-f]{8}\): its"):
        evaluate.compare_with(evaluated, rival, resolve_dataset(runs_dir, "other"), batch_size=64)
