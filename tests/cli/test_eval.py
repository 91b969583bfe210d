"""`rnncli eval` in an empty folder."""

import csv
import json
import re
import shutil
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rnncli.inference.model_folder import load_classifier, save_model
from rnncli.system.files import write_json
from tests.cli.command import invoke, refused
from tests.factories import reseal
from tests.runs.factories import make_dataset, make_run


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a dataset and two runs on it; the later one, ``good``, is the latest."""
    folder = tmp_path_factory.mktemp("made")
    dataset = make_dataset(folder / "runs")
    make_run(folder / "runs", "poor", dataset, known_words=1)
    make_run(folder / "runs", "good", dataset)
    return folder


@pytest.fixture
def here(made: Path, tmp_path: Path) -> Path:
    """An empty folder but for a copy of those runs."""
    shutil.copytree(made / "runs", tmp_path / "runs")
    return tmp_path


def json_of(output: str) -> dict[str, Any]:
    lines = output.splitlines()
    assert len(lines) == 1
    values: dict[str, Any] = json.loads(lines[0])
    return values


def test_table(here: Path) -> None:
    done = invoke("eval", cwd=here)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("good on words, test split: 307 examples in ")
    for start in ("accuracy ", "loss ", "macro F1 ", "ROC AUC ", "ECE ", "Brier ", "neg ", "pos ", "noisy "):
        assert any(line.startswith(start) for line in lines), start
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in done.stdout


def test_json(here: Path) -> None:
    done = invoke("eval", "poor", "--split", "validation", "--json", cwd=here)
    assert done.returncode == 0
    values = json_of(done.stdout)
    assert (values["run"], values["dataset"], values["split"]) == ("poor", "words", "validation")
    assert values["examples"] == 53 == sum(map(sum, values["confusion"]))
    assert values["gates"] == []
    assert values["verified"] is False
    assert done.stderr.startswith("poor on words, validation split: 53 examples")
    stored = json.loads((here / "runs/poor/evaluations/words-validation/figures.json").read_text())
    assert stored["accuracy"] == values["accuracy"]


def test_quiet_leaves_json_alone(here: Path) -> None:
    done = invoke("eval", "--quiet", cwd=here)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    done = invoke("eval", "--verify", "--json", "--quiet", cwd=here)
    assert done.stderr == ""
    assert json_of(done.stdout)["verified"] is True
    assert json_of(done.stdout)["tags"]["plain"]["accuracy"] == 1


def test_output(here: Path) -> None:
    done = invoke("eval", "--output", "predictions.csv", cwd=here)
    assert (done.returncode, done.stderr) == (0, "predictions: predictions.csv\n")
    with (here / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["index"]) for row in rows] == list(range(307))
    for row in rows:
        assert (row["label"] == row["predicted"]) is (row["tag"] == "plain")
        assert 0.5 <= float(row["probability"]) <= 1


def test_a_temperature_and_its_effect(here: Path) -> None:
    before = json_of(invoke("eval", "--json", cwd=here).stdout)
    assert (before["temperature"], before["ece_untempered"]) == (1, before["ece"])
    path = here / "runs/good/model"
    save_model(path, replace(load_classifier(path), temperature=2.0))
    reseal(here / "runs/good")
    done = invoke("eval", "--json", "--plot", "trust.PNG", cwd=here)
    assert done.stderr.endswith("plot: trust.PNG\n")
    values = json_of(done.stdout)
    assert values["temperature"] == 2
    assert values["ece_untempered"] == pytest.approx(before["ece"], abs=1e-9) != values["ece"]
    assert (values["accuracy"], values["confusion"]) == (before["accuracy"], before["confusion"])
    assert (values["coverage"][0]["examples"], values["coverage"][0]["accuracy"]) == (307, values["accuracy"])
    width, height = struct.unpack(">II", (here / "trust.PNG").read_bytes()[16:24])
    assert (width, height) == (1080, 480)
    lines = invoke("eval", cwd=here).stdout.splitlines()
    assert max(map(len, lines)) <= 80
    for start, value in (("ECE ", "ece"), ("ECE before ", "ece_untempered"), ("temperature ", "temperature")):
        assert any(line.startswith(start) and f" {values[value]:.4f} " in line for line in lines), start


def test_gates_that_hold(here: Path) -> None:
    options = ("--fail-under", "accuracy=0.5", "--fail-under", "macro_f1=0.5", "--not-worse-than", "poor")
    done = invoke("eval", "good", *options, "--json", "--quiet", cwd=here)
    assert (done.returncode, done.stderr) == (0, "")
    gates = json_of(done.stdout)["gates"]
    assert [gate["gate"] for gate in gates] == ["accuracy=0.5", "macro_f1=0.5", "not-worse-than poor"]
    assert all(gate["passed"] for gate in gates)
    assert invoke("eval", "good", "--not-worse-than", "latest", "-q", cwd=here).returncode == 0


def test_gates_that_fail_still_print_the_result(here: Path) -> None:
    options = ("--fail-under", "accuracy=0.99", "--fail-under", "roc_auc=0.1", "--not-worse-than", "good")
    done = invoke("eval", "poor", *options, "--json", "--quiet", cwd=here)
    assert done.returncode == 3
    values = json_of(done.stdout)
    failure = rf"error: gate failed: accuracy {values['accuracy']:.6g} is below 0\.99; accuracy "
    assert re.fullmatch(failure + r"0\.5\d* is worse than 0\.7\d* of 'good' \(p = .*\)\n", done.stderr)
    assert [gate["passed"] for gate in values["gates"]] == [False, True, False]
    assert not (here / "runs/good/evaluations").exists()


def test_verify_finds_a_model_that_predicts_something_else(here: Path) -> None:
    path = here / "runs/good/model/model.json"
    description = json.loads(path.read_text())
    description["golden"][1]["probabilities"] = [0.123, 0.877]
    write_json(path, description)
    reseal(path.parent)
    assert invoke("eval", "-q", cwd=here).returncode == 0
    assert "does not give its own golden probabilities again" in refused("eval", "--verify", cwd=here)


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["nobody"], 1, "no run 'nobody' in runs/"),
        (["--dataset", "nowhere"], 1, "no prepared dataset 'nowhere'"),
        (["--not-worse-than", "nobody"], 1, "no run 'nobody' in runs/"),
        (["--fail-under", "accuracy"], 2, "write METRIC=VALUE, METRIC being accuracy, macro_f1 or roc_auc"),
        (["--output", "p.txt"], 2, "--output p.txt: the ending decides the format: use .csv or .jsonl"),
        (["--plot", "p.jpg"], 2, "--plot p.jpg: the file's name must end in .png"),
        (["--plot", "no/p.png"], 2, "--plot no/p.png: there is no folder no"),
        (["--split", "unlabelled"], 2, "'unlabelled' is not one of"),
        (["--batch-size", "0"], 2, "Invalid value for '--batch-size'"),
    ],
)
def test_wrong_options(made: Path, options: list[str], code: int, message: str) -> None:
    assert message in refused("eval", *options, cwd=made, code=code)
    assert not (made / "runs/good/evaluations").exists()


def test_no_run_at_all(tmp_path: Path) -> None:
    error = refused("eval", cwd=tmp_path)
    assert error.startswith("error: no finished run in runs/: train one with 'rnncli train")
    assert "or name the bundled 'pretrained'" in error
    assert list(tmp_path.iterdir()) == []


def test_suite(here: Path) -> None:
    done = invoke("eval", "--suite", "order", "--worst", "3", cwd=here)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("good on suite order: ")
    for start in ("plain ", "negated pairs ", "contrasted ", "intensified ", "overall "):
        assert any(line.startswith(start) for line in lines), start
    assert max(map(len, lines)) <= 80
    values = json_of(invoke("eval", "--suite", "order", "--worst", "3", "--json", cwd=here).stdout)
    assert len(values["worst"]) == 3
    kinds = values["kinds"]
    of_kinds = [kinds[kind]["right"] for kind in ("plain", "negated", "contrasted", "intensified")]
    assert kinds["overall"]["right"] == sum(of_kinds)
    # The texts hold no word that this model knows, so that it gives one label to all: no pair is right.
    assert (kinds["overall"]["accuracy"], kinds["negated pairs"]["right"]) == (0.5, 0)


def test_suite_refuses_what_does_not_go_with_it(here: Path) -> None:
    assert "--dataset does not go with --suite" in refused(
        "eval", "--suite", "order", "--dataset", "words", cwd=here, code=2
    )
    assert "--worst needs --suite" in refused("eval", "--worst", "3", cwd=here, code=2)
    dataset = make_dataset(here / "runs", name="three", label_names=("a", "b", "c"))
    make_run(here / "runs", "abc", dataset)
    assert "the run's are a, b, c" in refused("eval", "abc", "--suite", "order", cwd=here)
