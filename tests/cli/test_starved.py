"""Without room or permission: one clear line, and nothing is lost."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.command import COMMAND, ENVIRONMENT, invoke, rnncli
from tests.cli.tables import write_table

QUICK = (
    *("--arch", "bow", "--hidden-size", "17", "--embedding-size", "13", "--dropout", "0"),
    *("--learning-rate", "0.05", "--devices", "1", "--epochs", "5"),
)
EVERY_COMMAND = ("prepare films.csv -q --json", "eval good -q --json", "predict x", "compare good -q --json")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table, the dataset ``films`` made of it, and the run ``good``; left as it is."""
    folder = tmp_path_factory.mktemp("made")
    write_table(folder / "films.csv", ["bad", "good"], rows=211)
    assert invoke("prepare", "films.csv", "--max-length", "11", cwd=folder).returncode == 0
    # In a process of its own: in this one JAX may have started with more devices than one.
    trained = rnncli("train", *QUICK, "--name", "good", cwd=folder)
    assert trained.returncode == 0, trained.stderr
    return folder


@pytest.fixture
def here(made: Path, tmp_path: Path) -> Path:
    """A copy of that folder."""
    shutil.copytree(made, tmp_path / "here")
    return tmp_path / "here"


def run(
    folder: Path, *arguments: str, limit: str = "-c 0", stdout: int = subprocess.PIPE, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the command in `folder` under a limit such as ``-f 4``: files of at most 4 KiB."""
    return subprocess.run(
        ["bash", "-c", f'ulimit {limit} && exec "$@"', "bash", *COMMAND, *arguments],
        cwd=folder,
        env={**ENVIRONMENT, **variables},
        stdout=stdout,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


def failure(done: subprocess.CompletedProcess[str]) -> str:
    """The only line on stderr of a command that failed as it should."""
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def files_below(folder: Path) -> dict[Path, bytes]:
    """What lies in a folder, apart from locks."""
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file() and not p.name.endswith("lock")}


@pytest.mark.parametrize("command", EVERY_COMMAND)
def test_standard_output_on_a_full_disk(here: Path, command: str) -> None:
    with Path("/dev/full").open("wb") as full:
        done = run(here, *command.split(), stdout=full.fileno())
    assert failure(done).startswith("error: standard output: No space left on device; free some space")


def test_output_that_a_limit_cuts_short(here: Path) -> None:
    (here / "many.txt").write_text("film\n" * 401)
    for variables in ({}, {"PYTHONUNBUFFERED": "1"}):
        with (here / "rows.txt").open("wb") as rows:
            stdout = rows.fileno()
            done = run(here, "predict", "-i", "many.txt", "-q", limit="-f 1", stdout=stdout, **variables)
        assert "standard output: File too large; raise the file-size limit (ulimit -f)" in failure(done)
    done = run(here, "predict", "-i", "many.txt", "-o", "rows.csv", "-q", limit="-f 1")
    assert "rows.csv: File too large" in failure(done)
    assert not (here / "rows.csv").exists()


def test_a_dataset_that_grows_too_large(here: Path) -> None:
    before = files_below(here / "runs")
    write_table(here / "films.csv", ["bad", "good"], rows=997)
    done = run(here, "prepare", "films.csv", "-q", limit="-f 4")
    assert re.match("error: runs/datasets/films: .*ulimit -f", failure(done))
    assert files_below(here / "runs") == before


def test_training_that_runs_out_of_room_is_resumed(here: Path) -> None:
    done = run(here, "train", *QUICK, "--name", "new", "-q", limit="-f 2")
    error = failure(done)
    assert "runs/new/" in error
    assert error.endswith("; then continue with: rnncli train --resume new\n")
    done = run(here, "train", "--resume", "new", "--devices", "1", "-q")
    assert done.returncode == 0, done.stderr
    weights = [here / "runs" / name / "model/model.safetensors" for name in ("good", "new")]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def test_the_result_for_a_read_only_run_is_printed(here: Path) -> None:
    """In /sys the superuser cannot make files either."""
    (here / "runs/good/evaluations").symlink_to("/sys")
    done = invoke("eval", "--json", "-q", "--not-worse-than", "good", cwd=here)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["examples"] == 21
    assert [gate["passed"] for gate in figures["gates"]] == [True]
    (warning,) = figures["warnings"]
    assert warning.startswith("the result is not kept for 'rnncli compare': runs/good/evaluations/films-test")
    assert done.stderr == f"warning: {warning}\n"


def test_a_result_that_cannot_be_kept_is_printed_before_the_failure(here: Path) -> None:
    (here / "runs/good/evaluations").touch()
    done = invoke("eval", "--json", "-q", cwd=here)
    assert "runs/good/evaluations: File exists" in failure(done)
    assert json.loads(done.stdout)["examples"] == 21


def test_where_nothing_can_be_written(here: Path) -> None:
    """A file stands where a folder is needed, or nothing can be made: that stops the superuser too."""
    (here / "file").touch()
    for arguments in (("prepare", "films.csv"), ("train", "--dataset", "runs/datasets/films", *QUICK)):
        done = invoke(*arguments, "-q", "--runs-dir", "/proc/self/none", cwd=here)
        assert "/proc/self/none" in failure(done)
        done = invoke(*arguments, "-q", cwd=here, RNNCLI_RUNS_DIR="file/runs")
        assert "error: file/runs" in failure(done)


def test_a_cache_that_cannot_be_written_is_no_matter(here: Path) -> None:
    done = run(here, "train", *QUICK, "-q", XDG_CACHE_HOME="/proc/self/none", MPLCONFIGDIR="")
    assert (done.returncode, done.stderr) == (0, "")
