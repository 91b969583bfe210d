"""Several processes: those that train one model together, and those that want the same run."""

import os
import re
import socket
from pathlib import Path

import pytest

from rnncli.runs.run import Run
from tests.cli.command import refused, start, wait_for_line
from tests.cli.tables import prepare_films
from tests.training.toys import timeless_lines

SMALL = ("train", "--hidden-size", "3", "--embedding-size", "5", "--batch-size", "12")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepare_films(tmp_path_factory.mktemp("several"))


def test_two_processes_give_the_run_of_one(folder: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = (*SMALL, "--arch", "gru", "--epochs", "2", "--name")
    cluster = ("--coordinator", f"127.0.0.1:{port}", "--num-processes", "2", "--devices", "1", "--process-id")
    processes = [
        start(*command, "alone", "--devices", "2", cwd=folder),
        *(start(*command, "together", *cluster, number, cwd=folder) for number in (0, 1)),
    ]
    said = [process.communicate(timeout=240) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], said
    assert "rnncli eval together" in said[1][0]
    assert said[2][0] == ""
    lines, others = (timeless_lines(folder / "runs" / name) for name in ("alone", "together"))
    assert len(lines) == 2
    for line, other in zip(lines, others, strict=True):
        assert line == pytest.approx(other, rel=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--num-processes", "2"], "need --coordinator"),
        (["--coordinator", "127.0.0.1:1"], "needs --name"),
        (["--coordinator", "127.0.0.1:1", "--name", "x", "--process-id", "0"], "needs --num-processes"),
        (["--coordinator", "auto", "--name", "x", "--num-processes", "2", "--process-id", "0"], "finds them"),
    ],
)
def test_half_described_clusters(folder: Path, options: list[str], message: str) -> None:
    assert message in refused("train", *options, cwd=folder, code=2)


def test_a_second_training_is_told_who_holds_the_run_until_that_is_dead(folder: Path) -> None:
    holder = start(*SMALL, "--arch", "bow", "--name", "shared", "--epochs", "100000", cwd=folder)
    wait_for_line(holder, "epoch")
    for option, remedy in (("--resume", ""), ("--name", ", or choose another --name")):
        assert re.fullmatch(
            rf"error: run 'shared' is in use by process {holder.pid} on {re.escape(os.uname().nodename)} "
            rf"since \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d; wait for it{remedy}",
            refused("train", option, "shared", cwd=folder),
        )
    holder.kill()
    holder.communicate()
    with Run(folder / "runs" / "shared").locked():
        pass
