"""The bundled model: it answers before anything is trained, and stands back for a run of one's own."""

import json
from pathlib import Path

import pytest

import rnncli as package
from rnncli.inference.averaged_model import load_model
from tests.cli.command import rnncli
from tests.cli.test_start import HEAVY, modules_loaded_by
from tests.runs.factories import make_dataset, make_run

FOLDER = Path(package.__file__).parent / "pretrained"
NOTE = "the bundled model answers"


def test_it_answers_in_an_empty_folder_and_says_so(tmp_path: Path) -> None:
    done = rnncli("predict", "great movie", "a dull and boring film", cwd=tmp_path)
    assert (done.returncode, [line.split("\t")[0] for line in done.stdout.splitlines()]) == (
        0,
        ["pos", "neg"],
    )
    assert NOTE in done.stderr
    assert list(tmp_path.iterdir()) == []
    assert NOTE not in rnncli("predict", "great movie", "--quiet", cwd=tmp_path).stderr


def test_it_answers_without_jax(tmp_path: Path) -> None:
    assert not modules_loaded_by("predict", "great movie", cwd=tmp_path) & HEAVY


def test_a_run_of_ones_own_comes_first(tmp_path: Path) -> None:
    make_run(tmp_path / "runs", "own", make_dataset(tmp_path / "runs"))
    assert NOTE not in rnncli("predict", "great movie", cwd=tmp_path).stderr
    named = rnncli("predict", "great movie", "--run", "pretrained", cwd=tmp_path)
    assert NOTE in named.stderr
    assert json.loads(rnncli("eval", "pretrained", "--suite", "order", "--json", cwd=tmp_path).stdout)["run"]


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("great movie", "pos"),
        ("I love this film", "pos"),
        ("I do not love this film", "neg"),
        ("not good", "neg"),
        ("never boring", "pos"),
        ("far from great", "neg"),
        ("could not be better", "pos"),
        ("no fun at all", "neg"),
    ],
)
def test_it_reads_negation(text: str, label: str) -> None:
    assert package.load("pretrained").predict([text])[0].label == label


def test_it_is_small_and_whole() -> None:
    load_model(FOLDER / "model", verify=True)
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) <= 3_000_000
