"""`rnncli prepare` in an empty folder."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.cli.command import invoke, refused


def prepare(folder: Path, *arguments: object, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the command with these arguments, which must succeed."""
    done = invoke("prepare", *arguments, cwd=folder, **env)
    assert done.returncode == 0, done.stderr
    return done


def write_table(path: Path, classes: dict[str, int]) -> None:
    """A CSV with so many different texts of each class."""
    rows = [
        f"{label} text w{number},{label}\n" for label, count in classes.items() for number in range(count)
    ]
    path.write_text("text,label\n" + "".join(rows))


def test_the_sample_is_the_default(tmp_path: Path) -> None:
    done = prepare(tmp_path)
    assert "Dataset sample: 2 classes" in done.stdout
    assert "tagged: contrast, distance" in done.stdout
    assert done.stdout.endswith("data    runs/datasets/sample/\nnext    rnncli train --dataset sample\n")
    assert done.stderr.startswith("Writing the sample: ")
    assert "\x1b" not in done.stdout + done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


def test_a_table_of_six_classes_as_json(tmp_path: Path) -> None:
    classes = {"ABBR": 11, "DESC": 101, "ENTY": 97, "HUM": 89, "LOC": 83, "NUM": 79}
    write_table(tmp_path / "questions.csv", classes)
    done = prepare(tmp_path, "questions.csv", "--json", "--max-length", "13", "--test-fraction", "0.2")
    report = json.loads(done.stdout)
    assert (done.stdout.count("\n"), report["format_version"]) == (1, 2)
    assert (report["dataset"], report["path"]) == ("questions", "runs/datasets/questions")
    assert (report["label_names"], report["config"]["max_length"]) == (list(classes), 13)
    assert list(report["splits"]["test"]["label_counts"].values()) == [2, 20, 19, 18, 17, 16]
    assert "ABBR" in done.stderr
    manifest = json.loads((tmp_path / "runs/datasets/questions/manifest.json").read_text())
    assert manifest.items() <= report.items()


def test_unbalanced_classes_with_a_test_file_and_quiet(tmp_path: Path) -> None:
    write_table(tmp_path / "train.csv", {"0": 503, "1": 53, "2": 11})
    write_table(tmp_path / "held.csv", {"2": 7, "0": 31})
    options = ("--test", "held.csv", "--name", "three", "--quiet")
    done = prepare(tmp_path, "train.csv", *options, RNNCLI_RUNS_DIR=str(tmp_path / "elsewhere"))
    assert (done.stdout, done.stderr) == ("", "")
    manifest = json.loads((tmp_path / "elsewhere/datasets/three/manifest.json").read_text())
    assert manifest["splits"]["test"]["label_counts"] == {"0": 31, "2": 7}
    assert manifest["splits"]["train"]["label_counts"] == {"0": 453, "1": 48, "2": 10}
    assert manifest["source"] == "train.csv and held.csv"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nothing.csv"], 1, "error: nothing.csv: no such file or folder; SOURCE is"),
        (["bad.csv"], 1, "error: bad.csv: line 3: has 3 cells where the header has 2"),
        (["imdb", "--archive", "bad.csv"], 1, "error: bad.csv: not a tar archive"),
        (["sample", "--archive", "bad.csv"], 2, "error: --archive does not go with sample"),
        (["--name", "../up"], 2, "error: '../up' cannot name a dataset"),
        (["--vocab-size", "2"], 2, "Invalid value for '--vocab-size'"),
        (["--val-fraction", "0.6", "--test-fraction", "0.5"], 2, "must leave texts for training"),
        (["--truncate", "head"], 2, "--truncate named what is cut, --keep names what is kept: use --keep"),
    ],
)
def test_failures_leave_nothing(tmp_path: Path, arguments: list[str], code: int, message: str) -> None:
    (tmp_path / "bad.csv").write_text("text,label\na,x\nb,x,y\n")
    assert message in refused("prepare", *arguments, "--json", cwd=tmp_path, code=code)
    assert list(tmp_path.rglob("manifest.json")) == []


def test_skipped_rows_are_counted_and_labels_cannot_steer_the_terminal(tmp_path: Path) -> None:
    write_table(tmp_path / "t.csv", {"\x1b[31mred": 23, "[bold]b": 19})
    with (tmp_path / "t.csv").open("a") as file:
        file.write("one,two,three\nlonely\n")
    lines = prepare(tmp_path, "t.csv", "--skip-bad-rows").stdout.splitlines()
    assert next(line.split()[2:] for line in lines if line.startswith("skipped rows")) == ["2", "0", "0"]
    assert any(" [31mred" in line for line in lines)
    assert any("[bold]b" in line for line in lines)
    assert not any("\x1b" in line for line in lines)
