"""Run directories: what vouches for what, what is refused, and what killed writers leave."""

import json
from pathlib import Path

import pytest

from rnncli.errors import RunError
from rnncli.runs.run import Run, all_runs, find_run
from rnncli.settings.train import TrainSettings


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A finished run, as far as its small files go."""
    run = Run(tmp_path / "runs" / "a")
    run.model_dir.mkdir(parents=True)
    run.write_description(
        TrainSettings.from_options(learning_rate=0.003), dataset="words", fingerprint="f" * 64
    )
    run.metrics_path.write_text('{"epoch": 1}\n')
    run.write_summary({"val_accuracy": 0.5})
    return run


def test_a_setting_that_was_changed_by_hand_or_by_damage_is_found(run: Run) -> None:
    assert run.config.optimizer.learning_rate == 0.003
    run.config_path.write_text(run.config_path.read_text().replace("0.003", "0.002"))
    with pytest.raises(RunError, match=r"a/config\.json is damaged \(its checksum differs\)"):
        _ = Run(run.path).config


def test_a_description_without_checksum_is_none(run: Run) -> None:
    values = json.loads(run.config_path.read_text())
    del values["checksum"]
    run.config_path.write_text(json.dumps(values))
    with pytest.raises(RunError, match=r"a/config\.json is damaged \(it has no checksum\)"):
        _ = Run(run.path).config


def test_the_summary_vouches_for_the_metrics(run: Run) -> None:
    assert run.summary["val_accuracy"] == 0.5
    run.metrics_path.write_text('{"epoch": 2}\n')
    with pytest.raises(RunError, match=r"a/metrics\.jsonl is damaged \(its checksum differs\)"):
        _ = run.summary
    run.metrics_path.unlink()
    with pytest.raises(RunError, match=r"a/metrics\.jsonl is missing"):
        _ = run.summary


def test_a_finished_run_without_its_settings_is_listed_and_named(run: Run) -> None:
    run.config_path.unlink()
    assert [found.name for found in all_runs(run.path.parent)] == ["a"]
    with pytest.raises(RunError, match=r"a/config\.json is missing"):
        find_run(run.path.parent, "a")


@pytest.mark.parametrize("part", ["model", "checkpoints"])
def test_the_remains_of_a_run_are_not_trained_into(tmp_path: Path, part: str) -> None:
    """Its checkpoints, of other settings, would be taken for those of the new run."""
    (tmp_path / "a" / part).mkdir(parents=True)
    with pytest.raises(RunError, match=r"a/config\.json is missing: .* choose another --name"):
        Run(tmp_path / "a").require_new()


def test_the_lock_s_holder_removes_what_killed_writers_left(run: Run) -> None:
    run.checkpoints_dir.mkdir()
    left = [run.path / ".metrics.jsonl.abc_1234.tmp", run.checkpoints_dir / ".step-00000007.x1y2z3w4.tmp"]
    left[0].write_text("half")
    (left[1] / "new").mkdir(parents=True)
    (left[1] / "new" / "state.safetensors").write_text("half")
    (run.path / ".mine.tmp").touch()
    with run.locked():
        assert not any(path.exists() for path in left)
        assert (run.path / ".mine.tmp").exists()
