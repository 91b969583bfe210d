"""Every setting as a frozen dataclass, validated when it is made."""

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Self, get_type_hints

from rnncli.errors import UsageError


class Arch(StrEnum):
    """A classifier's encoder: bag of words, or a recurrent cell in one or two directions."""

    BOW = "bow"
    RNN = "rnn"
    LSTM = "lstm"
    GRU = "gru"
    BIRNN = "birnn"
    BILSTM = "bilstm"
    BIGRU = "bigru"

    @property
    def cell(self) -> str:
        """The recurrent cell: ``rnn``, ``lstm`` or ``gru``; empty for the bag of words."""
        return "" if self is Arch.BOW else self.removeprefix("bi")

    @property
    def num_directions(self) -> int:
        """1, or 2 for encoders that also read from the end."""
        return 2 if self.startswith("bi") else 1


class Pooling(StrEnum):
    """How the states of all steps become one vector."""

    LAST = "last"
    MAX = "max"
    MEAN = "mean"


class Truncation(StrEnum):
    """Which end of a text that is too long is cut off."""

    HEAD = "head"
    TAIL = "tail"
    BOTH = "both"


class TableFormat(StrEnum):
    """How rows of text are stored in a file or stream."""

    CSV = "csv"
    TSV = "tsv"
    JSONL = "jsonl"
    PARQUET = "parquet"
    TEXT = "text"


class OutputFormat(StrEnum):
    """How predictions are written."""

    TEXT = "text"
    JSONL = "jsonl"
    CSV = "csv"


class Precision(StrEnum):
    """What the recurrent layers compute their products in while training."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


class Optimizer(StrEnum):
    """The rule that turns gradients into updates."""

    ADAM = "adam"
    ADAMW = "adamw"
    SGD = "sgd"
    RMSPROP = "rmsprop"


class Schedule(StrEnum):
    """How the learning rate changes over the steps of a run."""

    CONSTANT = "constant"
    COSINE = "cosine"
    LINEAR = "linear"


class ClassWeights(StrEnum):
    """How much each class counts in the training loss."""

    NONE = "none"
    BALANCED = "balanced"


class Batching(StrEnum):
    """How texts are padded: to a few lengths, similar texts together, or all to the longest."""

    BUCKETS = "buckets"
    FULL = "full"


class SplitName(StrEnum):
    """The labelled part of a dataset that an evaluation is about."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


class SortKey(StrEnum):
    """What a comparison of runs is sorted by."""

    ACCURACY = "accuracy"
    LOSS = "loss"
    PARAMETERS = "parameters"
    TIME = "time"
    SIZE = "size"
    NAME = "name"


def require(condition: bool, message: str) -> None:
    """Raise UsageError with `message` unless `condition` holds."""
    if not condition:
        raise UsageError(message)


@dataclass(frozen=True)
class Config:
    """Base of all settings: reading from and writing to plain dictionaries."""

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], *, where: str) -> Self:
        """Build from a mapping; `where` names its place in error messages.

        Raises:
            UsageError: a key is unknown, or a value has the wrong type or is out of range.
        """
        types = get_type_hints(cls)
        names = [field.name for field in dataclasses.fields(cls)]
        for key in values:
            require(key in names, f"{where}: unknown setting '{key}'; known: {', '.join(names)}")
        converted = {}
        for key, value in values.items():
            try:
                converted[key] = _convert(value, types[key])
            except (TypeError, ValueError) as error:
                raise UsageError(f"{where}: {key}: {error}") from error
        try:
            return cls(**converted)
        except TypeError as error:
            raise UsageError(f"{where}: {error}") from error

    def to_dict(self) -> dict[str, Any]:
        """The settings as plain JSON values."""
        return {
            key: str(value) if isinstance(value, StrEnum) else value
            for key, value in dataclasses.asdict(self).items()
        }


