"""Processes that are killed and stopped, for some of the cases of ``python -m tests.reliability``."""

import random

import pytest

from tests.cli.command import rnncli
from tests.reliability.processes import SHARES, kill, stop_twice
from tests.reliability.project import Project
from tests.reliability.tally import require_no_loss


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(tmp_path_factory.mktemp("processes"), rnncli, epochs=9, texts=500)


@pytest.mark.parametrize("command", SHARES)
def test_a_killed_command_loses_nothing(project: Project, command: str) -> None:
    assert require_no_loss(kill(project, command, 1, random.Random(1))) == 1


def test_a_training_stopped_twice_is_the_same_training(project: Project) -> None:
    require_no_loss([stop_twice(project)])
