"""Checkpoints: the arrays of a training state and where it stands, enough to continue bit for bit.

    checkpoints/step-00000391/state.safetensors   every array of the training state, by its path
                              state.json          where it stands, as plain values

A checkpoint is a sealed folder. The newest ones are kept; a damaged one is reported, and the one
before it serves.
"""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import jax
import numpy as np
from safetensors.numpy import load, save

from rnncli.errors import RunError
from rnncli.system.files import write_json
from rnncli.system.sealed import Sealed, sealed_folder

FORMAT_VERSION = 2
KEPT = 2
ARRAYS, DESCRIPTION = "state.safetensors", "state.json"

State = TypeVar("State")  # any tree of arrays that JAX knows


def save_checkpoint(directory: Path, step: int, state: Any, standing: Mapping[str, Any]) -> Path:
    """Write a checkpoint below `directory`, then remove those that are no longer kept.

    Args:
        directory: the run's folder of checkpoints.
        step: the steps done.
        state: a tree of arrays.
        standing: what else resuming needs, as plain JSON values.
    """
    path = directory / f"step-{step:08d}"
    with sealed_folder(path) as new:
        (new / ARRAYS).write_bytes(save({name: np.asarray(leaf) for name, leaf in _by_path(state).items()}))
        write_json(new / DESCRIPTION, {"format_version": FORMAT_VERSION, "standing": standing})
    for old in _newest_first(directory)[KEPT:]:
        shutil.rmtree(old)
    return path


def load_newest_checkpoint(
    directory: Path, template: State, report: Callable[[str], None]
) -> tuple[State, dict[str, Any]] | None:
    """The newest whole checkpoint, or None where there is none.

    Args:
        directory: the run's folder of checkpoints.
        template: a state of the same model and optimizer.
        report: told about every damaged checkpoint that is passed over.

    Raises:
        RunError: there are checkpoints, but each is damaged.
    """
    found = _newest_first(directory)
    for path in found:
        try:
            return _load(path, template)
        except RunError as error:
            report(str(error))
    if found:
        raise RunError(f"{directory}: no checkpoint is whole; train the run again under another --name")
    return None


def _newest_first(directory: Path) -> list[Path]:
    return sorted(directory.glob("step-*"), reverse=True)


def _by_path(state: Any) -> dict[str, Any]:
    """The leaves of a training state by their path in it."""
    leaves = jax.tree_util.tree_leaves_with_path(state)
    return {jax.tree_util.keystr(path): leaf for path, leaf in leaves}


def _load(path: Path, template: State) -> tuple[State, dict[str, Any]]:
    sealed = Sealed.open(path, error=RunError, remedy="trying the checkpoint before it")
    standing: dict[str, Any] = sealed.json(DESCRIPTION, FORMAT_VERSION)["standing"]
    arrays, expected = load(sealed.read(ARRAYS)), _by_path(template)
    for name in expected | arrays:
        found, wanted = (_shape(leaves.get(name)) for leaves in (arrays, expected))
        if found != wanted:
            raise sealed.failure(ARRAYS, f"{name} should be {wanted}, found {found}")
    structure = jax.tree_util.tree_structure(template)
    return jax.tree_util.tree_unflatten(structure, [arrays[name] for name in expected]), standing


def _shape(leaf: Any) -> str:
    return "nothing" if leaf is None else f"{leaf.dtype}{list(leaf.shape)}"
