"""Run directories: what vouches for what, what is refused, and what killed writers leave."""

import os
import subprocess
from pathlib import Path

import pytest

from rnncli.errors import RunError
from rnncli.runs.finding import all_runs, find_run, list_runs, reserve_run_name, resolve_run
from rnncli.runs.run import Run
from rnncli.settings.train import TrainSettings
from rnncli.system.sealed import sealed_folder
from tests.factories import reseal


def begin(folder: Path) -> Run:
    """A run that is under way, as far as its small files go."""
    run = Run(folder / "runs" / "a")
    run.path.mkdir(parents=True, exist_ok=True)
    settings = TrainSettings.from_options(learning_rate=0.003)
    run.begin(settings, dataset="words", fingerprint="f" * 64)
    return run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A finished run."""
    run = begin(tmp_path)
    with sealed_folder(run.model_dir) as model:
        (model / "model.json").write_text("{}")
    run.metrics_path.write_text('{"epoch": 1}\n')
    run.history_path.touch()
    run.finish({"val_accuracy": 0.5})
    return run


def test_a_run_is_finished_once_its_summary_is_sealed(tmp_path: Path) -> None:
    run = begin(tmp_path)
    runs = tmp_path / "runs"
    assert (run.finished, list_runs(runs), [found.name for found in all_runs(runs)]) == (False, [], ["a"])
    assert find_run(runs, "a").config.optimizer.learning_rate == 0.003
    run.summary_path.write_text("{}")  # a kill before the checksums
    with pytest.raises(RunError, match=r"'a' is not finished .*SHA256SUMS.*continue it with .*--resume a"):
        resolve_run(runs, "a")


@pytest.mark.parametrize("renames", [0, 1])
def test_a_run_whose_beginning_was_cut_short_can_begin_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, renames: int
) -> None:
    done: list[str] = []

    def replace(old: str, new: Path) -> None:
        if len(done) == renames:
            raise OSError(28, "No space left on device")
        done.append(str(new))
        Path(old).rename(new)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", replace)
        with pytest.raises(OSError, match="No space"):
            begin(tmp_path)
    Run(tmp_path / "runs" / "a").require_new()
    assert begin(tmp_path).config.optimizer.learning_rate == 0.003


def test_sha256sum_checks_a_finished_run(run: Run) -> None:
    names = "config.json metrics.jsonl model/SHA256SUMS model/model.json summary.json".split()
    found = subprocess.run(["sha256sum", "--strict", "-c", "SHA256SUMS"], cwd=run.path, capture_output=True)
    assert found.stdout.decode().splitlines() == [f"{name}: OK" for name in names]
    assert found.returncode == 0
    run.sealed.verify()


def test_a_setting_that_was_changed_by_hand_or_by_damage_is_found(tmp_path: Path) -> None:
    run = begin(tmp_path)
    run.config_path.write_text(run.config_path.read_text().replace("0.003", "0.002"))
    with pytest.raises(RunError, match=r"a/config\.json: its SHA-256 differs: it was changed or damaged; "):
        _ = run.config
    with pytest.raises(RunError, match=r"a/config\.json: its SHA-256 differs"):
        run.finish({})
    assert not run.finished


def test_runs_of_an_earlier_version_are_refused_and_not_listed(run: Run) -> None:
    (run.path / "SHA256SUMS").unlink()
    assert list_runs(run.path.parent) == []
    with pytest.raises(RunError, match=r"an earlier version of rnncli wrote this folder.*or train it again"):
        find_run(run.path.parent, "a")


def test_runs_of_a_later_version_are_refused(run: Run) -> None:
    run.config_path.write_text('{"format_version": 3}')
    reseal(run.path)
    with pytest.raises(RunError, match=r"a/config\.json: it has format version 3; this rnncli reads 2"):
        _ = run.config


def test_latest_and_best_are_found(run: Run) -> None:
    other = begin(run.path.parent / "elsewhere")
    other.model_dir.mkdir()
    other.metrics_path.touch()
    other.history_path.touch()
    other.finish({"val_accuracy": 0.25})
    other.path.rename(run.path.with_name("b"))
    os.utime(run.path / "SHA256SUMS", (0, 0))
    assert resolve_run(run.path.parent, "latest").name == "b"
    assert resolve_run(run.path.parent, "best").name == "a"


def test_a_finished_run_without_its_settings_is_listed_and_named(run: Run) -> None:
    run.config_path.unlink()
    assert [found.name for found in all_runs(run.path.parent)] == ["a"]
    with pytest.raises(RunError, match=r"a/config\.json: it is missing"):
        find_run(run.path.parent, "a")


@pytest.mark.parametrize("part", ["model", "checkpoints"])
def test_the_remains_of_a_run_are_not_trained_into(tmp_path: Path, part: str) -> None:
    """Its checkpoints, of other settings, would be taken for those of the new run."""
    (tmp_path / "a" / part).mkdir(parents=True)
    with pytest.raises(RunError, match=r"a/config\.json: it is missing; .* another --name"):
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


def test_runs_without_a_name_get_one_each(tmp_path: Path) -> None:
    assert [reserve_run_name(tmp_path / "runs", "films") for _ in range(2)] == ["films-1", "films-2"]
