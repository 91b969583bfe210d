"""What the program imports, and so how soon it answers."""

import subprocess
import sys
from pathlib import Path

import pytest

from rnncli.inference.model_folder import save_model
from rnncli.settings.model import ModelShape
from tests.cli.command import rnncli
from tests.factories import random_model

HEAVY = ("jax", "flax", "optax", "matplotlib", "pyarrow", "scipy", "pooch")


def modules_loaded_by(*arguments: str, cwd: Path) -> set[str]:
    """Top-level modules that a successful command imported."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "rnncli", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=True,
    )
    return {
        line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines() if "|" in line
    }


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["train", "--help"]])
def test_help_loads_no_array_library(tmp_path: Path, arguments: list[str]) -> None:
    assert not modules_loaded_by(*arguments, cwd=tmp_path) & {*HEAVY, "numpy", "tokenizers", "rich"}


def test_predicting_a_few_texts_loads_no_jax(tmp_path: Path) -> None:
    model = random_model(ModelShape("bilstm", vocab_size=11, num_classes=2, embedding_size=5, hidden_size=3))
    save_model(tmp_path / "model", model)
    loaded = modules_loaded_by("predict", "--run", "model", "great movie", cwd=tmp_path)
    assert "numpy" in loaded
    assert not loaded & {*HEAVY, "rich"}


def test_version_and_help(tmp_path: Path) -> None:
    assert rnncli("--version", cwd=tmp_path).stdout.startswith("rnncli ")
    text = rnncli("--help", cwd=tmp_path).stdout
    assert all(command in text for command in ("prepare", "train", "eval", "predict", "compare"))
    assert rnncli("no-such-command", cwd=tmp_path).returncode == 2
    assert not list(tmp_path.iterdir())


def test_help_keeps_what_all_commands_have_apart(tmp_path: Path) -> None:
    text = rnncli("train", "--help", cwd=tmp_path).stdout
    own, common = text.split("\nCommon:\n")
    assert all(f"\n{title}:\n" in own for title in ("Model", "Training", "Run", "Several processes"))
    assert all(f"--{option}" in common for option in ("runs-dir", "json", "quiet", "debug", "help"))
    assert "--epochs" in own
    assert "--epochs" not in common
    assert max(map(len, text.splitlines())) <= 80


def test_a_closed_pipe_ends_silently(tmp_path: Path) -> None:
    command = f"{sys.executable} -m rnncli train --help | head -n 1 >&2; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 1
