"""`rnncli train` as a subprocess: what it writes, where its settings come from, how it stops."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rnncli.errors import UsageError
from rnncli.settings.presets import PRESETS, resolve_settings
from rnncli.workflows.train import parse_interval
from tests.cli.command import rnncli
from tests.cli.tables import write_table

QUICK = ("--hidden-size", "3", "--embedding-size", "5", "--batch-size", "7", "--devices", "1")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small prepared dataset."""
    folder = tmp_path_factory.mktemp("train")
    write_table(folder / "films.csv", ["bad", "good"], rows=211)
    assert rnncli("prepare", "films.csv", "--max-length", "11", cwd=folder).returncode == 0
    return folder


@pytest.fixture(scope="module")
def trained(prepared: Path) -> Path:
    """The run directory of a finished run."""
    done = rnncli("train", "--arch", "gru", "--epochs", "2", "--name", "first", *QUICK, cwd=prepared)
    assert done.returncode == 0, done.stderr
    assert "rnncli eval first" in done.stdout
    assert [line.split()[:2] for line in done.stderr.splitlines()[1:3]] == [
        ["epoch", "1/2"],
        ["epoch", "2/2"],
    ]
    assert "\x1b" not in done.stderr
    return prepared / "runs" / "first"


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_run_holds_what_the_readme_says(trained: Path) -> None:
    names = {path.name for path in trained.iterdir()} - {".lock"}
    assert names == {
        "config.json",
        "metrics.jsonl",
        "summary.json",
        "history.png",
        "model",
        "checkpoints",
        "SHA256SUMS",
    }
    assert (trained / "history.png").read_bytes().startswith(b"\x89PNG")
    lines = read_lines(trained / "metrics.jsonl")
    assert [line["epoch"] for line in lines] == [1, 2]
    assert " ".join(lines[0]) == (
        "epoch step train_loss train_accuracy val_loss val_accuracy seconds compile_seconds "
        "examples_per_second learning_rate grad_norm"
    )
    summary = json.loads((trained / "summary.json").read_text())
    best = max(lines, key=lambda line: (line["val_accuracy"], -line["val_loss"]))
    assert (summary["best_epoch"], summary["val_accuracy"]) == (best["epoch"], best["val_accuracy"])
    settings = json.loads((trained / "config.json").read_text())["train"]
    assert (settings["arch"], settings["hidden_size"], settings["epochs"]) == ("gru", 3, 2)


def test_json_is_the_summary(prepared: Path) -> None:
    done = rnncli(
        "train", "--arch", "bow", "--epochs", "1", "--json", "--name", "plain", *QUICK, cwd=prepared
    )
    assert json.loads(done.stdout) == json.loads((prepared / "runs/plain/summary.json").read_text())
    assert json.loads(done.stdout)["format_version"] == 1


def test_a_run_is_never_overwritten(trained: Path) -> None:
    files = [path for path in trained.rglob("*") if path.is_file() and path.name != ".lock"]
    before = {path: path.read_bytes() for path in files}
    done = rnncli("train", "--name", "first", *QUICK, cwd=trained.parents[1])
    assert done.returncode == 1
    assert "error: runs/first holds a finished run" in done.stderr
    assert before == {path: path.read_bytes() for path in files}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--arch", "cnn"], "cnn"),
        (["--epochs", "0"], "0"),
        (["--name", "../escape"], "cannot name a run"),
        (["--name", ""], "'' cannot name a run"),
        (["--name", "a\nb"], "cannot name a run"),
        (["--name=-rf"], "cannot name a run"),
        (["--name", "x" * 5000], "cannot name a run"),
        (["--preset", "magic"], "known: tutorial"),
        (["--checkpoint-every", "soon"], "minutes such as 10m"),
        (["--config", "missing.toml"], "missing.toml"),
        (["--weight-decay", "0.1"], "--optimizer adamw"),
        (["--resume", "first", "--name", "second"], "leave out --name"),
    ],
)
def test_impossible_options(prepared: Path, options: list[str], message: str) -> None:
    done = rnncli("train", *options, cwd=prepared)
    assert done.returncode == 2
    assert message in done.stderr
    assert not done.stdout
    assert "Traceback" not in done.stderr
    assert len(done.stderr) < 1000


def test_resuming_an_empty_name_starts_nothing(prepared: Path) -> None:
    done = rnncli("train", "--resume", "", cwd=prepared)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: no run '' in runs/")


