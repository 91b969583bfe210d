import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.data.small_imdb import pack, small_imdb

ROOT = Path(__file__).parents[2]
OFFLINE = {f"{scheme}_proxy": "http://127.0.0.1:9" for scheme in ("http", "https", "all")}


def environment(folder: Path) -> dict[str, str]:
    """An environment without a network, a terminal or settings of our own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RNNCLI_", "NO_COLOR"))}
    return (
        kept | OFFLINE | {"PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(folder / "cache"), "COLUMNS": "80"}
    )


def rnncli(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "rnncli", *arguments],
        cwd=folder,
        env=environment(folder) | variables,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )


def write_table(path: Path, classes: dict[str, int], words: int = 83) -> None:
    """A CSV of random texts in which a word tells the class."""
    dice = random.Random(7)
    rows = ["text,label"]
    for label, count in classes.items():
        for _ in range(count):
            text = " ".join([label, *(f"w{dice.randrange(words)}" for _ in range(dice.randrange(3, 29)))])
            rows.append(f'"{text}",{label}')
    path.write_text("\n".join(rows) + "\n")


def test_the_sample_is_the_default(tmp_path: Path) -> None:
    done = rnncli(tmp_path, "prepare")
    assert done.returncode == 0, done.stderr
    assert "Dataset sample: 2 classes" in done.stdout
    assert "tagged: contrast, distance" in done.stdout
    assert done.stdout.endswith("data    runs/datasets/sample/\nnext    rnncli train --dataset sample\n")
    assert done.stderr.startswith("Writing the sample: ")
    assert "\x1b" not in done.stdout + done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs"]


def test_a_table_of_six_classes_as_json(tmp_path: Path) -> None:
    classes = {"ABBR": 11, "DESC": 101, "ENTY": 97, "HUM": 89, "LOC": 83, "NUM": 79}
    write_table(tmp_path / "questions.csv", classes)
    done = rnncli(
        tmp_path, "prepare", "questions.csv", "--json", "--max-length", "13", "--test-fraction", "0.2"
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["dataset"] == "questions"
    assert report["path"] == "runs/datasets/questions"
    assert report["label_names"] == list(classes)
    assert report["config"]["max_length"] == 13
    counts = {name: split["label_counts"] for name, split in report["splits"].items()}
    for label, rows in classes.items():
        assert counts["test"][label] == round(0.2 * rows)
        assert counts["validation"][label] == max(round(0.1 * rows), 1)
        assert sum(split[label] for split in counts.values()) == rows
    assert "ABBR" in done.stderr
    manifest = json.loads((tmp_path / "runs/datasets/questions/manifest.json").read_text())
    assert manifest.items() <= report.items()


def test_three_unbalanced_classes_with_a_test_file_and_quiet(tmp_path: Path) -> None:
    write_table(tmp_path / "train.csv", {"0": 503, "1": 53, "2": 11})
    write_table(tmp_path / "held.csv", {"2": 7, "0": 31})
    done = rnncli(
        tmp_path, "prepare", "train.csv", "--test", "held.csv", "--name", "three", "--quiet",
        RNNCLI_RUNS_DIR=str(tmp_path / "elsewhere"),
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    manifest = json.loads((tmp_path / "elsewhere/datasets/three/manifest.json").read_text())
    assert manifest["splits"]["test"]["label_counts"] == {"0": 31, "2": 7}
    assert manifest["splits"]["train"]["label_counts"] == {"0": 453, "1": 48, "2": 10}
    assert manifest["source"] == "train.csv and held.csv"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nothing.csv"], 1, "error: nothing.csv: no such file or folder; SOURCE is"),
        (["bad.csv"], 1, "error: bad.csv: line 3: has 3 cells where the header has 2"),
        (["bad.csv", "--text-column", "words"], 1, "no column 'words'; the columns are: 'text', 'label'"),
        (
            ["imdb"],
            1,
            "give a local copy with --archive PATH, or begin with the bundled data: rnncli prepare",
        ),
        (["imdb", "--archive", "bad.csv"], 1, "error: bad.csv: not a tar archive"),
        (["sample", "--archive", "bad.csv"], 2, "error: --archive does not go with sample"),
        (["--name", "../up"], 2, "error: '../up' cannot name a dataset"),
        (["--name", ""], 2, "error: '' cannot name a dataset"),
        (["--vocab-size", "2"], 2, "Invalid value for '--vocab-size'"),
        (["--val-fraction", "1.5"], 2, "val_fraction must be below 1"),
        (["--val-fraction", "0.6", "--test-fraction", "0.5"], 2, "must leave texts for training"),
        (
            ["--truncate", "head"],
            2,
            "error: --truncate named what is cut, --keep what is kept: --keep end",
        ),
        (["--truncate", "tail"], 2, "--keep start"),
        (["--truncate", "both"], 2, "--keep both, which keeps the first and the last tokens"),
        (["--truncate", "middle"], 2, "--keep end, start or both"),
        (["--keep", "middle"], 2, "Invalid value for '--keep'"),
    ],
)
def test_failures_are_one_line(tmp_path: Path, arguments: list[str], code: int, message: str) -> None:
    (tmp_path / "bad.csv").write_text("text,label\na,x\nb,x,y\n")
    done = rnncli(tmp_path, "prepare", *arguments, "--json")
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert message in " ".join(done.stderr.replace("│", " ").split())
    assert "Traceback" not in done.stderr
    assert list(tmp_path.rglob("manifest.json")) == []


def test_skipped_rows_are_counted(tmp_path: Path) -> None:
    write_table(tmp_path / "t.csv", {"x": 23, "y": 19})
    with (tmp_path / "t.csv").open("a") as file:
        file.write("one,two,three\nlonely\n")
    done = rnncli(tmp_path, "prepare", "t.csv", "--skip-bad-rows")
    assert done.returncode == 0, done.stderr
    line = next(line for line in done.stdout.splitlines() if line.startswith("skipped rows"))
    assert line.split()[2:] == ["2", "0", "0"]


def test_a_label_cannot_steer_the_terminal(tmp_path: Path) -> None:
    write_table(tmp_path / "t.csv", {"\x1b[31mred": 7, "[bold]b": 7})
    done = rnncli(tmp_path, "prepare", "t.csv")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert " [31mred" in done.stdout
    assert "[bold]b" in done.stdout


def test_killed_at_any_moment_the_old_dataset_stays(tmp_path: Path) -> None:
    write_table(tmp_path / "t.csv", {"x": 701, "y": 709})
    assert rnncli(tmp_path, "prepare", "t.csv").returncode == 0
    folder = tmp_path / "runs/datasets/t"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    write_table(tmp_path / "t.csv", {"x": 1409, "y": 1423}, words=5003)
    for delay in (0.3, 0.4, 0.5, 0.6, 0.7):
        process = subprocess.Popen(
            [sys.executable, "-m", "rnncli", "prepare", "t.csv", "-q"],
            cwd=tmp_path,
            env=environment(tmp_path),
        )
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
        after = {path.name: path.read_bytes() for path in folder.iterdir()}
        if after != before:
            assert set(after) == set(before)
            assert json.loads(after["manifest.json"])["splits"]["train"]["rows"] > 2000
    assert rnncli(tmp_path, "prepare", "t.csv").returncode == 0
    assert sorted(path.name for path in folder.parent.iterdir()) == [".t.lock", "t"]


def test_a_closed_pipe_ends_silently(tmp_path: Path) -> None:
    write_table(tmp_path / "t.csv", {"x": 23, "y": 19})
    command = f"{sys.executable} -m rnncli prepare t.csv --json -q | true"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""


def test_an_imdb_archive(tmp_path: Path) -> None:
    pack(tmp_path / "imdb.tar.gz", small_imdb(films=53, reviews=211))
    done = rnncli(tmp_path, "prepare", "imdb", "--archive", "imdb.tar.gz", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["dataset"], report["label_names"]) == ("imdb", ["neg", "pos"])
    rows = [split["rows"] for split in report["splits"].values()]
    assert sum(rows[:2]) == 422
    assert 38 <= rows[1] <= 42
    assert rows[2:] == [422, 211]
    assert "Reading imdb.tar.gz: 1,055 texts" in done.stderr
