"""Runs side by side."""

import json
import shutil
from pathlib import Path

import pytest

from rnncli.data.dataset import Dataset
from rnncli.errors import RunError
from rnncli.evaluation.significance import holm, paired_test
from rnncli.runs.run import Run
from rnncli.settings.choices import SortKey
from rnncli.system.files import to_json, write_json
from rnncli.workflows.compare import Comparison, compare_runs
from rnncli.workflows.evaluate import evaluate_run, stored_correct, stored_evaluation
from tests.factories import reseal
from tests.runs.factories import make_dataset, make_run


def compare(runs_dir: Path, *names: str, sort: SortKey = "accuracy", **options: str) -> Comparison:
    return compare_runs(runs_dir, names, split=options.pop("split", "test"), sort=sort, **options)


def names_of(comparison: Comparison) -> list[str]:
    return [entry.run.name for entry in comparison.entries]


@pytest.fixture
def runs(runs_dir: Path, dataset: Dataset) -> dict[str, Run]:
    """Three evaluated runs, from worst to best, with settings that differ in two places."""
    made = {
        "poor": make_run(runs_dir, "poor", dataset, known_words=1, hidden_size=16),
        "middle": make_run(runs_dir, "middle", dataset, known_words=3, hidden_size=32),
        "best-one": make_run(runs_dir, "best-one", dataset, known_words=5, learning_rate=0.01),
    }
    for run in made.values():
        evaluate_run(run, dataset, "test", batch_size=64)
    return made


@pytest.mark.usefixtures("runs")
def test_all_runs_sorted_by_accuracy(runs_dir: Path) -> None:
    comparison = compare(runs_dir)
    assert names_of(comparison) == ["best-one", "middle", "poor"]
    assert comparison.best is comparison.entries[0]
    assert comparison.differing == ["hidden_size", "learning_rate"]
    assert comparison.not_evaluated == []


@pytest.mark.usefixtures("runs")
def test_only_the_runs_named_each_once(runs_dir: Path) -> None:
    comparison = compare(runs_dir, "poor", "middle", str(runs_dir / "poor"))
    assert names_of(comparison) == ["middle", "poor"]
    assert comparison.differing == ["hidden_size"]


@pytest.mark.usefixtures("runs")
def test_one_run_alone(runs_dir: Path) -> None:
    comparison = compare(runs_dir, "poor")
    assert names_of(comparison) == ["poor"]
    assert comparison.differing == []
    assert comparison.entries[0].against_best is None


def test_each_is_tested_against_the_best(runs_dir: Path, runs: dict[str, Run]) -> None:
    best, middle, poor = compare(runs_dir).entries
    correct = {name: stored_correct(run, "words", "test") for name, run in runs.items()}
    assert best.against_best is None
    assert middle.against_best == paired_test(correct["middle"], correct["best-one"])
    assert poor.against_best == paired_test(correct["poor"], correct["best-one"])
    assert [middle.adjusted_p, poor.adjusted_p] == holm(
        [middle.against_best.p_value, poor.against_best.p_value]
    )
    assert poor.against_best.difference < middle.against_best.difference < 0


def test_equals_have_one_best(runs_dir: Path, dataset: Dataset) -> None:
    for name in ("b", "a"):
        evaluate_run(make_run(runs_dir, name, dataset), dataset, "test", batch_size=64)
    comparison = compare(runs_dir, sort="name")
    tests = {entry.run.name: entry.against_best for entry in comparison.entries}
    assert comparison.best.run.name == "b"  # the older of the two
    assert tests["b"] is None
    assert (tests["a"].difference, tests["a"].p_value) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("accuracy", ["best-one", "middle", "poor"]),
        ("loss", ["poor", "middle", "best-one"]),
        ("parameters", ["poor", "middle", "best-one"]),
        ("time", ["best-one", "poor", "middle"]),
        ("size", ["best-one", "middle", "poor"]),
        ("name", ["best-one", "middle", "poor"]),
    ],
)
def test_sort(runs_dir: Path, runs: dict[str, Run], sort: SortKey, expected: list[str]) -> None:
    for name, seconds in (("poor", 20), ("middle", 300), ("best-one", 1)):
        edit(runs[name].summary_path, train_seconds=seconds)
    for name, padding in (("poor", 300), ("middle", 200), ("best-one", 0)):
        (runs[name].model_dir / "more").write_bytes(bytes(padding))
    assert names_of(compare(runs_dir, sort=sort)) == expected


def edit(path: Path, **values: object) -> None:
    write_json(path, {**json.loads(path.read_text()), **values})
    reseal(path.parent)


def test_size_counts_all_files_of_the_model(runs_dir: Path, runs: dict[str, Run]) -> None:
    (entry,) = compare(runs_dir, "poor").entries
    assert entry.model_bytes == sum(path.stat().st_size for path in runs["poor"].model_dir.iterdir())
    assert entry.model_bytes > 1000


@pytest.mark.usefixtures("runs")
def test_runs_without_evaluation_come_last_and_are_listed(runs_dir: Path, dataset: Dataset) -> None:
    make_run(runs_dir, "fresh", dataset)
    comparison = compare(runs_dir)
    assert names_of(comparison) == ["best-one", "middle", "poor", "fresh"]
    assert comparison.not_evaluated == ["fresh"]
    assert comparison.entries[-1].against_best is None
    assert comparison.best.run.name == "best-one"


