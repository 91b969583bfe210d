"""Fixtures shared by all tests."""

import signal
from pathlib import Path

import pytest
from hypothesis import settings

from rnncli.data.dataset import Dataset
from tests.runs.factories import make_dataset

settings.register_profile("any machine", deadline=None)  # a busy machine is no failure
settings.load_profile("any machine")

# Started in the background or by nohup, the tests would hand ignored signals on to every command.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

IMDB_ARCHIVE = Path(__file__).parents[2] / "shared" / "data" / "aclImdb_v1.tar.gz"


@pytest.fixture(scope="session")
def imdb_archive() -> Path:
    """The archive of real reviews, where this machine has it."""
    if not IMDB_ARCHIVE.exists():
        pytest.skip(f"needs {IMDB_ARCHIVE}")
    return IMDB_ARCHIVE


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    """A folder of runs that is not there yet."""
    return tmp_path / "runs"


@pytest.fixture
def dataset(runs_dir: Path) -> Dataset:
    """A small prepared dataset with tags."""
    return make_dataset(runs_dir)
