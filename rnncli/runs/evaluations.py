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
        write_json(folder / FIGURES, figures)
        for name, array in arrays.items():
            np.save(folder / f"{name}.npy", array, allow_pickle=False)
    return path


def load_figures(run: Run, dataset: str, split: str) -> dict[str, Any] | None:
    """The figures of the model that the run has now; None where there are none.

    Raises:
        RunError: the evaluation is damaged.
    """
    if not _folder(run, dataset, split).is_dir():
        return None
    figures = _sealed(run, dataset, split).json(FIGURES)
    return figures if figures["model"] == run.model_fingerprint else None


def load_array(run: Run, dataset: str, split: str, name: str) -> NDArray[Any]:
    """An array of an evaluation by its name.

    Raises:
        RunError: the evaluation is missing or damaged.
    """
    path = _sealed(run, dataset, split).checked(f"{name}.npy")
    array: NDArray[Any] = np.load(path, allow_pickle=False)
    return array


def _folder(run: Run, dataset: str, split: str) -> Path:
    """The folder of an evaluation; a dataset's name that is a path stays inside the run."""
    return run.evaluations_dir / f"{Path(dataset).name}-{split}"


def _sealed(run: Run, dataset: str, split: str) -> Sealed:
    remedy = f"evaluate again with 'rnncli eval {run.name} --split {split}'"
    return Sealed.open(_folder(run, dataset, split), error=RunError, remedy=remedy)
