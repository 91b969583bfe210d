"""Scoring prepared splits with models whose accuracy is known."""

import dataclasses
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from rnncli.data.dataset import Dataset
from rnncli.errors import DataError
from rnncli.inference.averaged_model import load_model
from rnncli.inference.predictions import Predictor
from rnncli.settings.prepare import PrepareSettings
from rnncli.system.progress import Progress, no_report
from rnncli.workflows import evaluate as workflow
from rnncli.workflows.evaluate import evaluate, rival_evaluation, score_and_measure
from rnncli.workflows.stored_evaluations import stored_evaluation
from tests.factories import prepared
from tests.runs.factories import SPLIT_SIZES, make_dataset, make_run, word_splits


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_a_model_is_right_where_it_should_be(runs_dir: Path, dataset: Dataset, split: str) -> None:
    run = make_run(runs_dir, "bow-1", dataset)
    found = evaluate(runs_dir=str(runs_dir), split=split)
    assert found.examples == SPLIT_SIZES[split]
    assert found.tags["plain"].accuracy == 1
    assert found.tags["noisy"].accuracy == 0
    assert found.tags["plain"].examples / found.examples == found.accuracy
    assert found.subject.texts_sha256 == dataset.manifest.splits[split].texts_sha256
    assert found.subject.fingerprint == dataset.fingerprint
    assert (found.requirements, found.warnings, found.failure) == ([], [], None)
    stored = stored_evaluation(run, "words", split)
    assert {**stored.to_dict(), "gates": [], "warnings": []} == found.to_dict()
    assert stored.correct.tolist() == found.correct.tolist()


def test_three_classes_without_tags(runs_dir: Path) -> None:
    dataset = make_dataset(runs_dir, label_names=("a", "b", "c"), tagged=False, noise=0.0)
    run = make_run(runs_dir, "bow-1", dataset)
    found = evaluate(runs_dir=runs_dir)
    assert found.accuracy == 1
    assert found.tags == {}
    assert found.roc_auc is None
    stored = stored_evaluation(run, "words", "test")
    assert (stored.accuracy, stored.tags) == (1, {})