def test_an_evaluation_of_another_model_does_not_count(runs_dir: Path, runs: dict[str, Run]) -> None:
    shutil.rmtree(runs["middle"].model_dir)
    shutil.copytree(runs["poor"].model_dir, runs["middle"].model_dir)
    with pytest.raises(RunError, match=r"middle/model/\S+: its SHA-256 differs"):
        compare(runs_dir)
    reseal(runs["middle"].path)
    assert compare(runs_dir).not_evaluated == ["middle"]


def test_other_splits_have_their_own_figures(runs_dir: Path, dataset: Dataset, runs: dict[str, Run]) -> None:
    evaluate_run(runs["poor"], dataset, "validation", batch_size=64)
    comparison = compare(runs_dir, split="validation")
    assert comparison.not_evaluated == ["best-one", "middle"]
    assert comparison.best.evaluation.examples == 53


def test_without_any_evaluation_validation_figures_of_training_stand_in(
    runs_dir: Path, dataset: Dataset
) -> None:
    for name, known in (("a", 1), ("b", 5)):
        make_run(runs_dir, name, dataset, known_words=known)
    comparison = compare(runs_dir)
    assert comparison.best is None
    assert names_of(comparison) == ["b", "a"]
    assert comparison.not_evaluated == ["b", "a"]
    assert [entry.accuracy for entry in comparison.entries] == [0.75, 0.55]


@pytest.mark.usefixtures("runs")
def test_different_data_is_refused_and_named(runs_dir: Path, dataset: Dataset) -> None:
    other = make_dataset(runs_dir, "other", seed=1)
    evaluate_run(make_run(runs_dir, "stranger", other), other, "test", batch_size=64)
    digests = [data.manifest.splits["test"].texts_sha256[:8] for data in (dataset, other)]
    with pytest.raises(RunError) as error:
        compare(runs_dir)
    message = str(error.value)
    assert message.startswith("runs that were evaluated on different data do not compare: ")
    assert f"poor, middle, best-one on words/test (texts {digests[0]})" in message
    assert f"stranger on other/test (texts {digests[1]})" in message
    assert "\n" not in message
    assert names_of(compare(runs_dir, dataset="other")) == ["stranger"]
    assert names_of(compare(runs_dir, dataset="words")) == ["best-one", "middle", "poor"]


def test_different_training_data_is_refused_where_nothing_is_evaluated(
    runs_dir: Path, dataset: Dataset
) -> None:
    make_run(runs_dir, "a", dataset)
    make_run(runs_dir, "b", make_dataset(runs_dir, "other", seed=1))
    with pytest.raises(
        RunError, match=r"^runs that were trained on different data do not compare: a on words"
    ):
        compare(runs_dir)


@pytest.mark.usefixtures("runs")
def test_a_dataset_prepared_again_with_other_texts_is_different_data(runs_dir: Path) -> None:
    again = make_dataset(runs_dir, "words", seed=1)
    evaluate_run(make_run(runs_dir, "later", again), again, "test", batch_size=64)
    with pytest.raises(RunError, match="evaluated on different data"):
        compare(runs_dir, "poor", "later")


@pytest.mark.usefixtures("runs")
def test_the_same_texts_in_another_vocabulary_are_the_same_data(runs_dir: Path) -> None:
    small = make_dataset(runs_dir, "small", vocab_size=30)
    evaluate_run(make_run(runs_dir, "tiny", small), small, "test", batch_size=64)
    comparison = compare(runs_dir, "best-one", "tiny")
    assert comparison.differing[0] == "dataset"
    assert comparison.entries[1].against_best is not None


def test_json(runs_dir: Path, dataset: Dataset, runs: dict[str, Run]) -> None:
    make_run(runs_dir, "fresh", dataset)
    values = json.loads(to_json(compare(runs_dir).to_dict()))
    assert values["format_version"] == 1
    assert (values["split"], values["best"], values["not_evaluated"]) == ("test", "best-one", ["fresh"])
    assert values["texts_sha256"] == dataset.manifest.splits["test"].texts_sha256
    best, middle, _, fresh = values["runs"]
    stored = stored_evaluation(runs["best-one"], "words", "test")
    assert best["run"] == "best-one"
    assert best["accuracy"] == stored.accuracy
    assert best["accuracy_interval"] == list(stored.accuracy_interval)
    assert best["settings"] == {"hidden_size": 64, "learning_rate": 0.01}
    assert best["against_best"] is None
    assert middle["against_best"].keys() == {
        *("difference", "interval", "only_first", "only_second", "p_value", "adjusted_p_value")
    }
    assert fresh["accuracy"] is None
    assert fresh["val_accuracy"] == 0.75


@pytest.mark.parametrize("dataset_name", [None, "words"])
@pytest.mark.usefixtures("dataset")
def test_no_runs(runs_dir: Path, dataset_name: str | None) -> None:
    with pytest.raises(RunError, match=r"^no finished run"):
        compare_runs(runs_dir, [], split="test", dataset=dataset_name, sort="accuracy")
