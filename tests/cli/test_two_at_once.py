"""Two processes that want the same run or dataset."""

import os
import re
from pathlib import Path

import pytest

from rnncli.runs.finding import reserve_run_name
from rnncli.runs.run import Run
from tests.cli.command import invoke, start, wait_for_line
from tests.cli.tables import write_table

QUICK = ("--arch", "bow", "--hidden-size", "3", "--embedding-size", "5", "--devices", "1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("two")
    write_table(folder / "films.csv", ["bad", "good"], rows=211)
    assert invoke("prepare", "films.csv", cwd=folder).returncode == 0
    return folder


def test_a_second_training_is_told_who_holds_the_run_until_that_is_dead(folder: Path) -> None:
    holder = start("train", *QUICK, "--name", "shared", "--epochs", "100000", cwd=folder)
    wait_for_line(holder, "epoch")
    for options in (("--resume", "shared"), ("--name", "shared", *QUICK)):
        done = invoke("train", *options, cwd=folder)
        assert (done.returncode, done.stdout) == (1, "")
        assert re.fullmatch(
            rf"error: run 'shared' is in use by process {holder.pid} on {re.escape(os.uname().nodename)} "
            r"since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d; wait for it, or choose another --name\n",
            done.stderr,
        )
    holder.kill()
    holder.communicate()
    with Run(folder / "runs" / "shared").locked():
        pass


def test_a_second_preparation_is_told_who_holds_the_dataset(folder: Path) -> None:
    os.mkfifo(folder / "slow.csv")
    holder = start("prepare", "slow.csv", "--name", "films", cwd=folder)
    with (folder / "slow.csv").open("w"):  # opens once the first process reads, which it does under its lock
        done = invoke("prepare", "films.csv", cwd=folder)
        holder.kill()
    holder.communicate()
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: dataset 'films' is in use by process {holder.pid} on ")
    assert invoke("prepare", "films.csv", cwd=folder).returncode == 0


def test_runs_without_a_name_get_one_each(tmp_path: Path) -> None:
    assert [reserve_run_name(tmp_path / "runs", "films") for _ in range(3)] == [
        "films-1",
        "films-2",
        "films-3",
    ]
