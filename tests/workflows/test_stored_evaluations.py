"""What is kept of an evaluation, and what happens when it is damaged or out of date."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rnncli.errors import RunError
from rnncli.evaluation.measures import Evaluation, measure
from rnncli.runs.run import Run
from rnncli.system.sealed import sealed_folder
from rnncli.workflows.stored_evaluations import store, stored_evaluation
from tests.evaluation.test_measures import SUBJECT
from tests.evaluation.test_metrics import random_predictions


def write_model(run: Run, content: str) -> None:
    with sealed_folder(run.model_dir) as folder:
        (folder / "model.json").write_text(content)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = Run(tmp_path / "gru-1")
    write_model(run, "{}")
    return run


def stored(run: Run, seed: int = 0) -> Evaluation:
    """What was stored; no digit of it may be lost."""
    subject = replace(SUBJECT, run=run.name, model=run.model_fingerprint)
    probabilities, labels = random_predictions(101, 3, seed=seed)
    evaluation = measure(subject, probabilities, labels, label_names=("a", "é", "b"), seconds=1 / 3)
    store(run, evaluation)
    return evaluation


def load(run: Run) -> Evaluation | None:
    return stored_evaluation(run, "words", "test")


def test_what_was_stored_comes_back_from_the_documented_files(run: Run) -> None:
    before, found = stored(run), load(run)
    assert found == before
    assert found.arrays.keys() == {"probabilities", "labels"}
    for name, expected in before.arrays.items():
        assert found.arrays[name].dtype == expected.dtype
        np.testing.assert_array_equal(found.arrays[name], expected)
    contents = {path.name: path.read_bytes() for path in (run.evaluations_dir / "words-test").iterdir()}
    assert contents.keys() == {"SHA256SUMS", "figures.json", "labels.npy", "probabilities.npy"}
    stored(run)
    again = {path.name: path.read_bytes() for path in (run.evaluations_dir / "words-test").iterdir()}
    assert again == contents, "equal results are equal bytes"


def test_nothing_stored_is_none_and_a_dataset_name_cannot_leave_the_folder(run: Run) -> None:
    stored(run)
    (run.path / "secret-test").mkdir()
    for dataset, split in (("words", "validation"), ("other", "test"), ("../secret", "test")):
        assert stored_evaluation(run, dataset, split) is None


def test_figures_of_another_model_do_not_count(run: Run) -> None:
    stored(run)
    write_model(run, '{"trained": "on"}')
    assert load(run) is None
    assert stored(run) == load(run)


@pytest.mark.parametrize("name", ["figures.json", "probabilities.npy", "labels.npy"])
@pytest.mark.parametrize("damage", ["missing", "of another evaluation", 0.0, 0.5, 0.999])
def test_damage_is_named(run: Run, name: str, damage: str | float) -> None:
    path = run.evaluations_dir / "words-test" / name
    stored(run, seed=1)
    content = bytearray(path.read_bytes())
    stored(run, seed=2)
    path.unlink()
    if isinstance(damage, float):
        content[int(damage * len(content))] ^= 1
    if damage != "missing":
        path.write_bytes(content)
    message = rf"words-test/{name}: .*; evaluate again with 'rnncli eval gru-1 --split test'$"
    with pytest.raises(RunError, match=message):
        load(run)
