"""`rnncli.train(arch="ngram")`: a linear model of n-grams as a run like any other."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

import rnncli
from rnncli.errors import RunError, UsageError
from rnncli.inference.averaged_model import load_model
from rnncli.runs.run import Run
from rnncli.workflows import ngram_run

# Each class has the words of others: only pairs and triples of words tell them all apart.
QUESTIONS = {
    "number": ("how many {} are there", "how much is the {}"),
    "manner": ("how did the {} get there", "in what way is the {} made"),
    "person": ("who made the {}", "who is the {} there"),
    "place": ("where did the {} get made", "in what place is the {}"),
    "time": ("when did the {} get there", "in what year is the {} made"),
    "thing": ("what is the {} made of", "what did the {} get"),
}

FILES = ["SHA256SUMS", "config.json", "metrics.jsonl", "model", "summary.json"]
BAG = {
    "arch": "bow",
    "epochs": 3,
    "learning_rate": 0.1,
    "hidden_size": 5,
    "embedding_size": 7,
    "batch_size": 7,
}


@pytest.fixture(scope="module")
def runs_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs with the dataset questions, of six classes, and a trained run, first."""
    folder = tmp_path_factory.mktemp("ngram")
    random = np.random.default_rng(0)
    with (folder / "questions.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for row in range(499):
            label = random.choice(list(QUESTIONS))
            text = QUESTIONS[label][random.integers(2)].format(f"thing{random.integers(97)} of {row}")
            writer.writerow([text, label])
    rnncli.prepare(folder / "questions.csv", runs_dir=folder / "runs", max_length=11)
    rnncli.train(arch="ngram", name="first", runs_dir=folder / "runs")
    return folder / "runs"


def test_six_classes_are_told_apart(runs_dir: Path) -> None:
    assert rnncli.evaluate("first", runs_dir=runs_dir).accuracy > 0.97
    model = rnncli.load("first", runs_dir=runs_dir)
    texts = ["how many cats are there", "how did the cat get there", "when did the cat get there"]
    found = [prediction.label for prediction in model.predict(texts)]
    assert found == ["number", "manner", "time"]


def test_the_strength_is_that_of_the_best_validation(runs_dir: Path) -> None:
    run = Run(runs_dir / "first")
    lines = [json.loads(line) for line in run.metrics_path.read_text().splitlines()]
    best = max(lines, key=lambda line: (line["val_accuracy"], -line["val_loss"]))
    assert [line["epoch"] for line in lines] == [1, 2, 3, 4]
    assert run.summary["best_epoch"] == best["epoch"]
    assert run.summary["val_loss"] == best["val_loss"]


def test_an_interrupted_run_is_fitted_anew_and_gives_the_same(
    runs_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ngram_run, "save_model", interrupt)
        with pytest.raises(KeyboardInterrupt):
            rnncli.train(arch="ngram", name="second", runs_dir=runs_dir)
    assert not Run(runs_dir / "second").finished
    resumed = rnncli.train(resume="second", runs_dir=runs_dir)
    assert sorted(path.name for path in resumed.path.iterdir() if path.name != ".lock") == FILES
    for path in (runs_dir / "first" / "model").iterdir():
        assert (runs_dir / "second" / "model" / path.name).read_bytes() == path.read_bytes()


def test_prediction_does_not_depend_on_company(runs_dir: Path) -> None:
    model = rnncli.load("first", runs_dir=runs_dir)
    texts = ["how many cats are there", "", "who made the how many", "unheard"] * 3
    together = [prediction.probabilities for prediction in model.predict(texts)]
    alone = [model.predict([text])[0].probabilities for text in texts]
    assert together == alone


def test_it_is_compared_and_averaged_with_others(runs_dir: Path) -> None:
    rnncli.train(name="bag", runs_dir=runs_dir, **BAG)
    mean = rnncli.train(average=["first", "bag"], name="mean", runs_dir=runs_dir)
    assert {model.config.arch for _, model in load_model(mean.model_dir).classifiers} == {"ngram", "bow"}
    for name in ("bag", "mean"):
        rnncli.evaluate(name, runs_dir=runs_dir)
    compared = rnncli.compare(["first", "bag", "mean"], runs_dir=runs_dir)
    assert {entry.run for entry in compared.entries} == {"first", "bag", "mean"}


def test_nothing_starts_from_it_and_it_starts_from_nothing(runs_dir: Path) -> None:
    with pytest.raises(RunError, match="'first' is a linear model of n-grams"):
        rnncli.train(start_from="first", runs_dir=runs_dir)
    rnncli.train(name="another-bag", runs_dir=runs_dir, **BAG)
    with pytest.raises(UsageError, match="its --arch is bow, not ngram"):
        rnncli.train(start_from="another-bag", arch="ngram", runs_dir=runs_dir)
    with pytest.raises(UsageError, match="leave out --teacher"):
        rnncli.train(teacher=["another-bag"], arch="ngram", runs_dir=runs_dir)
