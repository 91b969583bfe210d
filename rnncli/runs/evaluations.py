"""Where the results of an evaluation are kept: the sealed folder ``runs/RUN/evaluations/DATASET-SPLIT/``.

Its ``figures.json`` is for reading; the arrays, ``NAME.npy``, are for paired tests.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnncli.errors import RunError
from rnncli.runs.run import Run
from rnncli.system.files import write_json
from rnncli.system.sealed import Sealed, sealed_folder

FORMAT_VERSION = 2
FIGURES = "figures.json"


def store(
    run: Run, dataset: str, split: str, figures: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
) -> Path:
    """Keep the figures and arrays of an evaluation, in place of an earlier one; return their folder.

    Args:
        run: the run that was evaluated.
        dataset: name of the data.
        split: the part of it.
        figures: plain JSON values, among them the ``model``, as `Run.model_fingerprint` gives it.
        arrays: by name, such as ``probabilities`` [examples, num_classes].
    """
    path = _folder(run, dataset, split)
    with sealed_folder(path) as folder:
        kept = {**figures, "format_version": FORMAT_VERSION, "arrays": sorted(arrays)}
        write_json(folder / FIGURES, kept)
        for name, array in arrays.items():
            np.save(folder / f"{name}.npy", array, allow_pickle=False)
    return path


def load(run: Run, dataset: str, split: str) -> tuple[dict[str, Any], dict[str, NDArray[Any]]] | None:
    """What `store` kept of the model that the run has now: figures and arrays; None where nothing is.

    Raises:
        RunError: the evaluation is damaged.
    """
    path = _folder(run, dataset, split)
    if not path.is_dir():
        return None
    remedy = f"evaluate again with 'rnncli eval {run.name} --split {split}'"
    kept = Sealed.open(path, error=RunError, remedy=remedy)
    figures = kept.json(FIGURES, FORMAT_VERSION)
    if figures["model"] != run.model_fingerprint:
        return None
    files = {name: kept.checked(f"{name}.npy") for name in figures["arrays"]}
    return figures, {name: np.load(file, allow_pickle=False) for name, file in files.items()}


def _folder(run: Run, dataset: str, split: str) -> Path:
    """The folder of an evaluation; a dataset's name that is a path stays inside the run."""
    return run.evaluations_dir / f"{Path(dataset).name}-{split}"
