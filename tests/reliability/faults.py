"""Every operation on the disk made to fail in turn, and the power made to fail there.

The commands run in this process: JAX is imported once, and every program compiled once.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, get_args
from unittest.mock import patch

from tests.cli.command import invoke
from tests.reliability.disk import Breaking, Disk, PowerLostError
from tests.reliability.project import COMMANDS, RESUME, Project
from tests.reliability.tally import Tally


@contextmanager
def in_process_project(home: Path) -> Iterator[Project]:
    """A tiny project whose commands run in this process; its training is kept half done, too.

    All trainings share their compiled programs, for their settings are equal.
    """
    from rnncli.training.step import Programs
    from rnncli.workflows import train, training_run

    made: dict[Any, Programs] = {}

    def shared(objective: Any, tx: Any, mesh: Any) -> Programs:
        return made.setdefault((objective.model, mesh), Programs(objective, tx, mesh))

    with patch.object(training_run, "Programs", shared), patch.object(train, "start_jax"):
        project = Project(home, invoke, epochs=2)
        # The power is lost in the middle of a checkpoint.
        operations = operations_of(project, "train", "power lost")
        writes = [at for at, name in enumerate(operations, 1) if name.endswith("new/state.safetensors")]
        break_at(project, "train", "power lost", writes[len(writes) // 2])
        project.keep(RESUME)
        yield project


def error_of(done: CompletedProcess[str]) -> str:
    """The one line that explains a failure; empty where there is none."""
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == (done.returncode != 0), (done.returncode, done.stderr)
    return "".join(lines)


def faults(project: Project, *, every: int = 1) -> Iterator[Tally]:
    """Break the disk at every operation of every command, or at each `every`-th, then look and repeat."""
    for how in get_args(Breaking):
        for name in (*COMMANDS, RESUME):
            operations = operations_of(project, name, how)
            tally = Tally(how, name, note=f"{len(operations)} operations")
            for number in range(1, len(operations) + 1, every):
                with tally.attempt(f"operation {number}: {operations[number - 1]}"):
                    break_at(project, name, how, number)
                    project.repeat(name)
            yield tally


def operations_of(project: Project, name: str, how: Breaking) -> list[str]:
    """What an undisturbed command does to the disk."""
    project.put_back(name)
    disk = Disk(project.folder, how)
    with disk.installed():
        project.repeat(name)
    return disk.operations


def break_at(project: Project, name: str, how: Breaking, number: int) -> None:
    """Break at one operation: there is one clear error, and all that is in its place is whole."""
    project.put_back(name)
    with Disk(project.folder, how, number).installed():
        try:
            done = invoke(*project.next_arguments(name), cwd=project.folder)
        except PowerLostError:
            pass
        else:
            assert how == "disk full", "the loss of power was caught"
            assert done.returncode == 1, "an operation failed, and the command did not"
            assert "No space left on device" in error_of(done)
            assert "Traceback" not in done.stderr
    project.require_whole(name)
