"""Several classifiers as one model, and loading a model, be it one classifier or several.

model/members/NAME/   the folder of each member, as `rnncli.inference.model_folder` writes it
      model.json      the members' weights
      SHA256SUMS      the checksums of all files
"""

import math
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rnncli.errors import RunError
from rnncli.inference.model_folder import (
    DESCRIPTION,
    FORMAT_VERSION,
    REMEDY,
    SavedModel,
    load_classifier,
)
from rnncli.settings.prepare import Keep
from rnncli.system.files import write_json
from rnncli.system.sealed import SUMS, Sealed, sealed_folder
from rnncli.text.tokenizer import Tokenizer

MEMBERS = "members"


@dataclass(frozen=True)
class AveragedModel:
    """Classifiers whose logits are added up, each with a weight: Σ w_m · logits_m.

    They have the same labels and the same tokenizer; each cuts texts to what it reads.
    """

    members: Mapping[str, SavedModel]  # by the names of their runs, at least one
    weights: Mapping[str, float]  # of each member, not negative

    @property
    def classifiers(self) -> tuple[tuple[float, SavedModel], ...]:
        """The members with their weights."""
        return tuple((self.weights[name], member) for name, member in self.members.items())

    @property
    def temperature(self) -> float:
        """1: the weights, fitted on the validation split, make the sum as sure as it should be."""
        return 1.0

    @property
    def label_names(self) -> tuple[str, ...]:
        """The labels of every member."""
        return self._longest.label_names

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer of every member."""
        return self._longest.tokenizer

    @property
    def max_length(self) -> int:
        """Tokens that the member reads that reads the most."""
        return self._longest.max_length

    @property
    def keep(self) -> Keep:
        """Which tokens that member keeps of a longer text."""
        return self._longest.keep

    @property
    def _longest(self) -> SavedModel:
        return max(self.members.values(), key=lambda member: member.max_length)


Model = SavedModel | AveragedModel


def save_average(directory: Path, folders: Mapping[str, Path], weights: Mapping[str, float]) -> None:
    """Write the folder `directory` of an average, replacing it whole.

    Args:
        directory: the folder to write.
        folders: each member's model folder, which is copied, by the name of its run.
        weights: their weights.
    """
    with sealed_folder(directory) as new:
        for name, folder in folders.items():
            shutil.copytree(folder, new / MEMBERS / name)
        write_json(new / DESCRIPTION, {"format_version": FORMAT_VERSION, "weights": dict(weights)})


def load_model(directory: Path, *, verify: bool = False) -> Model:
    """Read the folder of a classifier or of an average, checking every file.

    Args:
        directory: the folder.
        verify: whether to replay the golden pairs of each classifier too.

    Raises:
        RunError: a file is missing, damaged or does not fit the others; the message names it.
    """
    if not (directory / MEMBERS).is_dir():
        return load_classifier(directory, verify=verify)
    sealed = Sealed.open(directory, error=RunError, remedy=REMEDY)
    try:
        found = sealed.json(DESCRIPTION, FORMAT_VERSION)["weights"].items()
        weights = {name: float(weight) for name, weight in found}
        if not weights or not all(0 <= weight < math.inf for weight in weights.values()):
            raise ValueError(f"weights: {weights}")
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        what = f"it describes no average ({type(error).__name__}: {error})"
        raise sealed.failure(DESCRIPTION, what) from error
    members = {}
    for name in weights:
        sums = sealed.checked(f"{MEMBERS}/{name}/{SUMS}")
        members[name] = load_classifier(sums.parent, verify=verify)
    return AveragedModel(members, weights)
