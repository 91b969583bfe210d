"""What is kept of an evaluation, and what happens when it is damaged or out of date."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from rnncli.errors import RunError
from rnncli.evaluation.measures import Evaluation, Subject, measure
from rnncli.runs import evaluations as storage
from rnncli.runs.run import Run
from rnncli.system.files import with_checksum, write_json
from tests.evaluation.test_metrics import random_predictions


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = Run(tmp_path / "gru-1")
    run.model_dir.mkdir(parents=True)
    (run.model_dir / "model.json").write_text("{}")
    return run


def store(run: Run, seed: int = 0) -> Evaluation:
    probabilities, labels = random_predictions(101, 3, seed=seed)
    subject = Subject(run.name, storage.model_checksum(run), "words", "f" * 64, "test", "e" * 64)
    evaluation = measure(subject, probabilities, labels, label_names=("a", "b", "c"))
    storage.store(run, evaluation, probabilities, labels)
    return evaluation


def test_what_was_stored_comes_back(run: Run) -> None:
    evaluation = store(run)
    assert storage.load_evaluation(run, "words", "test") == evaluation
    probabilities, labels = random_predictions(101, 3, seed=0)
    correct = storage.load_correct(run, "words", "test")
    assert correct.tolist() == (probabilities.argmax(axis=1) == labels).tolist()


def test_files_have_the_documented_names(run: Run) -> None:
    store(run)
    assert sorted(path.name for path in run.evaluations_dir.iterdir()) == [
        "words-test.json",
        "words-test.npz",
    ]


def test_nothing_stored_is_none(run: Run) -> None:
    store(run)
    assert storage.load_evaluation(run, "words", "validation") is None
    assert storage.load_evaluation(run, "other", "test") is None


def test_figures_of_another_model_do_not_count(run: Run) -> None:
    store(run)
    (run.model_dir / "model.json").write_text('{"trained": "on"}')
    assert storage.load_evaluation(run, "words", "test") is None
    again = store(run)
    assert storage.load_evaluation(run, "words", "test") == again


def test_a_run_without_model_is_named(run: Run) -> None:
    (run.model_dir / "model.json").unlink()
    with pytest.raises(RunError, match=r"model\.json is missing"):
        storage.model_checksum(run)


@pytest.mark.parametrize("position", [0.0, 0.5, 0.999])
def test_a_flipped_bit_in_the_arrays_is_found(run: Run, position: float) -> None:
    store(run)
    path = run.evaluations_dir / "words-test.npz"
    content = bytearray(path.read_bytes())
    content[int(position * len(content))] ^= 1
    path.write_bytes(content)
    with pytest.raises(RunError, match=r"words-test.npz is damaged .*rnncli eval gru-1 --split test"):
        storage.load_correct(run, "words", "test")


@pytest.mark.parametrize("probabilities", [np.array([{"pickled": 1}], dtype=object), None])
def test_forged_arrays_are_refused(run: Run, probabilities: np.ndarray | None) -> None:
    """With the right checksum; nothing is unpickled."""
    store(run)
    path = run.evaluations_dir / "words-test.npz"
    np.savez(path, labels=np.zeros(1), **({} if probabilities is None else {"probabilities": probabilities}))
    figures = path.with_suffix(".json")
    values = json.loads(figures.read_text())
    values["arrays_sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    write_json(figures, with_checksum(values))
    with pytest.raises(RunError, match=r"words-test.npz is damaged .*rnncli eval gru-1"):
        storage.load_correct(run, "words", "test")


def test_arrays_of_another_evaluation_are_refused(run: Run) -> None:
    store(run, seed=1)
    arrays = (run.evaluations_dir / "words-test.npz").read_bytes()
    store(run, seed=2)
    (run.evaluations_dir / "words-test.npz").write_bytes(arrays)
    with pytest.raises(RunError, match="checksum differs"):
        storage.load_correct(run, "words", "test")


def test_missing_arrays_are_named(run: Run) -> None:
    store(run)
    (run.evaluations_dir / "words-test.npz").unlink()
    with pytest.raises(RunError, match=r"words-test\.npz is missing: evaluate again"):
        storage.load_correct(run, "words", "test")


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe", b"null"])
def test_damaged_figures_are_named(run: Run, content: bytes) -> None:
    store(run)
    (run.evaluations_dir / "words-test.json").write_bytes(content)
    with pytest.raises(RunError, match=r"words-test.json is damaged .*evaluate the run again"):
        storage.load_evaluation(run, "words", "test")


def test_a_dataset_name_cannot_leave_the_folder(run: Run) -> None:
    store(run)
    (run.path / "secret-test.json").write_text(json.dumps({"format_version": 1}))
    assert storage.load_evaluation(run, "../secret", "test") is None


def test_equal_results_are_stored_as_equal_bytes(run: Run) -> None:
    contents = []
    for _ in range(2):
        store(run)
        contents.append([path.read_bytes() for path in sorted(run.evaluations_dir.iterdir())])
    assert contents[0] == contents[1]


def test_probabilities_keep_their_precision(run: Run) -> None:
    # In single precision both would be one half, and the first class would win.
    probabilities = np.array([[0.5 - 1e-12, 0.5 + 1e-12]])
    labels = np.array([1])
    subject = Subject(run.name, storage.model_checksum(run), "words", "f" * 64, "test", "e" * 64)
    evaluation = measure(subject, probabilities, labels, label_names=("a", "b"))
    storage.store(run, evaluation, probabilities, labels)
    assert evaluation.accuracy == 1
    assert storage.load_correct(run, "words", "test").tolist() == [True]
