"""Where the results of an evaluation are kept: the sealed folder ``runs/RUN/evaluations/DATASET-SPLIT/``.

Its ``figures.json`` is for reading; the arrays, ``NAME.npy``, are for paired tests.
"""

from dataclasses import fields
from pathlib import Path

import numpy as np

from rnncli.errors import RunError
from rnncli.evaluation.measures import Evaluation, Subject, measure
from rnncli.runs.run import Run
from rnncli.system.files import write_json
from rnncli.system.sealed import Sealed, sealed_folder

FORMAT_VERSION = 2
FIGURES = "figures.json"


def store(run: Run, evaluation: Evaluation) -> None:
    """Keep an evaluation in the run, in place of an earlier one on the same data.

    Raises:
        OSError: it cannot be written.
    """
    figures, arrays = evaluation.to_dict(), evaluation.arrays
    with sealed_folder(_folder(run, evaluation.subject.dataset, evaluation.subject.split)) as folder:
        kept = {**figures, "format_version": FORMAT_VERSION, "arrays": sorted(arrays)}
        write_json(folder / FIGURES, kept)
        for name, array in arrays.items():
            np.save(folder / f"{name}.npy", array, allow_pickle=False)


def stored_evaluation(run: Run, dataset: str, split: str) -> Evaluation | None:
    """The stored evaluation of the run's present model, its figures computed again; None without one.

    Raises:
        RunError: it is damaged.
    """
    path = _folder(run, dataset, split)
    if not path.is_dir():
        return None
    remedy = f"evaluate again with 'rnncli eval {run.name} --split {split}'"
    sealed = Sealed.open(path, error=RunError, remedy=remedy)
    figures = sealed.json(FIGURES, FORMAT_VERSION)
    if figures["model"] != run.model_fingerprint:
        return None
    files = {name: sealed.checked(f"{name}.npy") for name in figures["arrays"]}
    arrays = {name: np.load(file, allow_pickle=False) for name, file in files.items()}
    return measure(
        Subject(**{field.name: figures[field.name] for field in fields(Subject)}),
        arrays["probabilities"],
        arrays["labels"],
        label_names=figures["labels"],
        tags=arrays.get("tags"),
        temperature=figures.get("temperature", 1.0),  # what was stored before there were any had none
        seconds=figures["seconds"],
    )


def _folder(run: Run, dataset: str, split: str) -> Path:
    """The folder of an evaluation; a dataset's name that is a path stays inside the run."""
    return run.evaluations_dir / f"{Path(dataset).name}-{split}"
