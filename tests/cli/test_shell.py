"""What shells, scripts and terminals may rely on, whatever the command."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from unittest import mock

import pytest

from rnncli.errors import RunError
from rnncli.runs.finding import find_run
from rnncli.runs.run import Run
from rnncli.settings.train import TrainSettings
from rnncli.workflows import predict as workflow
from tests.cli.command import COMMAND, ENVIRONMENT, invoke, on_terminal, refused, rnncli
from tests.runs.factories import make_dataset, make_run

COLOUR = re.compile(r"\x1b\[[0-9;]*(3[0-7]|9[0-7])m")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the dataset ``words``, two finished runs and one that is not."""
    folder = tmp_path_factory.mktemp("made")
    dataset = make_dataset(folder / "runs")
    make_run(folder / "runs", "good", dataset)
    make_run(folder / "runs", "poor", dataset, known_words=1)
    unfinished = Run(folder / "runs" / "going")
    unfinished.path.mkdir()
    unfinished.begin(TrainSettings(), dataset="words", fingerprint="")
    return folder


def test_line_breaks_in_what_a_failure_quotes_become_blanks() -> None:
    assert str(RunError("films.csv: no column\n c\r\nd\u2028e")) == "films.csv: no column  c d e"


def test_debug_shows_the_traceback(made: Path) -> None:
    done = rnncli("predict", "text", "--run", "nobody", "--debug", cwd=made)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Traceback (most recent call last)")
    assert "RunError: no run 'nobody' in runs/" in done.stderr
    with pytest.raises(RunError, match="no run 'nobody'"):
        invoke("eval", "nobody", cwd=made, RNNCLI_DEBUG="1")


def test_lack_of_memory_is_one_line(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workflow, "load", mock.Mock(side_effect=MemoryError))
    assert "error: out of memory: use a smaller --batch-size " in refused("predict", "text", cwd=made)


def test_a_closed_pipe_ends_silently(made: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command, pipe = [*COMMAND, "eval", "good"], subprocess.PIPE
    done = subprocess.run(command, cwd=made, env=ENVIRONMENT, stdout=writer, stderr=pipe, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


def wait_until_idle(pid: int) -> None:
    """Wait until a process sleeps and has used no time of the processor for half a second."""
    idle = 0
    used = ""
    while idle < 5:
        time.sleep(0.1)
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
        now = " ".join(fields[10:12])
        idle = idle + 1 if state == "S" and now == used else 0
        used = now


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_no_temporary_file(
    made: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    with subprocess.Popen(
        [*COMMAND, "predict", "--run", "good", "--output", str(tmp_path / "rows.csv")],
        cwd=made,
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        while not list(tmp_path.glob(".rows.csv.*.tmp")):
            assert process.poll() is None
        wait_until_idle(process.pid)  # for Python can lose a signal that comes while it imports a module
        process.send_signal(number)
        assert process.wait(60) == code
        assert process.stderr is not None
        assert b"Traceback" not in process.stderr.read()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("variables", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colour_and_a_bar_on_a_terminal(made: Path, variables: dict[str, str], coloured: bool) -> None:
    lines = on_terminal("eval", "good", "--json", cwd=made, stream="stderr", **variables)
    assert any("Scoring test with good" in line for line in lines)
    assert any(COLOUR.search(line) for line in lines) is coloured


def completions(folder: Path, shell: str, words: Sequence[str], **variables: str) -> str:
    """What the program tells a shell that completes the last of `words`."""
    line = " ".join(words)
    asked = {
        "bash": {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)},
        "zsh": {"_TYPER_COMPLETE_ARGS": line},
        "fish": {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
    }
    done = invoke(cwd=folder, _RNNCLI_COMPLETE=f"complete_{shell}", **asked[shell], **variables)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_commands_are_completed(made: Path, shell: str) -> None:
    found = completions(made, shell, ["rnncli", "tr"])
    assert re.findall(r"\b(train|prepare|eval|predict|compare)\b", found)[0] == "train"
    assert not re.search(r"\b(prepare|eval|predict|compare)\b", found)
    script = invoke(cwd=made, _RNNCLI_COMPLETE=f"source_{shell}").stdout
    assert f"_RNNCLI_COMPLETE=complete_{shell}" in script


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["eval", "g"], ["good"]),
        (["compare", "good", "p"], ["poor"]),
        (["predict", "--run", "l"], ["latest"]),
        (["train", "--resume", "g"], ["going"]),
        (["train", "--dataset", "w"], ["words"]),
        (["train", "--arch", "big"], ["bigru"]),
    ],
    ids=lambda value: value[0],
)
def test_names_are_completed(made: Path, words: list[str], expected: list[str]) -> None:
    assert completions(made, "bash", ["rnncli", *words]).split() == expected


def test_names_are_completed_from_another_folder(made: Path, tmp_path: Path) -> None:
    words = ["rnncli", "eval", "g"]
    assert completions(tmp_path, "bash", words).split() == []
    assert completions(tmp_path, "bash", words, RNNCLI_RUNS_DIR=str(made / "runs")).split() == ["good"]


def test_a_long_list_of_runs_is_cut(tmp_path: Path) -> None:
    for number in range(13):
        run = Run(tmp_path / f"run-{number}")
        run.path.mkdir()
        (run.path / "SHA256SUMS").touch()
        os.utime(run.path / "SHA256SUMS", (number, number))
    with pytest.raises(RunError, match=r"there are: run-12, run-11, .*run-3 and 3 older ones$"):
        find_run(tmp_path, "nobody")
