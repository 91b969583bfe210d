"""What the program imports, and so how soon it answers; its help."""

import subprocess
import sys
from pathlib import Path

import pytest

from rnncli.inference.model_folder import save_model
from rnncli.settings.model import ModelShape
from tests.cli.command import ENVIRONMENT, invoke
from tests.cli.tables import prepare_films
from tests.factories import random_model

HEAVY = {"jax", "jaxlib", "flax", "optax", "matplotlib", "pyarrow", "scipy", "pooch", "rich"}
COMMANDS = ("prepare", "train", "eval", "predict", "compare")


def modules_loaded_by(*arguments: str, cwd: Path) -> set[str]:
    """Top-level modules that a successful command imported."""
    command = [sys.executable, "-X", "importtime", "-m", "rnncli", *arguments]
    done = subprocess.run(command, cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, check=True)
    lines = [line for line in done.stderr.splitlines() if "|" in line]
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["train", "--help"]])
def test_help_loads_no_array_library(tmp_path: Path, arguments: list[str]) -> None:
    assert not modules_loaded_by(*arguments, cwd=tmp_path) & {*HEAVY, "numpy", "tokenizers"}
    assert not list(tmp_path.iterdir())


def test_predicting_a_few_texts_loads_no_jax(tmp_path: Path) -> None:
    model = random_model(ModelShape("bilstm", vocab_size=11, num_classes=2, embedding_size=5, hidden_size=3))
    save_model(tmp_path / "model", model)
    loaded = modules_loaded_by("predict", "--run", "model", "great movie", cwd=tmp_path)
    assert {"numpy", "tokenizers", "safetensors"} <= loaded
    assert not loaded & HEAVY


def test_a_linear_model_is_fitted_and_used_without_jax(tmp_path: Path) -> None:
    prepare_films(tmp_path)
    for arguments in (
        ["train", "--arch", "ngram"],
        ["eval"],
        ["predict", "--input", "films.csv"],
        ["compare"],
    ):
        loaded = modules_loaded_by(*arguments, cwd=tmp_path)
        assert "numpy" in loaded
        assert not loaded & {"jax", "jaxlib", "flax", "optax", "matplotlib"}, arguments
        assert ("scipy" in loaded) == (arguments[0] == "train")


def test_version_and_commands(tmp_path: Path) -> None:
    assert invoke("--version", cwd=tmp_path).stdout.startswith("rnncli ")
    text = invoke("--help", cwd=tmp_path).stdout
    assert all(command in text for command in COMMANDS)
    assert invoke("no-such-command", cwd=tmp_path).returncode == 2


@pytest.mark.parametrize("command", COMMANDS)
def test_help_fits_and_keeps_apart_what_all_commands_have(tmp_path: Path, command: str) -> None:
    text = invoke(command, "--help", cwd=tmp_path, COLUMNS="200").stdout
    own, common = text.split("\nCommon:\n")
    assert all(f"--{option}" in common for option in ("runs-dir", "json", "quiet", "debug", "help"))
    assert max(map(len, text.splitlines())) <= 80
    if command == "train":
        assert all(f"\n{title}:\n" in own for title in ("Model", "Training", "Run", "Several processes"))
        assert "--epochs" in own
        assert "--epochs" not in common
