"""Named settings, and settings out of their several places."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rnncli.errors import UsageError
from rnncli.settings.base import as_tables, merged, require
from rnncli.settings.train import TrainSettings

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
    }
}


def resolve_settings(given: Mapping[str, Any], config: Path | None, preset: str | None) -> TrainSettings:
    """The settings of a run: those `given` by name, else of a TOML file, of a preset, the defaults.

    Raises:
        UsageError: the preset or a setting is unknown, or a value is out of range.
    """
    require(preset is None or preset in PRESETS, f"no preset '{preset}'; known: {', '.join(PRESETS)}")
    values = dict(PRESETS[preset]) if preset else {}
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
