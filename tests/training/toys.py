"""Splits, steps and trainers that are small enough to run a whole training in a test."""

import json
from pathlib import Path
from typing import Any

import jax
import numpy as np

from rnncli.data.dataset import Split
from rnncli.settings.train import TrainSettings
from rnncli.training.loop import Trainer
from rnncli.training.objectives.classification import Classification
from rnncli.training.optimizer import make_optimizer
from rnncli.training.step import Programs, TrainState

VOCAB_SIZE, NUM_CLASSES, MAX_LENGTH = 2003, 3, 13
TRAIN_SIZE, VALIDATION_SIZE = 263, 29

# Dropout, a schedule, momentum and a mean of epochs, so that every step depends on all that a checkpoint
# must hold; enough batches for texts to be padded to two lengths.
CONFIG = TrainSettings.from_options(
    arch="gru",
    epochs=3,
    embedding_size=5,
    hidden_size=3,
    dropout=0.25,
    word_dropout=0.2,
    embedding_dropout=0.2,
    weight_dropout=0.2,
    average_epochs=2,
    batch_size=4,
    batching="buckets",
    learning_rate=0.01,
    schedule="cosine",
    warmup_steps=7,
    clip_norm=1.0,
)
BATCHES = -(-TRAIN_SIZE // CONFIG.data.batch_size)


def change(**settings: Any) -> TrainSettings:
    """`CONFIG` with other settings."""
    return TrainSettings.from_options(**CONFIG.options() | settings)


def make_split(name: str, texts: list[np.ndarray], labels: np.ndarray) -> Split:
    offsets = np.cumsum([0, *(len(ids) for ids in texts)], dtype=np.int64)
    return Split(name, np.concatenate(texts).astype(np.int32), offsets, labels, None)


def random_split(name: str, size: int) -> Split:
    """Texts of 0 to `MAX_LENGTH` random words; the first word of a text tells its label."""
    random = np.random.default_rng(size)
    lengths = random.integers(0, MAX_LENGTH + 1, size)
    texts = [random.integers(2, VOCAB_SIZE, length, dtype=np.int32) for length in lengths]
    labels = [ids[0] % NUM_CLASSES if len(ids) else 0 for ids in texts]
    return make_split(name, texts, np.array(labels, np.int32))


def make_objective(config: TrainSettings, num_devices: int = 1, train: Split | None = None) -> Classification:
    """Telling the classes of random texts apart, or of those given."""
    return Classification(
        config,
        config.model.shape(vocab_size=VOCAB_SIZE, num_classes=NUM_CLASSES),
        train or random_split("train", TRAIN_SIZE),
        random_split("validation", VALIDATION_SIZE),
        max_length=MAX_LENGTH,
        num_devices=num_devices,
    )


def make_programs(config: TrainSettings, num_devices: int = 1) -> Programs:
    automatic = (jax.sharding.AxisType.Auto,)
    mesh = jax.make_mesh((num_devices,), ("data",), automatic, devices=jax.devices()[:num_devices])
    tx = make_optimizer(config.optimizer, BATCHES * config.epochs)
    return Programs(make_objective(config, num_devices), tx, mesh)


def make_trainer(
    programs: Programs, num_devices: int = 1, train: Split | None = None, **changes: Any
) -> Trainer:
    """A trainer with `CONFIG` and changes to it, on random texts or those given."""
    config = change(**changes)
    return Trainer(config, make_objective(config, num_devices, train), programs)


def snapshot(state: TrainState) -> TrainState:
    """A copy on the host, which later steps leave alone."""
    return jax.tree.map(np.array, state)


def assert_equal_states(found: TrainState, expected: TrainState) -> None:
    """Equal bit for bit."""
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for ours, theirs in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def timeless_lines(run: Path) -> list[dict[str, Any]]:
    """The history of a run on disk without what a clock measured."""
    return timeless([json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()])


def timeless(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A history without what a clock measured."""
    measured = {"seconds", "compile_seconds", "examples_per_second"}
    return [{key: value for key, value in line.items() if key not in measured} for line in history]
