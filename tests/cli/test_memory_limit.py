"""A command under a memory limit runs in a child process; nobody but the user of `ps` sees that."""

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.command import ROOT
from tests.runs.factories import make_dataset, make_run

AMPLE = 'ulimit -v 100000000 && exec "$@"'
COMMAND = ["bash", "-c", AMPLE, "bash", sys.executable, "-W", "error", "-m", "rnncli"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80"}
NEW = (
    *("--name", "new", "--arch", "bow", "--embedding-size", "5"),
    *("--devices", "1", "--epochs", "100000", "--checkpoint-every", "1"),
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is no child process")


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with a dataset and the run ``good``."""
    make_run(tmp_path / "runs", "good", make_dataset(tmp_path / "runs"))
    return tmp_path


def training(folder: Path, *options: str) -> subprocess.Popen[str]:
    """A training without end, past an epoch, in a process group of its own."""
    process = subprocess.Popen(
        [*COMMAND, "train", *(options or NEW)],
        cwd=folder,
        env=ENVIRONMENT,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,
    )
    assert process.stderr is not None
    while not process.stderr.readline().startswith("epoch"):
        assert process.poll() is None
    return process


def child_of(process: subprocess.Popen[str]) -> int:
    return int(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text())


def last_line(process: subprocess.Popen[str]) -> str:
    """The last line on stderr of a process that has ended and left no other that could write there."""
    assert process.stderr is not None
    with process.stderr:
        return process.stderr.read().splitlines()[-1]


def twice(pid: int, number: int) -> None:
    """What ``timeout`` does: first the process, then its group."""
    os.kill(pid, number)
    os.killpg(pid, number)


@pytest.mark.parametrize(
    ("send", "number", "code"),
    [(os.kill, signal.SIGTERM, 143), (os.killpg, signal.SIGINT, 130), (twice, signal.SIGTERM, 143)],
)
def test_a_signal_stops_training_once(
    here: Path, send: Callable[[int, int], None], number: signal.Signals, code: int
) -> None:
    process = training(here)
    send(process.pid, number)
    process.wait(60)
    assert last_line(process) == "stopped and saved; continue with: rnncli train --resume new"
    assert process.returncode == code


@pytest.mark.parametrize("number", [signal.SIGABRT, signal.SIGKILL])
def test_what_a_crash_leaves_is_resumed(here: Path, number: signal.Signals) -> None:
    process = training(here)
    os.kill(child_of(process), number)
    assert process.wait(60) == 1
    assert last_line(process).startswith("error: out of memory: use a smaller --batch-size")
    resumed = training(here, "--resume", "new", "--devices", "1")
    resumed.terminate()
    assert resumed.wait(60) == 143
    assert last_line(resumed).startswith("stopped and saved")


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGKILL])
def test_the_child_dies_with_its_parent(here: Path, number: signal.Signals) -> None:
    process = training(here)
    process.send_signal(number)
    assert process.wait(60) == -number
    assert process.stderr is not None
    with process.stderr:
        assert "error" not in process.stderr.read()  # it ends when the child does


def test_a_closed_pipe_ends_silently(here: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*COMMAND, "compare"],
        cwd=here,
        env=ENVIRONMENT,
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_terminal_stays_one(here: Path) -> None:
    master, slave = pty.openpty()
    done = subprocess.run(
        [*COMMAND, "eval", "good", "--json"],
        cwd=here,
        env={**ENVIRONMENT, "TERM": "xterm-256color"},
        stdout=subprocess.DEVNULL,
        stderr=slave,
        check=False,
    )
    os.close(slave)
    assert done.returncode == 0
    assert b"\x1b[" in os.read(master, 1 << 16)
    os.close(master)
