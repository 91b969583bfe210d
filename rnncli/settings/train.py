"""Everything that decides a training run, besides its dataset, and the places that it is taken from."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from rnncli.errors import UsageError
from rnncli.settings.base import Settings, as_tables, merged, require, setting
from rnncli.settings.model import ModelSettings, Objective

Batching = Literal["buckets", "full"]
Optimizer = Literal["adam", "adamw", "sgd", "rmsprop"]
Schedule = Literal["constant", "cosine", "linear"]
ClassWeights = Literal["none", "balanced"]
Vectors = Literal["random", "texts"]
Precision = Literal["float32", "bfloat16"]


@dataclass(frozen=True)
class DataSettings(Settings):
    """How training texts become batches."""

    batch_size: int = setting(64, "Texts in a batch.", min=1)
    read_length: int = setting(
        0,
        "Read this many tokens of a longer text, the first and the last; 0 reads all that is stored.",
        min=0,
    )
    unlabelled: int = setting(
        0,
        "Learn from this many unlabelled texts at most, with --teacher or as a language model; 0 takes all.",
        min=0,
    )
    batching: Batching = setting("buckets", "Pad batches to a few lengths, or all to the longest text.")


@dataclass(frozen=True)
class OptimizerSettings(Settings):
    """How gradients become updates."""

    name: Optimizer = setting("adam", "Update rule.", name="optimizer")
    learning_rate: float = setting(3e-3, "Highest learning rate of the schedule.", above=0)
    schedule: Schedule = setting("constant", "How the learning rate changes after warm-up.")
    warmup_steps: int = setting(0, "Steps over which the learning rate rises from 0.", min=0)
    weight_decay: float = setting(0.0, "Weight decay, with adamw only.", min=0)
    average_epochs: int = setting(
        1,
        "The model is the mean of the parameters after this many last epochs; 1: those of the best epoch.",
        min=1,
    )
    clip_norm: float = setting(1.0, "Clip gradients to this global norm; 0 disables clipping.", min=0)
    unfreeze_epochs: int = setting(
        0,
        "Train the head alone at first, and a layer more after every so many epochs, down to the word "
        "vectors; 0: all from the start.",
        min=0,
    )
    layer_rate_decay: float = setting(
        1.0, "Divide the learning rate by this for each layer below the head.", min=1
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            self.weight_decay == 0 or self.name == "adamw",
            f"weight_decay needs --optimizer adamw, not {self.name}",
        )


@dataclass(frozen=True)
class TrainSettings(Settings):
    """Everything that decides a run, besides its dataset."""

    model: ModelSettings = field(default_factory=ModelSettings)
    data: DataSettings = field(default_factory=DataSettings)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    objective: Objective = setting(
        "classification",
        "Tell classes apart; or predict, in each direction, the next word of labelled and unlabelled texts, "
        "for another run to start --from.",
    )
    vectors: Vectors = setting(
        "random",
        "What word vectors start as, without --from: random, or made of the dataset's texts, unlabelled ones "
        "included, so that words that stand in like company have like vectors.",
    )
    epochs: int = setting(5, "Passes over the training split.", min=1)
    least_steps: int = setting(
        0, "Pass over few texts more often, for so many steps at least; --epochs given beside it wins.", min=0
    )
    early_stopping: int = setting(
        0, "Stop after this many epochs without a better one; 0 trains them all.", min=0
    )
    class_weights: ClassWeights = setting("none", "Weights of the classes in the loss.")
    label_smoothing: float = setting(
        0.0, "Share of each target that is spread over all classes.", min=0, below=1
    )
    teacher_share: float = setting(
        0.0, "Share of the teachers' probabilities in the targets of labelled texts.", min=0, max=1
    )
    precision: Precision = setting("float32", "Precision of the matrix products in recurrent layers.")
    seed: int = setting(0, "Seed of initial parameters, order of texts and dropout.", min=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            self.early_stopping == 0 or self.optimizer.average_epochs == 1,
            "average_epochs needs the last epoch, which early_stopping may never reach: use one of them",
        )
        if self.objective == "language-model":
            self._require_next_words()

    def for_texts(self, count: int) -> "TrainSettings":
        """These settings with the epochs that `least_steps` makes of `count` training texts."""
        steps = -(-count // self.data.batch_size)  # of an epoch
        return replace(self, epochs=max(self.epochs, -(-self.least_steps // steps)))

    def _require_next_words(self) -> None:
        """Refuse what cannot learn to predict the next word, or would be told it."""
        model, objective = self.model, "objective language-model"
        require(bool(model.cell), f"{objective} needs a recurrent --arch, not {model.arch}")
        require(
            model.num_directions == 1 or model.num_layers == 1,
            f"{objective} cannot have --num-layers {model.num_layers} with --arch {model.arch}: the second "
            "layer of each direction would be told the next word by the other one; use --num-layers 1 or "
            f"--arch {model.cell}",
        )
        require(
            not model.evidence,
            f"{objective} cannot have evidence, in which the next word shows; "
            "a classifier that starts --from it can",
        )
        of_labels = {"class_weights": "none", "label_smoothing": 0.0, "teacher_share": 0.0}
        given = [name for name, default in of_labels.items() if getattr(self, name) != default]
        require(not given, f"{objective} has no labels: leave out {', '.join(given)}")


PRESETS: dict[str, dict[str, Any]] = {
    # The usual textbook configuration: Keras' defaults around a bidirectional LSTM.
    "tutorial": {
        "epochs": 12,
        "model": {
            "arch": "bilstm",
            "embedding_size": 128,
            "hidden_size": 64,
            "num_layers": 1,
            "dropout": 0.5,
            "pooling": "last",
        },
        "data": {"batch_size": 128},
        "optimizer": {"name": "adam", "learning_rate": 1e-3, "schedule": "constant", "clip_norm": 0.0},
    },
    # A recurrent model in about a minute: it reads what n-grams say, and few words of its own.
    "fast": {
        "epochs": 2,
        "least_steps": 1000,
        "model": {
            "arch": "bigru",
            "embedding_size": 32,
            "hidden_size": 32,
            "pooling": "maxmean",
            "evidence": True,
            "word_dropout": 0.6,
            "embedding_dropout": 0.2,
        },
        "vectors": "texts",
        "data": {"batch_size": 64, "read_length": 200},
        "optimizer": {"learning_rate": 3e-3, "schedule": "cosine"},
    },
}


def resolve_settings(
    given: Mapping[str, Any],
    config: Path | None,
    preset: str | None,
    model: ModelSettings | None = None,
) -> TrainSettings:
    """The settings of a run: those `given` by name, else of a TOML file, of a preset, the defaults.

    The defaults of a model are those of `model`, where there is one to start from. Epochs that are `given`
    are not made more by `least_steps` from elsewhere.

    Raises:
        UsageError: the preset or a setting is unknown, or a value is out of range.
    """
    require(preset is None or preset in PRESETS, f"no preset '{preset}'; known: {', '.join(PRESETS)}")
    if "epochs" in given:
        given = {"least_steps": 0, **given}
    values = {"model": model.to_dict()} if model else {}
    values = merged(values, PRESETS[preset]) if preset else values
    if config:
        from_file = _read_toml(config)
        TrainSettings.from_dict(from_file, where=str(config))
        values = merged(values, from_file)
    return TrainSettings.from_dict(merged(values, as_tables(TrainSettings, given)), where="settings")


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise UsageError(f"{path}: cannot read the configuration: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{path}: not a TOML file: {error}") from error
