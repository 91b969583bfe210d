"""A disk that fails and files that are damaged, for some of the cases of ``python -m tests.reliability``."""

from collections.abc import Iterator

import pytest

from rnncli.system.sealed import SUMS
from tests.cli.command import invoke
from tests.reliability.damage import damages
from tests.reliability.faults import error_of, faults, in_process_project
from tests.reliability.project import FINISHED, Project
from tests.reliability.tally import require_no_loss


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with in_process_project(tmp_path_factory.mktemp("disk")) as project:
        yield project


def test_nothing_is_lost_when_an_operation_fails_or_the_power(project: Project) -> None:
    assert require_no_loss(faults(project, every=79)) > 20


def test_no_damage_goes_unnoticed(project: Project) -> None:
    assert require_no_loss(damages(project, flips=1, seed=0, share=0.12)) > 20


def test_a_run_whose_model_was_damaged_meanwhile_does_not_end_as_finished(project: Project) -> None:
    project.put_back(FINISHED)
    sums = project.run.path / SUMS
    lines = sums.read_text().splitlines(keepends=True)
    sums.write_text("".join(line for line in lines if "config.json" in line))
    project.run.summary_path.unlink()
    with (project.run.model_dir / "model.safetensors").open("ab") as file:
        file.write(b"!")
    done = invoke(*project.next_arguments("train"), cwd=project.folder)
    assert "model.safetensors: its SHA-256 differs" in error_of(done)
    assert not project.run.finished
