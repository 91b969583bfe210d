"""Where the results of an evaluation are kept: runs/RUN/evaluations/DATASET-SPLIT.json and .npz."""

import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rnncli.errors import RunError
from rnncli.evaluation.measures import Evaluation
from rnncli.evaluation.metrics import FloatArray, IntArray
from rnncli.runs.run import Run
from rnncli.system.files import checked_json, with_checksum, write_bytes, write_json


def _paths(run: Run, dataset: str, split: str) -> tuple[Path, Path]:
    stem = f"{Path(dataset).name}-{split}"  # a name that is a path stays inside the folder
    return run.evaluations_dir / f"{stem}.json", run.evaluations_dir / f"{stem}.npz"


def model_checksum(run: Run) -> str:
    """SHA-256 of the run's model/model.json: equal as long as the model is the same.

    Raises:
        RunError: the file is missing.
    """
    path = run.model_dir / "model.json"
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        raise RunError(f"{path} is missing: the run is incomplete; train it again") from None


def store(run: Run, evaluation: Evaluation, probabilities: FloatArray, labels: IntArray) -> Path:
    """Keep the figures, and in a second file what paired tests need.

    The figures are written last and hold the checksum of the arrays, so that files from two
    evaluations are never taken for one.

    Args:
        run: the run that was evaluated.
        evaluation: its figures.
        probabilities: [examples, num_classes].
        labels: [examples].

    Returns:
        The path of the figures.
    """
    run.evaluations_dir.mkdir(exist_ok=True)
    figures, arrays = _paths(run, evaluation.subject.dataset, evaluation.subject.split)
    buffer = io.BytesIO()
    np.savez(buffer, probabilities=probabilities, labels=labels)
    write_bytes(arrays, buffer.getvalue())
    checksum = hashlib.sha256(buffer.getvalue()).hexdigest()
    write_json(figures, with_checksum({**evaluation.to_dict(), "arrays_sha256": checksum}))
    return figures


def load_evaluation(run: Run, dataset: str, split: str) -> Evaluation | None:
    """The figures of the model that the run has now; None where there are none.

    Raises:
        RunError: the file is damaged.
    """
    path, _ = _paths(run, dataset, split)
    if not path.is_file():
        return None
    evaluation = Evaluation.from_dict(_read(path), where=str(path))
    return evaluation if evaluation.subject.model == model_checksum(run) else None


def load_correct(run: Run, dataset: str, split: str) -> npt.NDArray[np.bool_]:
    """Which examples [examples] were classified rightly, in the split's order.

    Raises:
        RunError: a file is missing or damaged, or the two come from different evaluations.
    """
    figures, arrays = _paths(run, dataset, split)
    remedy = f"evaluate again with 'rnncli eval {run.name} --split {split}'"
    try:
        content = arrays.read_bytes()
    except FileNotFoundError:
        raise RunError(f"{arrays} is missing: {remedy}") from None
    if hashlib.sha256(content).hexdigest() != _read(figures).get("arrays_sha256"):
        raise RunError(f"{arrays} is damaged (its checksum differs): {remedy}")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            correct: npt.NDArray[np.bool_] = stored["probabilities"].argmax(axis=1) == stored["labels"]
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise RunError(f"{arrays} is damaged ({error}): {remedy}") from error
    return correct


def _read(path: Path) -> dict[str, Any]:
    try:
        return checked_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise RunError(f"{path} is damaged ({error}): evaluate the run again") from error
