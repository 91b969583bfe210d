"""Checkpoints: the arrays and the progress of a run, enough to continue it bit for bit.

    checkpoints/step-00000391/state.safetensors   every array of the training state, by its path
                              state.json          progress, the checksum of the arrays, and its own

A checkpoint is a folder that is filled beside its place and renamed when whole. The newest ones
are kept; a damaged one is reported, and the one before it serves.
"""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from rnncli.errors import RunError
from rnncli.system.files import checked_json, named_failures, replaced_directory, with_checksum, write_json
from rnncli.training.loop import Progress
from rnncli.training.step import TrainState

KEPT = 2
ARRAYS, DESCRIPTION = "state.safetensors", "state.json"


def save_checkpoint(directory: Path, state: TrainState, progress: Progress) -> Path:
    """Write a checkpoint below `directory`, then remove those that are no longer kept."""
    arrays = {path: np.asarray(value) for path, value in _by_path(state).items()}
    content = save(arrays)
    path = directory / f"step-{int(state.step):08d}"
    with named_failures(path), replaced_directory(path) as new:
        (new / ARRAYS).write_bytes(content)
        description = {"sha256": hashlib.sha256(content).hexdigest(), "progress": progress.to_dict()}
        write_json(new / DESCRIPTION, with_checksum(description))
    for old in _newest_first(directory)[KEPT:]:
        shutil.rmtree(old)
    return path


def load_newest_checkpoint(
    directory: Path, template: TrainState, report: Callable[[str], None]
) -> tuple[TrainState, Progress] | None:
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
            report(f"{error}; trying the checkpoint before it")
    if found:
        raise RunError(f"{directory}: no checkpoint is whole; train the run again under another --name")
    return None


def _newest_first(directory: Path) -> list[Path]:
    return sorted(directory.glob("step-*"), reverse=True)


def _by_path(state: TrainState) -> dict[str, Any]:
    """The leaves of a training state by their path in it."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(state)
    return {jax.tree_util.keystr(path): leaf for path, leaf in leaves}


def _load(path: Path, template: TrainState) -> tuple[TrainState, Progress]:
    try:
        content = (path / ARRAYS).read_bytes()
        description = checked_json((path / DESCRIPTION).read_bytes())
        if hashlib.sha256(content).hexdigest() != description["sha256"]:
            raise RunError(f"{path / ARRAYS} is damaged: its checksum differs")
        arrays = load(content)
        progress = Progress.from_dict(description["progress"])
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise RunError(f"{path} is damaged ({error})") from error
    expected = _by_path(template)
    for name, leaf in expected.items():
        found = arrays.get(name)
        if found is None or (found.shape, found.dtype) != (leaf.shape, leaf.dtype):
            shape = "nothing" if found is None else f"{found.dtype}{list(found.shape)}"
            raise RunError(f"{path}: {name} should be {leaf.dtype}{list(leaf.shape)}, found {shape}")
    unknown = sorted(arrays.keys() - expected.keys())
    if unknown:
        raise RunError(f"{path}: {unknown[0]} is no part of this model and optimizer")
    structure = jax.tree_util.tree_structure(template)
    return jax.tree_util.tree_unflatten(structure, [arrays[name] for name in expected]), progress
