"""The command line without a new process: JAX is imported once, and every program compiled once."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from typer.testing import CliRunner

from rnncli.cli.app import app


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