def test_results_are_in_the_order_of_the_split_whatever_the_batches(
    runs_dir: Path, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the longest texts come first, so that what does not fit into memory fails at once."""
    model, split = load_model(make_run(runs_dir, "bow-1", dataset).model_dir), dataset.split("test")
    lengths: list[int] = []

    class Spy(Predictor):
        def logits(self, token_ids: Sequence[np.ndarray]) -> np.ndarray:
            lengths.extend(map(len, token_ids))
            return super().logits(token_ids)

    monkeypatch.setattr(workflow, "Predictor", Spy)
    alone = [Predictor(model).logits([split[index]])[0] for index in range(307)]
    for batch_size in (13, 307):
        found = workflow.score(model, split, batch_size=batch_size, report=no_report, stage="Scoring")
        np.testing.assert_allclose(found, alone, rtol=0, atol=1e-9)
        assert lengths == sorted(split.lengths, reverse=True)
        lengths.clear()


def test_progress_counts_up_to_all(runs_dir: Path, dataset: Dataset) -> None:
    make_run(runs_dir, "bow-1", dataset)
    seen: list[Progress] = []
    evaluate(runs_dir=runs_dir, batch_size=100, report=seen.append)
    assert seen == [Progress("Scoring test with bow-1", done, 307) for done in (100, 200, 300, 307)]


def test_the_dataset_trained_on_is_the_default_while_it_is_the_same(runs_dir: Path, dataset: Dataset) -> None:
    run = make_run(runs_dir, "bow-1", dataset)
    make_dataset(runs_dir, "newer", seed=9)
    assert workflow.dataset_for(run, runs_dir, None).manifest.name == "words"
    assert workflow.dataset_for(run, runs_dir, "newer").manifest.name == "newer"
    other = make_dataset(runs_dir, "words", seed=1)
    expected = (
        rf"^dataset 'words' \({other.fingerprint[:8]}\) is not the one that run 'bow-1' was "
        rf"trained on \({dataset.fingerprint[:8]}\): .* or name the dataset with --dataset$"
    )
    with pytest.raises(DataError, match=expected):
        workflow.dataset_for(run, runs_dir, None)
    assert workflow.dataset_for(run, runs_dir, "words").manifest == other.manifest
    shutil.rmtree(dataset.path)
    expected = r"^run 'bow-1' was trained on 'words': no prepared dataset 'words'.*with --dataset$"
    with pytest.raises(DataError, match=expected):
        workflow.dataset_for(run, runs_dir, None)


def test_other_test_texts_with_the_same_vocabulary_are_fine(runs_dir: Path, dataset: Dataset) -> None:
    splits = {**word_splits(), "test": word_splits(seed=5)["validation"]}
    prepared(splits, dataset.manifest.config, runs_dir=runs_dir, name="other")
    make_run(runs_dir, "bow-1", dataset)
    found = evaluate(runs_dir=runs_dir, dataset="other")
    assert found.examples == SPLIT_SIZES["validation"]
    assert found.tags["plain"].accuracy == 1


@pytest.mark.parametrize(
    ("source", "config", "message"),
    [
        ({"label_names": ("bad", "good")}, {}, "its labels are bad, good, the run's are neg, pos"),
        ({"seed": 3}, {}, "it was encoded with another vocabulary; score its texts with 'rnncli predict"),
        ({}, {"max_length": 7}, r"its texts are cut to 7 tokens \(end\), the run's to 31 tokens \(end\)"),
        ({}, {"keep": "start"}, r"its texts are cut to 31 tokens \(start\), the run's to 31"),
    ],
)
def test_data_that_means_something_else_is_refused(
    runs_dir: Path, dataset: Dataset, source: dict, config: dict, message: str
) -> None:
    make_run(runs_dir, "bow-1", dataset)
    settings = dataclasses.replace(dataset.manifest.config, **config)
    prepared(word_splits(**source), settings, runs_dir=runs_dir, name="other")
    with pytest.raises(DataError, match=rf"^dataset 'other' does not fit run 'bow-1': {message}"):
        evaluate(runs_dir=runs_dir, dataset="other")


def test_the_unlabelled_split_cannot_be_evaluated(runs_dir: Path) -> None:
    splits = word_splits()
    splits["unlabelled"] = dataclasses.replace(splits["test"], labels=None)
    dataset = prepared(splits, PrepareSettings(), runs_dir=runs_dir, name="words")
    make_run(runs_dir, "bow-1", dataset)
    with pytest.raises(DataError, match="dataset 'words' has no labelled examples in split 'unlabelled'"):
        evaluate(runs_dir=runs_dir, split="unlabelled")


def test_a_rival_is_scored_where_it_has_not_been_and_nothing_is_written_into_it(
    runs_dir: Path, dataset: Dataset
) -> None:
    run, rival = make_run(runs_dir, "a", dataset, known_words=3), make_run(runs_dir, "b", dataset)
    found = score_and_measure(run, dataset, "test", batch_size=64, report=no_report)
    before = {path: path.read_bytes() for path in rival.path.rglob("*") if path.is_file()}
    fresh = rival_evaluation(found, rival, dataset, batch_size=64, report=no_report)
    assert (fresh.subject.run, fresh.accuracy > found.accuracy) == ("b", True)
    assert {path: path.read_bytes() for path in rival.path.rglob("*") if path.is_file()} == before

    kept = evaluate("b", runs_dir=runs_dir)
    again = rival_evaluation(
        found, rival, dataset, batch_size=64, report=lambda _: pytest.fail("scored again")
    )
    assert again.to_dict().items() <= kept.to_dict().items()


def test_runs_of_different_vocabularies_are_compared(runs_dir: Path, dataset: Dataset) -> None:
    small = make_dataset(runs_dir, "small", vocab_size=30)
    assert small.tokenizer.vocab_size < dataset.tokenizer.vocab_size
    make_run(runs_dir, "a", dataset)
    make_run(runs_dir, "b", small)
    (required,) = evaluate("a", runs_dir=runs_dir, not_worse_than="b").requirements
    assert required.met


def test_a_rival_on_other_texts_is_refused(runs_dir: Path, dataset: Dataset) -> None:
    other = make_dataset(runs_dir, "other", seed=1)
    run, rival = make_run(runs_dir, "a", dataset), make_run(runs_dir, "b", other)
    found = score_and_measure(run, dataset, "test", batch_size=64, report=no_report)
    with pytest.raises(DataError, match=r"'b' cannot be compared on words/test \(texts [0-9a-f]{8}\): its"):
        rival_evaluation(found, rival, other, batch_size=64, report=no_report)