def test_settings_come_from_the_nearest_place(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text('hidden_size = 11\nepochs = 7\noptimizer = "sgd"\n')
    settings = resolve_settings({"epochs": 3}, path, "tutorial")
    assert settings.epochs == 3  # an option
    assert (settings.hidden_size, settings.optimizer) == (11, "sgd")  # the file
    assert (settings.arch, settings.batch_size) == (
        "bilstm",
        PRESETS["tutorial"]["batch_size"],
    )  # the preset
    assert settings.warmup_steps == 0  # the default
    path.write_text("hiden_size = 11\n")
    with pytest.raises(UsageError, match=r"settings\.toml: unknown setting 'hiden_size'"):
        resolve_settings({}, path, None)
    path.write_text('hidden_size = "11"\n')
    with pytest.raises(UsageError, match=r"settings\.toml: hidden_size: '11' is not of type int"):
        resolve_settings({}, path, None)
    path.write_text('optimizer = "magic"\n')
    with pytest.raises(UsageError, match=r"settings\.toml: optimizer: 'magic'"):
        resolve_settings({}, path, None)


def test_a_variable_yields_to_an_option_and_beats_the_file(prepared: Path) -> None:
    (prepared / "some.toml").write_text("epochs = 5\nhidden_size = 2\n")
    done = rnncli(
        *("train", "--config", "some.toml", "--arch", "rnn", "--name", "places", "--devices", "1", "--json"),
        cwd=prepared,
        RNNCLI_EPOCHS="1",
        RNNCLI_ARCH="lstm",
    )
    config = json.loads(done.stdout)["config"]
    assert (config["epochs"], config["arch"], config["hidden_size"]) == (1, "rnn", 2)


def test_intervals_of_checkpoints() -> None:
    assert parse_interval("500") == (500, 0)
    assert parse_interval("2.5m") == (0, 150)
    assert parse_interval(None) == (0, 0)
    for text in ("0", "-3", "m", "1h", "0m"):
        with pytest.raises(UsageError):
            parse_interval(text)


def test_checkpoints_are_written_after_just_as_many_steps(prepared: Path) -> None:
    """The newest two are kept: one after a multiple of seven steps, and that at the end."""
    done = rnncli(
        "train", "--epochs", "1", "--checkpoint-every", "7", "--name", "seventh", *QUICK, cwd=prepared
    )
    assert done.returncode == 0, done.stderr
    run = prepared / "runs" / "seventh"
    last = json.loads((run / "summary.json").read_text())["steps"]
    assert last % 7
    names = sorted(path.name for path in (run / "checkpoints").iterdir())
    assert names == [f"step-{step:08d}" for step in (last - last % 7, last)]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped_and_resumed_is_the_same_run(prepared: Path, number: signal.Signals, code: int) -> None:
    name = f"stopped-{code}"
    settings = ("--arch", "lstm", "--epochs", "40", "--early-stopping", "0", *QUICK)
    whole = rnncli("train", *settings, "--name", f"whole-{code}", "--json", cwd=prepared)
    assert whole.returncode == 0
    process = subprocess.Popen(
        [sys.executable, "-m", "rnncli", "train", *settings, "--name", name],
        cwd=prepared,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    while not process.stderr.readline().startswith("epoch  2"):
        assert process.poll() is None
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == code
    assert stdout == ""
    assert f"rnncli train --resume {name}" in stderr
    refused = rnncli("predict", "--run", name, "text", cwd=prepared)
    assert refused.returncode == 1
    assert "not finished" in refused.stderr
    resumed = rnncli("train", "--resume", name, "--devices", "1", "--json", cwd=prepared)
    assert resumed.returncode == 0, resumed.stderr
    for file in ("model/model.safetensors", "model/tokenizer.json"):
        assert (prepared / f"runs/{name}" / file).read_bytes() == (
            prepared / f"runs/whole-{code}" / file
        ).read_bytes()
    figures = [
        [
            {key: value for key, value in line.items() if "second" not in key}
            for line in read_lines(prepared / "runs" / run_name / "metrics.jsonl")
        ]
        for run_name in (name, f"whole-{code}")
    ]
    assert figures[0] == figures[1]


def test_resuming_lists_settings_that_differ(prepared: Path) -> None:
    settings = ("--arch", "rnn", "--epochs", "300", *QUICK, "--name", "differs")
    process = subprocess.Popen(
        [sys.executable, "-m", "rnncli", "train", *settings],
        cwd=prepared,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    while "epoch" not in process.stderr.readline():
        assert process.poll() is None
    process.kill()
    process.communicate()
    done = rnncli("train", "--resume", "differs", "--hidden-size", "4", cwd=prepared)
    assert done.returncode == 2
    assert "hidden_size 3 → 4" in done.stderr
