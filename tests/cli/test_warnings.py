"""Training, data and texts that have gone wrong without an error say so."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load

from rnncli.cli import console
from rnncli.inference.model_folder import load_classifier
from rnncli.runs.run import Run
from tests.cli.command import invoke
from tests.cli.tables import write_table

QUICK = ("--arch", "bow", "--hidden-size", "3", "--embedding-size", "5", "--devices", "1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table in which nine of ten texts are bad."""
    folder = tmp_path_factory.mktemp("warnings")
    write_table(folder / "films.csv", ["bad", "good"], rows=211, shares=[0.9, 0.1])
    return folder


def warnings_in(stderr: str) -> list[str]:
    lines = stderr.splitlines()
    return [line.removeprefix("warning: ") for line in lines if line.startswith("warning: ")]


def test_unknown_words_and_a_single_answer(folder: Path) -> None:
    prepared = invoke("prepare", "films.csv", "--vocab-size", "3", "--json", "-q", cwd=folder)
    (unknown,) = json.loads(prepared.stdout)["warnings"]
    assert "of the training split's tokens are not in the vocabulary of 3 words" in unknown
    assert prepared.stderr == f"warning: {unknown}\n"

    done = invoke("train", *QUICK, "--epochs", "2", "--json", "--name", "blind", cwd=folder)
    assert done.returncode == 0, done.stderr
    found = warnings_in(done.stderr)
    assert found[0] == unknown
    assert found[1].startswith("every validation text is labelled 'bad': ")
    assert "--class-weights balanced" in found[1]
    summary: dict[str, Any] = json.loads(done.stdout)
    assert summary["warnings"] == found
    assert done.stderr.index(unknown) < done.stderr.index("epoch 1/2"), "said while it can still be stopped"

    evaluated = invoke("eval", "--json", "-q", cwd=folder)
    assert evaluated.returncode == 0, evaluated.stderr
    found = warnings_in(evaluated.stderr)
    assert json.loads(evaluated.stdout)["warnings"] == found
    assert [text for text in found if text.startswith("every text of the test split is labelled 'bad'")]

    predicted = invoke("predict", "Überraschung", "nichts davon", "-q", cwd=folder)
    (text,) = warnings_in(predicted.stderr)
    assert text.startswith("2 of 2 texts hold no word of the vocabulary")
    assert predicted.stderr.count("\n") == 1


def test_divergence_keeps_what_was_good(folder: Path) -> None:
    assert invoke("prepare", "films.csv", "--name", "whole", "-q", cwd=folder).returncode == 0
    # One step an epoch, the first at a rate of zero: nothing is wrong before the second epoch.
    rising = ("--batch-size", "256", "--clip-norm", "0", "--warmup-steps", "2", "--learning-rate", "3e38")
    done = invoke(
        *("train", *QUICK, *rising, "--epochs", "9", "--name", "wild", "--dataset", "whole"), cwd=folder
    )
    assert (done.returncode, done.stdout) == (1, "")
    error = done.stderr.splitlines()[-1]
    assert error.startswith("error: step 2 (epoch 2): the ")
    assert "train again with a lower --learning-rate than 3e+38 or --clip-norm 1; " in error
    assert error.endswith("the model of epoch 1 is kept in runs/wild/model")
    run = Run(folder / "runs/wild")
    assert not run.finished
    assert load_classifier(run.model_dir, verify=True).label_names == ("bad", "good")
    checkpoints = list(run.checkpoints_dir.glob("*/state.safetensors"))
    assert checkpoints
    for path in checkpoints:
        params = {name: value for name, value in load(path.read_bytes()).items() if "params" in name}
        assert params
        assert all(np.isfinite(value).all() for value in params.values())
    assert invoke("predict", "--run", "runs/wild/model", "the film", cwd=folder).returncode == 0


def test_remarks_fit_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    words = " ".join(f"word{number}" for number in range(31))
    for stderr, most in ((Terminal(), 40), (io.StringIO(), 300)):
        monkeypatch.setattr(sys, "stderr", stderr)
        monkeypatch.setenv("COLUMNS", "40")
        console.warn(words)
        console.note(f"to do:\n  rnncli eval {words}")
        lines = stderr.getvalue().splitlines()
        assert max(map(len, lines)) <= most
        assert " ".join(stderr.getvalue().split()) == f"warning: {words} to do: rnncli eval {words}"
        assert (len(lines) == 3) is (most == 300)
