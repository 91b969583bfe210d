"""`rnncli train`: what it writes and shows, how it stops and goes on."""

import json
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from rnncli.reporting import progress
from rnncli.workflows import ngram_run
from tests.cli.command import invoke, refused, rnncli
from tests.cli.tables import prepare_films
from tests.training.toys import timeless_lines

QUICK = ("--hidden-size", "3", "--embedding-size", "5", "--batch-size", "7", "--devices", "1")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small prepared dataset."""
    return prepare_films(tmp_path_factory.mktemp("train"))


@pytest.fixture(scope="module")
def first(prepared: Path) -> subprocess.CompletedProcess[str]:
    """How a run named first was trained."""
    done = rnncli("train", "--arch", "gru", "--epochs", "2", "--name", "first", *QUICK, cwd=prepared)
    assert done.returncode == 0, done.stderr
    return done


def test_what_a_user_sees(first: subprocess.CompletedProcess[str]) -> None:
    shown = [line for line in first.stderr.splitlines() if not line.startswith("warning: ")]
    start, one, compiling, two = shown
    assert re.fullmatch(r"first: gru with [\d,]+ parameters on films, 1 cpu device", start)
    assert (one.split()[:2], two.split()[:2]) == (["epoch", "1/2"], ["epoch", "2/2"])
    assert compiling.endswith("s of compiling")
    assert first.stdout.splitlines()[0].startswith("best epoch ")
    assert "rnncli eval first\n" in first.stdout
    assert max(map(len, [*shown, *first.stdout.splitlines()])) <= 80
    assert "\x1b" not in first.stderr


@pytest.mark.usefixtures("first")
def test_a_run_holds_what_the_readme_says(prepared: Path) -> None:
    run = prepared / "runs" / "first"
    files = "config.json metrics.jsonl summary.json history.png model checkpoints SHA256SUMS .lock"
    assert {path.name for path in run.iterdir()} == set(files.split())
    assert (run / "history.png").read_bytes().startswith(b"\x89PNG")
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2]
    assert " ".join(lines[0]) == (
        "epoch step train_loss train_accuracy val_loss val_accuracy seconds compile_seconds "
        "examples_per_second learning_rate grad_norm"
    )
    summary = json.loads((run / "summary.json").read_text())
    best = max(lines, key=lambda line: (line["val_accuracy"], -line["val_loss"]))
    assert (summary["val_accuracy"], summary["val_loss"]) == (best["val_accuracy"], best["val_loss"])
    assert (summary["best_epoch"], summary["epochs"]) == (best["epoch"], 2)
    settings = json.loads((run / "config.json").read_text())["train"]
    assert (settings["model"]["arch"], settings["model"]["hidden_size"], settings["epochs"]) == ("gru", 3, 2)


@pytest.mark.usefixtures("first")
def test_a_run_is_never_overwritten(prepared: Path) -> None:
    files = [path for path in (prepared / "runs/first").rglob("[!.]*") if path.is_file()]
    before = {path: path.read_bytes() for path in files}
    for option, name, message in (
        ("--name", "first", "runs/first holds a finished run"),
        ("--resume=first", "--epochs=10", "run 'first' is finished"),
        ("--resume", "", "no run '' in runs/"),
    ):
        assert refused("train", option, name, cwd=prepared).startswith(f"error: {message}")
    assert before == {path: path.read_bytes() for path in files}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--arch", "cnn"], "cnn"),
        (["--epochs", "0"], "0"),
        (["--name", "../escape"], "cannot name a run"),
        (["--name", ""], "'' cannot name a run"),
        (["--name", "a\nb"], "cannot name a run"),
        (["--name", "x" * 5000], "cannot name a run"),
        (["--preset", "magic"], "known: tutorial"),
        (["--config", "missing.toml"], "missing.toml"),
        (["--weight-decay", "0.1"], "--optimizer adamw"),
        (["--resume", "first", "--name", "second"], "leave out --name"),
        (["--arch", "ngram", "--coordinator", "auto", "--name", "n"], "leave out --coordinator"),
        (["--resume", "first", "--preset", "tutorial"], "leave out --name, --dataset, "),
        *((["--checkpoint-every", text], "minutes such as 10m") for text in ("soon", "0", "-3", "m", "0m")),
    ],
)
def test_impossible_options(prepared: Path, options: list[str], message: str) -> None:
    said = refused("train", *options, cwd=prepared, code=2)
    assert message in said
    assert len(said) < 1000


def test_a_variable_yields_to_an_option_and_beats_the_file(prepared: Path) -> None:
    (prepared / "some.toml").write_text("epochs = 5\n[model]\nhidden_size = 2\n")
    done = invoke(
        *("train", "--config", "some.toml", "--arch", "bow", "--name", "places", "--json"),
        cwd=prepared,
        RNNCLI_EPOCHS="1",
        RNNCLI_ARCH="lstm",
    )
    summary = json.loads(done.stdout)
    config = summary["config"]
    assert (config["epochs"], config["model"]["arch"], config["model"]["hidden_size"]) == (1, "bow", 2)
    assert summary == json.loads((prepared / "runs/places/summary.json").read_text())


def test_checkpoints_are_written_after_just_as_many_steps(prepared: Path) -> None:
    """The newest two are kept: one after a multiple of seven steps, and that at the end."""
    options = ("--arch", "bow", "--epochs", "1", "--checkpoint-every", "7", "--name", "seventh")
    done = invoke("train", *options, *QUICK, cwd=prepared)
    assert done.returncode == 0, done.stderr
    run = prepared / "runs" / "seventh"
    last = json.loads((run / "summary.json").read_text())["steps"]
    assert last % 7
    names = sorted(path.name for path in (run / "checkpoints").iterdir())
    assert names == [f"step-{step:08d}" for step in (last - last % 7, last)]


def test_a_signal_within_an_epoch_stops_there_and_resumed_it_is_the_same_run(
    prepared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All trained in this process, for another one may have other devices."""

    @contextmanager
    def interrupting(*_: object) -> Iterator[Callable[[Any], object]]:
        yield lambda event: event.step > 1 and signal.raise_signal(signal.SIGINT)

    command = ("train", "--arch", "lstm", "--epochs", "2", *QUICK, "--name")
    with monkeypatch.context() as patch:
        patch.setattr(progress, "training_progress", interrupting)
        stopped = invoke(*command, "stopped", cwd=prepared)
    assert (stopped.returncode, stopped.stdout) == (130, "")
    assert "rnncli train --resume stopped" in stopped.stderr
    runs = prepared / "runs"
    (checkpoint,) = (runs / "stopped" / "checkpoints").iterdir()
    assert "not finished" in refused("predict", "--run", "stopped", "text", cwd=prepared)
    for arguments in ((*command, "whole"), ("train", "--resume", "stopped", "--devices", "1")):
        done = invoke(*arguments, cwd=prepared)
        assert done.returncode == 0, done.stderr
    assert 1 < int(checkpoint.name.removeprefix("step-")) < timeless_lines(runs / "whole")[0]["step"]
    for file in ("model/model.safetensors", "model/tokenizer.json"):
        assert (runs / "stopped" / file).read_bytes() == (runs / "whole" / file).read_bytes()
    assert timeless_lines(runs / "stopped") == timeless_lines(runs / "whole")


