"""`rnncli compare` in a folder of runs."""

import json
from pathlib import Path

import pytest

from rnncli.workflows.evaluate import evaluate
from tests.cli.command import invoke, refused
from tests.runs.factories import make_dataset, make_run

LONG = "a-run-with-a-name-that-somebody-made-very-long-to-say-all-about-it"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs on one dataset, two of them evaluated, and one on another, evaluated."""
    folder = tmp_path_factory.mktemp("made")
    runs_dir = folder / "runs"
    dataset, other = make_dataset(runs_dir), make_dataset(runs_dir, "other", seed=1)
    make_run(runs_dir, "poor", dataset, known_words=1, hidden_size=8, dropout=0.1)
    make_run(runs_dir, LONG, dataset, learning_rate=0.01, optimizer="adamw", weight_decay=0.1)
    make_run(runs_dir, "fresh", dataset, clip_norm=0.0)
    make_run(runs_dir, "stranger", other)
    for name in ("poor", LONG, "stranger"):
        evaluate(name, runs_dir=runs_dir)
    return folder


def test_table(made: Path) -> None:
    done = invoke("compare", "--dataset", "words", cwd=made, COLUMNS="120")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0] == "words, test split: 307 examples"
    assert max(map(len, lines)) <= 120
    for word in ("accuracy", "parameters", "training", "model", "best", "optimizer", "adamw", "McNemar"):
        assert word in done.stdout, word
    first, second, third = [line.split() for line in lines if line.split()[1:2] and line[0] in "apf"][:3]
    assert [first[0][:6], second[0], third[0]] == [LONG[:6], "poor", "fresh"]
    assert third[1] == "-"
    assert done.stderr == "not evaluated on the test split yet:\n  rnncli eval fresh --dataset words\n"


def test_json(made: Path) -> None:
    done = invoke("compare", "poor", LONG, "--json", cwd=made)
    values = json.loads(done.stdout)
    assert (done.returncode, done.stdout.count("\n")) == (0, 1)
    assert [run["run"] for run in values["runs"]] == [LONG, "poor"]
    assert values["best"] == LONG
    expected = {"hidden_size", "dropout", "learning_rate", "optimizer", "weight_decay"}
    assert values["runs"][0]["settings"].keys() == expected
    assert values["runs"][1]["against_best"]["p_value"] < 0.001
    assert done.stderr.startswith("words, test split: 307 examples")
    done = invoke("compare", "--dataset", "words", "--sort", "name", "--json", "-q", cwd=made)
    assert [run["run"] for run in json.loads(done.stdout)["runs"]] == [LONG, "fresh", "poor"]
    assert done.stderr == ""


def test_nothing_evaluated(made: Path) -> None:
    done = invoke("compare", "--dataset", "words", "--split", "train", cwd=made)
    assert done.returncode == 0
    assert done.stdout.startswith("Validation figures of training on words\n")
    assert "0.7500" in done.stdout
    assert "McNemar" not in done.stdout
    assert "rnncli eval poor --split train --dataset words" in done.stderr


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["nobody"], 1, "no run 'nobody' in runs/"),
        (["--dataset", "nowhere"], 1, "no finished run on dataset 'nowhere' in runs/"),
        (["--sort", "beauty"], 2, "'beauty' is not one of"),
    ],
)
def test_wrong_options(made: Path, options: list[str], code: int, message: str) -> None:
    assert message in refused("compare", *options, cwd=made, code=code)
