"""Processes that are killed and stopped, for some of the cases of ``python -m tests.reliability``."""

import random

import pytest

from tests.reliability.processes import EPOCHS, SHARES, Killer, killed_project, stop_twice
from tests.reliability.tally import require_no_loss
from tests.reliability.workspace import Project


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return killed_project(tmp_path_factory.mktemp("processes"))


@pytest.mark.parametrize("command", SHARES)
def test_a_killed_command_loses_nothing(project: Project, command: str) -> None:
    assert require_no_loss(Killer(project, command, random.Random(1)).kill(1)) == 1


def test_a_training_stopped_twice_is_the_same_training(project: Project) -> None:
    require_no_loss([stop_twice(project, EPOCHS)])
