"""Every operation on the disk made to fail in turn, and the power made to fail there.

The commands run in this process: JAX is imported once, and every program compiled once.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from typer.testing import CliRunner

from rnncli.cli.app import app
from tests.reliability.disk import Breaking, Disk, PowerLostError
from tests.reliability.tally import Tally
from tests.reliability.workspace import COMMANDS, Project

RESUME = "train --resume"


class Outcome:
    """How a command ended: its exit `code`, what it `said` on stderr, and what it has `shown` on stdout."""

    def __init__(self, arguments: list[str]) -> None:
        """Run the command; an exception that it does not explain is raised here."""
        result = CliRunner().invoke(app, arguments)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        self.code, self.said, self.shown = result.exit_code, result.stderr, result.stdout

    @property
    def error(self) -> str:
        """The one line that explains a failure; empty where there is none."""
        lines = [line for line in self.said.splitlines() if line.startswith("error: ")]
        assert len(lines) == (self.code != 0), (self.code, self.said)
        return "".join(lines)


@contextmanager
def compiled_once() -> Iterator[None]:
    """Let all trainings of equal settings in the body share their compiled programs."""
    from rnncli.training.step import Programs
    from rnncli.workflows import train, training_run

    made: dict[Any, Programs] = {}

    def shared(objective: Any, tx: Any, mesh: Any) -> Programs:
        return made.setdefault((objective.model, mesh), Programs(objective, tx, mesh))

    with patch.object(training_run, "Programs", shared), patch.object(train, "start_jax"):
        yield


@contextmanager
def in_process_project(home: Path) -> Iterator[Project]:
    """A tiny project whose commands run in this process; its training is kept half done, too."""
    with compiled_once():
        project = Project(home, succeed, epochs=2, every=7, texts=50)
        _keep_half_trained(project)
        yield project


def succeed(arguments: list[str]) -> Outcome:
    """Run a command that must succeed."""
    outcome = Outcome(arguments)
    assert outcome.code == 0, outcome.said
    return outcome


def _keep_half_trained(project: Project) -> None:
    """Keep a project whose training lost its power in the middle of a checkpoint."""
    operations = operations_of(project, "train", Breaking.POWER)
    writes = [number for number, name in enumerate(operations, 1) if name.endswith("new/state.safetensors")]
    break_at(project, "train", Breaking.POWER, writes[len(writes) // 2])
    project.keep(RESUME)


def faults(project: Project, *, every: int = 1) -> Iterator[Tally]:
    """Break the disk at every operation of every command, or at each `every`-th, then look and repeat."""
    for how in Breaking:
        for name in (*COMMANDS, RESUME):
            operations = operations_of(project, name, how)
            tally = Tally(how, name, note=f"{len(operations)} operations")
            for number in range(1, len(operations) + 1, every):
                with tally.attempt(f"operation {number}: {operations[number - 1]}"):
                    break_at(project, name, how, number)
                    repeat(project, name)
            yield tally


def operations_of(project: Project, name: str, how: Breaking) -> list[str]:
    """What an undisturbed command does to the disk."""
    project.put_back(name)
    disk = Disk(project.folder, how=how)
    with disk.installed():
        repeat(project, name)
    return disk.operations


def break_at(project: Project, name: str, how: Breaking, number: int) -> None:
    """Break at one operation: there is one clear error, and all that is in its place is whole."""
    project.put_back(name)
    arguments = project.next_arguments(name.split()[0])
    disk = Disk(project.folder, break_at=number, how=how)
    with disk.installed():
        try:
            outcome = Outcome(arguments or [])
        except PowerLostError:
            pass
        else:
            assert how is Breaking.FULL, "the loss of power was caught"
            assert outcome.code == 1, "an operation failed, and the command did not"
            assert "No space left on device" in outcome.error
            assert "Traceback" not in outcome.said
    project.require_whole(name.split()[0])


def repeat(project: Project, name: str) -> None:
    """Say the command again, or resume; the result must be the undisturbed one's."""
    command = name.split()[0]
    arguments = project.next_arguments(command)
    if arguments:
        succeed(arguments)
    unequal = project.difference(command)
    assert not unequal, f"unequal: {unequal}"
