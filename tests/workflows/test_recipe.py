"""Presets that are made of several runs, and learning from teachers, on small films."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import rnncli
from rnncli.data.examples import Examples
from rnncli.errors import RunError, UsageError
from rnncli.inference.averaged_model import AveragedModel, load_model
from rnncli.runs.run import Run
from rnncli.settings.prepare import PrepareSettings
from rnncli.settings.recipes import RECIPES, Recipe, Stage
from rnncli.training.loop import EpochDone
from rnncli.workflows.training_run import TrainingRun
from tests.factories import prepared

SIZES = {"embedding_size": 5, "hidden_size": 3}
# Bags of words compile in no time; recurrent runs resume as they do.
WORDS = {
    "epochs": 3,
    "model": {"arch": "bow", "word_dropout": 0.3, **SIZES},
    "data": {"batch_size": 16, "read_length": 7},
    "optimizer": {"learning_rate": 0.03, "average_epochs": 2},
}
SMALL = Recipe(
    (
        Stage("ngram", {"model": {"arch": "ngram"}}),
        Stage("reader", WORDS),
        Stage("student", WORDS | {"teacher_share": 0.25}, ("ngram", "reader")),
    ),
    ("ngram", "student"),
)
GOOD, BAD = ("great", "lovely", "superb", "warm"), ("dull", "awful", "weak", "sour")


def train(**options: object) -> Run:
    """A training whose warnings do not matter: the models are too small to be good."""
    return rnncli.train(warn=lambda _text: None, **options)


def films(size: int, seed: int, labelled: bool = True) -> Examples:
    """Short reviews, each with one word of praise or blame, of which "not" makes the opposite."""
    random = np.random.default_rng(seed)
    texts, labels = [], []
    for _ in range(size):
        good, turned = random.random() < 0.5, random.random() < 0.3
        word = random.choice(GOOD if good else BAD)
        filler = random.choice(["film", "movie", "story", "plot", "cast"], 5)
        texts.append(f"{' '.join(filler[:2])} is {'not ' if turned else ''}{word} {' '.join(filler[2:])}")
        labels.append("pos" if good != turned else "neg")
    return Examples(texts, labels if labelled else None)


@pytest.fixture
def runs_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Few labelled films, and many without a label."""
    monkeypatch.setitem(RECIPES, "small", SMALL)
    splits = {"train": films(149, 0), "validation": films(67, 1), "unlabelled": films(307, 2, labelled=False)}
    splits["test"] = films(211, 3)
    prepared(splits, PrepareSettings(max_length=11), runs_dir=tmp_path, name="films")
    return tmp_path


def test_a_recipe_is_one_run_and_resumes_within_and_between_stages(runs_dir: Path) -> None:
    """Left after an epoch of the second stage, and again after the third, it ends as if never left."""
    whole = train(preset="small", seed=3, name="whole", runs_dir=runs_dir)
    model = load_model(whole.model_dir)
    assert isinstance(model, AveragedModel)
    assert set(model.members) <= {"ngram", "student"}
    assert Run(whole.path / "stages" / "reader").finished
    with pytest.raises(RunError, match="nothing to resume"):
        train(resume="whole", runs_dir=runs_dir)

    def leave_in(stage: str, epoch: int) -> Callable[[TrainingRun], None]:
        def follow(training: TrainingRun) -> None:
            for event in training.events():
                done = isinstance(event, EpochDone) and event.metrics["epoch"] == epoch
                if training.run.name == stage and done:
                    training.save_checkpoint()
                    return

        return follow

    left = train(preset="small", seed=3, name="left", runs_dir=runs_dir, follow=leave_in("reader", 1))
    assert left.name == "left"
    assert not left.finished
    with pytest.raises(RunError, match="--resume left"):
        train(preset="small", seed=3, name="left", runs_dir=runs_dir)
    with pytest.raises(UsageError, match="keeps the settings of run 'left'"):
        train(resume="left", epochs=2, runs_dir=runs_dir)
    left = train(resume="left", runs_dir=runs_dir, follow=leave_in("student", 2))
    assert not left.finished
    left = train(resume="left", runs_dir=runs_dir)
    assert left.finished
    assert left.model_fingerprint == whole.model_fingerprint
    other = train(preset="small", seed=4, name="other", runs_dir=runs_dir)
    assert other.model_fingerprint != whole.model_fingerprint


def test_a_recipe_has_settings_of_its_own(runs_dir: Path) -> None:
    with pytest.raises(UsageError, match=r"leave out all but --seed.*epochs"):
        rnncli.train(preset="small", epochs=2, runs_dir=runs_dir)
    assert not list(runs_dir.glob("films-small*/recipe.json"))


def test_students_learn_from_unlabelled_texts(runs_dir: Path) -> None:
    """A student of a good teacher gets better than the labelled texts alone make it."""
    settings = {**SIZES, "arch": "bow", "learning_rate": 0.03, "batch_size": 16, "epochs": 5}
    train(name="teacher", arch="ngram", runs_dir=runs_dir)
    train(name="alone", runs_dir=runs_dir, **settings)
    taught = train(name="taught", teacher=["teacher"], runs_dir=runs_dir, **settings)
    losses = {name: rnncli.evaluate(name, runs_dir=runs_dir).loss for name in ("teacher", "alone", "taught")}
    assert losses["teacher"] < 0.5
    assert losses["taught"] < losses["alone"]
    assert taught.summary["steps"] == 5 * -(-(149 + 307) // 16)
    assert list(taught.teachers) == ["teacher"]
