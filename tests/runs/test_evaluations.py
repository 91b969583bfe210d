"""What is kept of an evaluation, and what happens when it is damaged or out of date."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnncli.errors import RunError
from rnncli.runs import evaluations
from rnncli.runs.run import Run
from rnncli.system.sealed import sealed_folder
from tests.evaluation.test_metrics import random_predictions


def write_model(run: Run, content: str) -> None:
    with sealed_folder(run.model_dir) as folder:
        (folder / "model.json").write_text(content)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = Run(tmp_path / "gru-1")
    write_model(run, "{}")
    return run


def load(run: Run) -> dict[str, Any] | None:
    kept = evaluations.load(run, "words", "test")
    return kept and kept[0]


def store(run: Run, seed: int = 0) -> dict[str, Any]:
    """Figures in which no digit may be lost."""
    probabilities, labels = random_predictions(101, 3, seed=seed)
    figures = {"model": run.model_fingerprint, "loss": 1 / 3, "labels": ["a", "é"]}
    evaluations.store(run, "words", "test", figures, {"probabilities": probabilities, "labels": labels})
    return {**figures, "format_version": 2, "arrays": ["labels", "probabilities"]}


def test_what_was_stored_comes_back(run: Run) -> None:
    stored = store(run)
    figures, arrays = evaluations.load(run, "words", "test")
    assert figures == stored
    assert arrays.keys() == {"probabilities", "labels"}
    for name, expected in zip(("probabilities", "labels"), random_predictions(101, 3, seed=0), strict=True):
        assert arrays[name].dtype == expected.dtype
        np.testing.assert_array_equal(arrays[name], expected)


def test_files_have_the_documented_names(run: Run) -> None:
    store(run)
    files = ["SHA256SUMS", "figures.json", "labels.npy", "probabilities.npy"]
    assert sorted(path.name for path in (run.evaluations_dir / "words-test").iterdir()) == files


def test_nothing_stored_is_none(run: Run) -> None:
    store(run)
    assert evaluations.load(run, "words", "validation") is None
    assert evaluations.load(run, "other", "test") is None


def test_figures_of_another_model_do_not_count(run: Run) -> None:
    store(run)
    write_model(run, '{"trained": "on"}')
    assert load(run) is None
    assert store(run) == load(run)


def test_an_array_that_the_checksums_leave_out_is_missed(run: Run) -> None:
    store(run)
    sums = run.evaluations_dir / "words-test" / "SHA256SUMS"
    lines = sums.read_text().splitlines(keepends=True)
    sums.write_text("".join(line for line in lines if "labels" not in line))
    with pytest.raises(RunError, match=r"SHA256SUMS: it does not list labels\.npy"):
        load(run)


@pytest.mark.parametrize("name", ["figures.json", "probabilities.npy", "labels.npy"])
@pytest.mark.parametrize("position", [None, 0.0, 0.5, 0.999])
def test_damage_is_named(run: Run, name: str, position: float | None) -> None:
    store(run)
    path = run.evaluations_dir / "words-test" / name
    content = bytearray(path.read_bytes())
    path.unlink()
    if position is not None:
        content[int(position * len(content))] ^= 1
        path.write_bytes(content)
    message = rf"words-test/{name}: .*; evaluate again with 'rnncli eval gru-1 --split test'$"
    with pytest.raises(RunError, match=message):
        load(run)


def test_arrays_of_another_evaluation_are_refused(run: Run) -> None:
    store(run, seed=1)
    path = run.evaluations_dir / "words-test" / "labels.npy"
    content = path.read_bytes()
    store(run, seed=2)
    path.write_bytes(content)
    with pytest.raises(RunError, match="its SHA-256 differs"):
        load(run)


def test_a_dataset_name_cannot_leave_the_folder(run: Run) -> None:
    store(run)
    (run.path / "secret-test").mkdir()
    assert evaluations.load(run, "../secret", "test") is None


def test_equal_results_are_stored_as_equal_bytes(run: Run) -> None:
    contents = []
    for _ in range(2):
        store(run)
        contents.append([path.read_bytes() for path in sorted(run.evaluations_dir.rglob("*.*"))])
    assert contents[0] == contents[1]
