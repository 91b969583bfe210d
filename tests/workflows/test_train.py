"""`rnncli.train`: training from Python."""

from pathlib import Path

import pytest

import rnncli
from rnncli.errors import UsageError
from rnncli.training.loop import Trainer
from rnncli.workflows.training_run import TrainingRun
from tests.cli.tables import write_table

SIZES = {"embedding_size": 5, "hidden_size": 3, "batch_size": 7}
QUICK = {"arch": "bow", "epochs": 2, "learning_rate": 0.1, **SIZES}


@pytest.fixture(scope="module")
def runs_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs with a prepared dataset, films."""
    folder = tmp_path_factory.mktemp("python")
    write_table(folder / "films.csv", ["bad", "good", "fair"], rows=211)
    rnncli.prepare(folder / "films.csv", runs_dir=folder / "runs", max_length=11)
    return folder / "runs"


def test_a_run_comes_back_with_its_summary(runs_dir: Path) -> None:
    run = rnncli.train(runs_dir=runs_dir, **QUICK)
    assert run.path == runs_dir / "films-bow-1"
    assert (run.summary["epochs"], run.summary["config"]["optimizer"]["learning_rate"]) == (2, 0.1)


def test_unknown_settings_start_nothing(runs_dir: Path) -> None:
    before = set(runs_dir.iterdir())
    with pytest.raises(UsageError, match="unknown setting 'rate'"):
        rnncli.train(runs_dir=runs_dir, rate=0.1)
    assert set(runs_dir.iterdir()) == before


def test_whoever_leaves_early_can_go_on(runs_dir: Path) -> None:
    whole = rnncli.train(name="whole", runs_dir=runs_dir, **QUICK)

    def leave(training: TrainingRun) -> None:
        for _, _event in zip(range(7), training.events(), strict=False):
            training.save_checkpoint()

    left = rnncli.train(name="left", runs_dir=runs_dir, follow=leave, **QUICK)
    assert not left.finished
    with pytest.raises(UsageError, match="hidden_size 3 → 4"):
        rnncli.train(resume="left", runs_dir=runs_dir, hidden_size=4)
    resumed = rnncli.train(resume="left", runs_dir=runs_dir, hidden_size=3)
    assert resumed.summary["val_loss"] == whole.summary["val_loss"]


def test_the_model_is_that_of_the_best_epoch(runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figures = iter([(0.5, 0.9), (0.4, 0.8), (0.5, 0.9)])
    monkeypatch.setattr(
        Trainer, "validate", lambda _: dict(zip(("loss", "accuracy"), next(figures), strict=True))
    )
    two, one = (rnncli.train(runs_dir=runs_dir, **QUICK | {"epochs": epochs}) for epochs in (2, 1))
    assert (two.summary["best_epoch"], two.summary["val_loss"]) == (1, 0.5)
    kept, expected = ((run.model_dir / "model.safetensors").read_bytes() for run in (two, one))
    assert kept == expected


def test_what_shows_that_nothing_was_learned_is_warned_of(runs_dir: Path) -> None:
    with pytest.warns(UserWarning, match="were not learned either"):
        run = rnncli.train(runs_dir=runs_dir, **QUICK | {"epochs": 1, "learning_rate": 1e-9})
    assert len(run.summary["warnings"]) == 1