@pytest.mark.usefixtures("first")
def test_a_run_starts_from_another_and_both_make_one(prepared: Path) -> None:
    begun = rnncli("train", "--from", "first", "--epochs", "1", "--name", "second", *QUICK, cwd=prepared)
    words = json.loads((prepared / "runs" / "second" / "config.json").read_text())["from"]["words"]
    said = " ".join(begun.stderr.split())
    assert f"from first: the vectors of {words:,} words, the encoder, the head; new: nothing" in said
    members = ("--average", "first", "--average", "second")
    done = rnncli("train", *members, "--name", "both", cwd=prepared)
    assert done.returncode == 0, done.stderr
    figures, weights, model, *_ = done.stdout.splitlines()
    assert figures.startswith("validation accuracy ")
    assert re.fullmatch(r"weights first \d+\.\d{3}, second \d+\.\d{3}", weights)
    assert model == "model   runs/both/model/"
    assert rnncli("predict", "--run", "both", "good", cwd=prepared).returncode == 0
    as_json = rnncli("train", *members, "--json", cwd=prepared)
    assert json.loads(as_json.stdout)["weights"].keys() == {"first", "second"}
    assert "--average takes trained runs" in refused("train", *members, "--epochs", "3", cwd=prepared, code=2)


def test_a_language_model_shows_perplexities_and_a_classifier_starts_from_it(prepared: Path) -> None:
    model = ("--objective", "language-model", "--arch", "bigru", "--name", "words", *QUICK)
    done = rnncli("train", *model, "--epochs", "2", cwd=prepared)
    assert done.returncode == 0, done.stderr
    start, *_, last = done.stderr.splitlines()
    assert re.fullmatch(r"words: bigru language model with [\d,]+ parameters on films, 1 cpu device", start)
    assert re.match(r"epoch 2/2 +train \d+\.\d+ +val \d\.\d{4} [\d.]+ [\d.]+\*? ", last)
    assert max(map(len, done.stderr.splitlines())) <= 80
    figures, folder, following = done.stdout.splitlines()
    assert re.fullmatch(r"best epoch \d: validation perplexity forward \d+\.\d, backward \d+\.\d", figures)
    assert (folder, following) == ("model   runs/words/model/", "next    rnncli train --from words")
    remedy = "'rnncli train --from words'"
    assert remedy in refused("predict", "--run", "words", "good", cwd=prepared, code=1)
    begun = rnncli("train", "--from", "words", "--epochs", "1", "--name", "after", *QUICK, cwd=prepared)
    assert "the encoder; new: the head" in " ".join(begun.stderr.split())


def test_a_signal_ends_the_fit_of_ngrams_which_resumes(
    prepared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(ngram_run, "fits", lambda *_, **__: signal.raise_signal(signal.SIGINT))
        stopped = invoke("train", "--arch", "ngram", "--name", "linear", cwd=prepared)
    assert (stopped.returncode, stopped.stdout) == (130, "")
    done = invoke("train", "--resume", "linear", cwd=prepared)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("validation accuracy ")
    assert "runs/linear/metrics.jsonl" not in done.stdout  # there are no curves