def _convert(value: Any, kind: Any) -> Any:
    """`value` as `kind`, refusing what is not the same thing in another notation."""
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return kind(value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(kind, type) and (not isinstance(value, kind) or isinstance(value, bool) != (kind is bool)):
        raise TypeError(f"{value!r} is not of type {kind.__name__}")
    return value


@dataclass(frozen=True)
class PrepareConfig(Config):
    """How texts become a prepared dataset; part of its fingerprint."""

    vocab_size: int = 10_000
    max_length: int = 200
    truncate: Truncation = Truncation.HEAD
    val_fraction: float = 0.1
    test_fraction: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        require(self.vocab_size >= 3, "vocab_size counts padding and unknown: it must be at least 3")
        require(self.max_length >= 1, "max_length must be at least 1")
        require(0 < self.val_fraction < 1, "val_fraction must lie between 0 and 1")
        require(0 < self.test_fraction < 1, "test_fraction must lie between 0 and 1")
        require(
            self.val_fraction + self.test_fraction < 1,
            "val_fraction and test_fraction together must leave texts for training",
        )


@dataclass(frozen=True)
class ModelConfig(Config):
    """The shape of a classifier; with its weights, all that a forward pass needs."""

    arch: Arch
    vocab_size: int
    num_classes: int
    embedding_size: int = 128
    hidden_size: int = 64
    num_layers: int = 1
    dropout: float = 0.5
    pooling: Pooling = Pooling.LAST

    def __post_init__(self) -> None:
        require(self.num_classes >= 2, "a classifier needs at least 2 classes")
        for name in ("vocab_size", "embedding_size", "hidden_size", "num_layers"):
            require(getattr(self, name) >= 1, f"{name} must be at least 1")
        require(0 <= self.dropout < 1, "dropout must be at least 0 and below 1")

    @property
    def num_outputs(self) -> int:
        """Output units: one logit for two classes (of the second), else one a class."""
        return 1 if self.num_classes == 2 else self.num_classes


@dataclass(frozen=True)
class TrainConfig(Config):
    """Everything that decides a run, besides its dataset."""

    arch: Arch = Arch.BILSTM
    epochs: int = 5
    embedding_size: int = 128
    hidden_size: int = 64
    num_layers: int = 1
    dropout: float = 0.5
    pooling: Pooling = Pooling.LAST
    batch_size: int = 64
    batching: Batching = Batching.BUCKETS
    learning_rate: float = 3e-3
    optimizer: Optimizer = Optimizer.ADAM
    schedule: Schedule = Schedule.CONSTANT
    warmup_steps: int = 0
    weight_decay: float = 0.0
    clip_norm: float = 1.0
    class_weights: ClassWeights = ClassWeights.NONE
    early_stopping: int = 0
    precision: Precision = Precision.FLOAT32
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "embedding_size", "hidden_size", "num_layers", "batch_size"):
            require(getattr(self, name) >= 1, f"{name} must be at least 1")
        for name in ("warmup_steps", "early_stopping", "weight_decay", "clip_norm", "seed"):
            require(getattr(self, name) >= 0, f"{name} must be at least 0")
        require(0 <= self.dropout < 1, "dropout must be at least 0 and below 1")
        require(self.learning_rate > 0, "learning_rate must be above 0")
        require(
            self.weight_decay == 0 or self.optimizer is Optimizer.ADAMW,
            f"weight_decay needs --optimizer adamw, not {self.optimizer}",
        )

    def model_config(self, *, vocab_size: int, num_classes: int) -> ModelConfig:
        """The classifier's shape for a dataset with these sizes."""
        shared = {f.name for f in dataclasses.fields(ModelConfig)} & set(self.to_dict())
        values = {name: getattr(self, name) for name in shared}
        return ModelConfig(vocab_size=vocab_size, num_classes=num_classes, **values)


TUTORIAL = {
    "arch": "bilstm",
    "epochs": 12,
    "embedding_size": 128,
    "hidden_size": 64,
    "num_layers": 1,
    "dropout": 0.5,
    "pooling": "last",
    "batch_size": 128,
    "learning_rate": 1e-3,
    "optimizer": "adam",
    "schedule": "constant",
    "clip_norm": 0.0,
}

PRESETS: dict[str, dict[str, Any]] = {"tutorial": TUTORIAL}


def read_toml(path: Path) -> dict[str, Any]:
    """The settings in a TOML file.

    Raises:
        UsageError: the file is missing or is not TOML.
    """
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise UsageError(f"{path}: cannot read the configuration: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{path}: not a TOML file: {error}") from error
