"""`rnncli.train(teacher=...)`: learning from texts without labels, and what has to fit."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest

import rnncli
from rnncli.data.dataset import Dataset
from rnncli.errors import DataError, RunError, UsageError
from rnncli.runs.run import Run
from rnncli.settings.train import TrainSettings
from rnncli.workflows.training_data import training_data
from rnncli.workflows.training_run import TrainingRun
from tests.cli.tables import write_table

QUICK = {"embedding_size": 5, "hidden_size": 3, "batch_size": 7, "learning_rate": 0.03}
TEACHERS = ("bag", "pairs")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bag of words and a linear model of n-grams, on three labels and 53 texts without one."""
    folder = tmp_path_factory.mktemp("teachers")
    write_table(folder / "films.csv", ["bad", "good", "fair"], rows=211)
    write_table(folder / "more.csv", ["bad", "good", "fair"], rows=53, seed=1)
    runs_dir = folder / "runs"
    films = folder / "films.csv"
    rnncli.prepare(films, unlabelled=folder / "more.csv", runs_dir=runs_dir, max_length=11)
    rnncli.train(arch="bow", name="bag", epochs=2, runs_dir=runs_dir, **QUICK)
    rnncli.train(arch="ngram", name="pairs", runs_dir=runs_dir)
    rnncli.prepare(films, name="fewer-words", vocab_size=7, runs_dir=runs_dir)
    return runs_dir


@pytest.fixture
def runs_dir(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "runs")
    return tmp_path / "runs"


def test_targets_are_the_mean_of_what_the_teachers_would_answer(made: Path) -> None:
    dataset = Dataset.open(made / "datasets" / "films")
    settings = dataclasses.replace(TrainSettings(), teacher_share=0.3)
    found = training_data(dataset, settings, {name: Run(made / name) for name in TEACHERS})
    labelled, unlabelled = dataset.split("train"), dataset.split("unlabelled")
    assert (len(unlabelled), len(found.train)) == (53, len(labelled) + 53)
    assert found.targets is not None
    np.testing.assert_array_equal(found.train[len(labelled) + 52], unlabelled[52])

    answers = [rnncli.load(name, runs_dir=made) for name in TEACHERS]
    assert {answer.model.temperature for answer in answers} != {1.0}
    ours, theirs = (
        np.mean([answer.probabilities([split[i] for i in range(len(split))]) for answer in answers], axis=0)
        for split in (labelled, unlabelled)
    )
    certain = np.eye(3)[labelled.labels]
    expected = np.concatenate([0.7 * certain + 0.3 * ours, theirs])
    np.testing.assert_allclose(found.targets, expected, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(found.train.labels[len(labelled) :], theirs.argmax(axis=1))


def test_some_of_the_unlabelled_texts(made: Path) -> None:
    dataset = Dataset.open(made / "datasets" / "films")
    settings = dataclasses.replace(
        TrainSettings(), data=dataclasses.replace(TrainSettings().data, unlabelled=17)
    )
    found = training_data(dataset, settings, {"bag": Run(made / "bag")})
    assert len(found.train) == len(dataset.split("train")) + 17
    assert found.targets is not None
    assert set(found.targets[:-17].ravel().tolist()) == {0.0, 1.0}  # labels are as they are


def test_a_student_answers_like_its_teacher_and_teaches_again(runs_dir: Path) -> None:
    options = {"dataset": "films", "arch": "bigru", "runs_dir": runs_dir, **QUICK}
    student = rnncli.train(teacher=["pairs"], teacher_share=1.0, epochs=9, **options)
    teacher = Run(runs_dir / "pairs")
    assert student.description["teachers"]["pairs"]["model"] == teacher.model_fingerprint
    score = {name: rnncli.evaluate(name, runs_dir=runs_dir).accuracy for name in ("pairs", student.name)}
    assert score[student.name] >= score["pairs"] - 0.05
    again = rnncli.train(teacher=[student.name, "bag"], epochs=1, **options)
    assert list(again.teachers) == [student.name, "bag"]


def test_it_resumes_bit_for_bit_with_its_teachers(runs_dir: Path) -> None:
    options = {"dataset": "films", "arch": "bow", "epochs": 2, "runs_dir": runs_dir, **QUICK}
    quiet = {"warn": lambda _: None}  # two epochs are few

    def leave(training: TrainingRun) -> None:
        for _, _event in zip(range(5), training.events(), strict=False):
            training.save_checkpoint()

    whole = rnncli.train(name="whole", teacher=TEACHERS, **options, **quiet)
    alone = rnncli.train(name="alone", **options, **quiet)
    assert whole.model_fingerprint != alone.model_fingerprint
    rnncli.train(name="left", teacher=TEACHERS, follow=leave, **options)
    rnncli.train(name="lost", teacher=TEACHERS, follow=leave, **options)
    resumed = rnncli.train(resume="left", runs_dir=runs_dir, **quiet)
    assert resumed.model_fingerprint == whole.model_fingerprint
    shutil.rmtree(runs_dir / "pairs")
    with pytest.raises(RunError, match="pairs"):
        rnncli.train(resume="lost", runs_dir=runs_dir)


def test_what_does_not_go_together_is_refused(runs_dir: Path) -> None:
    with pytest.raises(UsageError, match="has no unlabelled texts to learn from"):
        rnncli.train(dataset="fewer-words", teacher=["bag"], arch="bow", runs_dir=runs_dir)
    with pytest.raises(DataError, match="bag"):
        rnncli.train(
            dataset="fewer-words", teacher=["bag"], teacher_share=0.5, arch="bow", runs_dir=runs_dir, **QUICK
        )
    with pytest.raises(UsageError, match="--teacher needs runs with different names"):
        rnncli.train(dataset="films", teacher=["bag", "bag"], arch="bow", runs_dir=runs_dir)
    with pytest.raises(RunError, match="nobody"):
        rnncli.train(dataset="films", teacher=["nobody"], arch="bow", runs_dir=runs_dir)
