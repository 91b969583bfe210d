"""Fixtures shared by all tests."""

from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("any machine", deadline=None)  # a busy machine is no failure
settings.load_profile("any machine")

IMDB_ARCHIVE = Path(__file__).parents[2] / "shared" / "data" / "aclImdb_v1.tar.gz"


@pytest.fixture(scope="session")
def imdb_archive() -> Path:
    """The archive of real reviews, where this machine has it."""
    if not IMDB_ARCHIVE.exists():
        pytest.skip(f"needs {IMDB_ARCHIVE}")
    return IMDB_ARCHIVE
