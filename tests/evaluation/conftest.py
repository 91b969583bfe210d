"""A prepared dataset and runs on it."""

from pathlib import Path

import pytest

from rnncli.data.dataset import Dataset
from tests.evaluation.factories import make_dataset


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
def dataset(runs_dir: Path) -> Dataset:
    return make_dataset(runs_dir)
