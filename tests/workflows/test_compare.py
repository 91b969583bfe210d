"""Which runs and which of their results are put side by side."""

from pathlib import Path

import pytest

from rnncli.data.dataset import Dataset
from rnncli.errors import RunError
from rnncli.evaluation.comparison import Comparison
from rnncli.runs.run import Run
from rnncli.workflows.compare import compare
from rnncli.workflows.evaluate import evaluate
from rnncli.workflows.stored_evaluations import stored_evaluation
from tests.runs.factories import make_dataset, make_run


def names_of(comparison: Comparison) -> list[str]:
    return [entry.run for entry in comparison.entries]


@pytest.fixture
def runs(runs_dir: Path, dataset: Dataset) -> dict[str, Run]:
    """Three evaluated runs, from worst to best, with settings that differ in two places."""
    made = {
        "poor": make_run(runs_dir, "poor", dataset, known_words=1, hidden_size=16),
        "middle": make_run(runs_dir, "middle", dataset, known_words=3, hidden_size=32),
        "best-one": make_run(runs_dir, "best-one", dataset, known_words=5, learning_rate=0.01),
    }
    for name in made:
        evaluate(name, runs_dir=runs_dir)
    return made


def test_all_runs_with_all_that_is_known_of_them(runs_dir: Path, runs: dict[str, Run]) -> None:
    comparison = compare(runs_dir=str(runs_dir))
    assert names_of(comparison) == ["best-one", "middle", "poor"]
    assert comparison.differing == ["hidden_size", "learning_rate"]
    poor, summary = comparison.entries[-1], runs["poor"].summary
    assert (poor.dataset, poor.fingerprint) == ("words", runs["poor"].dataset_fingerprint)
    assert (poor.settings["dataset"], poor.settings["hidden_size"]) == ("words", 16)
    assert (poor.parameters, poor.train_seconds) == (summary["parameters"], summary["train_seconds"])
    assert (poor.val_accuracy, poor.val_loss) == (summary["val_accuracy"], summary["val_loss"])
    assert poor.model_bytes == sum(path.stat().st_size for path in runs["poor"].model_dir.iterdir())
    assert poor.evaluation == stored_evaluation(runs["poor"], "words", "test")


@pytest.mark.usefixtures("runs")
def test_only_the_runs_named_each_once(runs_dir: Path) -> None:
    comparison = compare(["poor", "middle", str(runs_dir / "poor")], runs_dir=runs_dir)
    assert names_of(comparison) == ["middle", "poor"]
    assert comparison.differing == ["hidden_size"]


def test_what_is_not_read_may_be_missing(runs_dir: Path, runs: dict[str, Run]) -> None:
    runs["poor"].history_path.unlink()
    assert len(compare(runs_dir=runs_dir).entries) == 3
    (runs["poor"].model_dir / "tokenizer.json").unlink()
    with pytest.raises(RunError, match=r"poor/model/tokenizer\.json: it is missing"):
        compare(runs_dir=runs_dir)


@pytest.mark.usefixtures("runs")
def test_other_splits_have_their_own_figures(runs_dir: Path) -> None:
    evaluate("poor", runs_dir=runs_dir, split="validation")
    comparison = compare(runs_dir=runs_dir, split="validation")
    assert comparison.not_evaluated == ["best-one", "middle"]
    assert comparison.best.evaluation.examples == 53


@pytest.mark.usefixtures("runs")
def test_runs_on_one_of_several_datasets(runs_dir: Path) -> None:
    make_run(runs_dir, "stranger", make_dataset(runs_dir, "other", seed=1))
    evaluate("stranger", runs_dir=runs_dir)
    with pytest.raises(RunError, match=r"^runs that were evaluated on different data do not compare: "):
        compare(runs_dir=runs_dir)
    assert names_of(compare(runs_dir=runs_dir, dataset="other")) == ["stranger"]
    assert names_of(compare(runs_dir=runs_dir, dataset="words")) == ["best-one", "middle", "poor"]


@pytest.mark.usefixtures("runs")
def test_the_same_texts_in_another_vocabulary_are_the_same_data(runs_dir: Path) -> None:
    make_run(runs_dir, "tiny", make_dataset(runs_dir, "small", vocab_size=30))
    evaluate("tiny", runs_dir=runs_dir)
    comparison = compare(["best-one", "tiny"], runs_dir=runs_dir)
    assert comparison.differing[0] == "dataset"
    assert comparison.entries[1].against_best is not None


@pytest.mark.usefixtures("dataset")
def test_no_runs(runs_dir: Path) -> None:
    with pytest.raises(RunError, match=r"^no finished run"):
        compare(runs_dir=runs_dir)
