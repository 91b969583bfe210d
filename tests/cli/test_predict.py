"""`rnncli predict` as its users run it: arguments, files, pipes and terminals."""

import csv
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from rnncli.inference.model_folder import save_model
from rnncli.runs.run import Run
from rnncli.settings.model import ModelShape
from rnncli.settings.train import TrainSettings
from rnncli.workflows.predict import load
from tests.cli.command import COMMAND, ENVIRONMENT, invoke, on_terminal, refused
from tests.factories import random_model

PREDICT = [*COMMAND, "predict"]
SIX = ("HUM:ind, or so", "LOC", "否定", "two  spaces", 'a "quote"', "tab\there")
OWN = ["great, they say", 'a "bad"\nmovie', ""]
TEXTS = ["great movie", "", "not a bad film, never dull", "zzzz qqqq", "the " * 29]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two runs, ``six`` and, the latest, ``two``; no test changes the runs."""
    folder = tmp_path_factory.mktemp("predict")
    for name, arch, labels in (("six", "bigru", SIX), ("two", "bilstm", ("neg", "pos"))):
        config = ModelShape(arch, vocab_size=101, num_classes=len(labels), embedding_size=7, hidden_size=5)
        run = Run(folder / "runs" / name)
        run.path.mkdir(parents=True)
        run.begin(TrainSettings.from_options(arch=arch), dataset="words", fingerprint=name)
        save_model(run.model_dir, random_model(config, label_names=labels))
        run.metrics_path.touch()
        run.history_path.touch()
        run.finish({"val_accuracy": 0.5})
    os.utime(folder / "runs" / "six" / "SHA256SUMS", (0, 0))
    return folder


def predict(
    here: Path, *arguments: object, stdin: bytes = b"", code: int = 0
) -> subprocess.CompletedProcess[str]:
    """Run the command with these arguments and input, and check its exit code."""
    done = invoke("predict", *arguments, cwd=here, stdin=stdin)
    assert done.returncode == code, done.stderr
    return done


def rows_of(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_one_text_gives_one_line(here: Path) -> None:
    done = predict(here, "great movie")
    assert re.fullmatch(r"(neg|pos)\t[01]\.\d{4}\tgreat movie\n", done.stdout)
    assert done.stderr == ""


@pytest.mark.parametrize("run", ["two", "six"])
def test_json_rows_hold_everything(here: Path, run: str) -> None:
    done = predict(here, *TEXTS, "--json", "--run", run)
    rows, found = rows_of(done), load(run, runs_dir=here / "runs").predict(TEXTS)
    for index, (row, text, expected) in enumerate(zip(rows, TEXTS, found, strict=True)):
        probability = pytest.approx(expected.probability, abs=1e-6)
        probabilities = pytest.approx(expected.probabilities, abs=1e-6)
        given = {"format_version": 1, "index": index, "text": text, "probability": probability}
        given |= {"probabilities": probabilities, "abstained": False}
        assert row == vars(expected) | given
    assert [list(row) for row in rows] == [list(rows[0])] * len(TEXTS)
    assert [(row["tokens"], row["unknown"], row["truncated"]) for row in rows] == [
        (2, 0, False),
        (0, 0, False),
        (7, 1, False),
        (2, 2, False),
        (29, 0, True),
    ]
    assert done.stderr.splitlines()[1] == "3 of 40 tokens are not in the vocabulary (7.5%)"
    assert predict(here, *TEXTS, "--json", "--run", run, "--quiet").stderr == ""


def test_nothing_is_sure_enough_for_certainty(here: Path) -> None:
    done = predict(here, *TEXTS, "--json", "--abstain-below", "1")
    assert [(row["label"], row["abstained"]) for row in rows_of(done)] == [(None, True)] * len(TEXTS)
    assert done.stderr.splitlines()[0] == "5 of 5 texts have no label: the model is not sure enough"
    assert "'--abstain-below'" in predict(here, "great", "--abstain-below", "1.5", code=2).stderr


def test_a_run_is_found_by_name_path_or_model_folder(here: Path) -> None:
    latest = predict(here, "dull", "--json").stdout
    assert latest == predict(here, "dull", "--json", "--run", "two").stdout
    assert latest == predict(here, "dull", "--json", "--run", here / "runs" / "two" / "model").stdout
    six = predict(here, "dull", "--json", "--run", "runs/six").stdout
    assert list(json.loads(six)["probabilities"]) == list(SIX)


def test_texts_may_start_with_a_dash(here: Path) -> None:
    rows = rows_of(predict(here, "--json", "--", "-5 stars", "--json"))
    assert [row["text"] for row in rows] == ["-5 stars", "--json"]


@pytest.mark.parametrize("arguments", [(), ("--input", "-")])
def test_every_line_of_standard_input_is_a_row(here: Path, arguments: tuple[str, ...]) -> None:
    done = predict(here, *arguments, "--json", stdin=b"a movie\r\n\n  \nlast, without an end")
    assert [row["text"] for row in rows_of(done)] == ["a movie", "", "  ", "last, without an end"]
    assert [row["index"] for row in rows_of(done)] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("own.csv", (), OWN),
        ("own.csv", ("--text-column", "id"), ["0", "1", "2"]),
        ("own.tsv", (), ["great,", "a"]),
        ("own.jsonl", (), OWN),
        ("own.parquet", (), OWN),
    ],
)
def test_own_tables(here: Path, name: str, options: tuple[str, ...], expected: list[str]) -> None:
    with (here / "own.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["id", "review"], *([n, text] for n, text in enumerate(OWN))])
    (here / "own.tsv").write_text("Text\tlabel\n" + "".join(f"{text.split()[0]}\tx\n" for text in OWN[:2]))
    (here / "own.jsonl").write_text("".join(json.dumps({"n": 1, "body": text}) + "\n" for text in OWN))
    parquet.write_table(pyarrow.table({"comment": OWN, "text": OWN}), here / "own.parquet")
    rows = rows_of(predict(here, "--input", name, "--json", *options))
    assert [row["text"] for row in rows] == expected
    assert not any("error" in row for row in rows)


def test_rows_that_cannot_be_scored_keep_their_place(here: Path) -> None:
    lines = b'{"text": "great"}\n{text: bad}\n\n{"review": "good"}\n{"text": "caf\xe9"}\n{"text": null}'
    done = predict(here, "--format", "jsonl", "--json", stdin=lines)
    rows = rows_of(done)
    assert [row["index"] for row in rows] == list(range(6))
    assert ["label" in row for row in rows] == [n in (0, 5) for n in range(6)]
    assert all(list(row) == ["format_version", "index", "text", "error"] for row in rows[1:5])
    assert all(row["error"].startswith(f"line {n}: ") for n, row in enumerate(rows[1:5], 2))
    assert "warning: 4 of 6 rows could not be scored; first: line 2: not JSON" in done.stderr
    assert "warning" in predict(here, "--format", "jsonl", "--quiet", stdin=lines).stderr


def test_no_row_that_can_be_scored_is_a_failure(here: Path) -> None:
    done = predict(here, stdin=b"caf\xe9\n\xff\n", code=1)
    assert [line.split("\t")[:2] for line in done.stdout.splitlines()] == [["error", "-"]] * 2
    assert "error: 2 of 2 rows could not be scored; first: line 1: " in done.stderr
    assert len(rows_of(predict(here, "--encoding", "cp1252", "--json", stdin=b"caf\xe9\n"))) == 1


def test_no_rows(here: Path) -> None:
    done = predict(here, stdin=b"")
    assert (done.stdout, done.stderr) == ("", "the input has no rows\n")
    header = predict(here, "--format", "csv", "--output-format", "csv", stdin=b"text\n").stdout
    assert header.startswith("index,text,label,")


@pytest.mark.parametrize(("ending", "format"), [("txt", "text"), ("jsonl", "jsonl"), ("csv", "csv")])
def test_a_file_gets_what_standard_output_would(here: Path, tmp_path: Path, ending: str, format: str) -> None:
    path = tmp_path / f"predictions.{ending}"
    path.write_text("old")
    done = predict(here, "great", "bad", "--output", path)
    assert (done.stdout, done.stderr) == ("", f"rows written to {path}: 2\n")
    assert path.read_bytes().decode() == predict(here, "great", "bad", "--output-format", format).stdout
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_leaves_the_output_file_as_it_was(here: Path, tmp_path: Path) -> None:
    path = tmp_path / "predictions.csv"
    path.write_text("old")
    done = predict(here, "--format", "csv", "--output", path, stdin=b"id,opinion\n1,good\n", code=1)
    assert done.stderr.startswith("error: standard input: no column with a usual name such as 'text'")
    assert "columns: id, opinion; choose one with --text-column" in done.stderr
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_input_may_be_the_output(here: Path, tmp_path: Path) -> None:
    path = tmp_path / "texts.txt"
    path.write_text("great\nbad\n")
    predict(here, "--input", path, "--output", path)
    assert [line.split("\t")[2] for line in path.read_text().splitlines()] == ["great", "bad"]


def test_a_device_is_written_not_replaced(here: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE) as reader:
        predict(here, "great", "--output", pipe)
        assert reader.communicate(timeout=60)[0].endswith(b"\tgreat\n")
    assert pipe.is_fifo()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["great", "--input", "texts.txt"], "either texts or --input"),
        (["great", "--text-column", "a"], "describe --input"),
        (["--input", "texts.txt", "--text-column", "a"], "lines of text have no columns"),
        (["--input", "texts.pdf"], "texts.pdf: unknown kind of file; known endings"),
        (["--input", "nowhere.txt"], "File 'nowhere.txt' does not exist"),
        (["--input", "."], "File '.' is a directory"),
        (["great", "--json", "--output-format", "csv"], "contradict"),
        (["great", "--output", "p.pdf"], "the ending names no format"),
        (["great", "--output", "nowhere/p.csv"], "there is no folder nowhere"),
        (["-5", "stars"], "-5"),
        (["great", "--run", "three"], "no run 'three' in runs/"),
    ],
)
def test_wrong_usage_is_explained(here: Path, arguments: list[str], message: str) -> None:
    (here / "texts.txt").touch()
    (here / "texts.pdf").touch()
    code = 1 if "known endings" in message or "no run" in message else 2
    assert message in refused("predict", *arguments, cwd=here, code=code)


def test_a_file_name_given_as_a_text_is_pointed_out(here: Path) -> None:
    (here / "reviews.txt").touch()
    assert "for the texts in it: --input reviews.txt" in predict(here, "reviews.txt").stderr


@pytest.mark.parametrize(
    ("closing", "code", "message"),
    [("great >&-", 2, "standard output is closed"), ("<&-", 2, "no text to score"), ("great <&-", 0, "")],
)
def test_closed_standard_streams(here: Path, closing: str, code: int, message: str) -> None:
    shell = ["sh", "-c", f"{' '.join(PREDICT)} {closing}"]
    done = subprocess.run(shell, cwd=here, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert re.fullmatch(rf"(error: {message}.*\n)?", done.stderr)


def test_a_closed_pipe_ends_silently(here: Path) -> None:
    (here / "long.txt").write_text("great movie, not bad\n" * 20_011)
    command, pipe = [*PREDICT, "--input", "long.txt"], subprocess.PIPE
    with subprocess.Popen(command, cwd=here, env=ENVIRONMENT, stdout=pipe, stderr=pipe) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().endswith(b"great movie, not bad\n")
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 141


def test_a_slow_writer_is_answered_at_once(here: Path) -> None:
    command = [*PREDICT, "--input", "-", "--format", "csv"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=here, env=ENVIRONMENT, stdin=pipe, stdout=pipe) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"text\n")
        for text in (b"bad\n", b"good\n"):
            process.stdin.write(text)
            process.stdin.flush()
            assert process.stdout.readline().endswith(b"\t" + text)
        process.stdin.close()
        assert process.wait(60) == 0


def test_memory_does_not_grow_with_the_input(here: Path) -> None:
    peaks = []
    for rows in (5_003, 20_011):
        (here / "rows.txt").write_text("great movie, not bad at all, they said to me\n" * rows)
        with (here / "rows.txt").open("rb") as stdin, (here / "rows.out").open("wb") as stdout:
            process = subprocess.Popen(PREDICT, cwd=here, env=ENVIRONMENT, stdin=stdin, stdout=stdout)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        assert (here / "rows.out").read_bytes().count(b"\n") == rows
        peaks.append(usage.ru_maxrss)
    assert peaks[1] < peaks[0] + 20_000  # KiB


def test_a_terminal_gets_lines_of_its_width(here: Path) -> None:
    texts = ["a movie that is the best of all the movies", "否定" * 20, "tab\tand\x1b[31mred"]
    lines = on_terminal("predict", "-q", *texts, cwd=here, columns=40)
    shown = [re.fullmatch(r"(?:neg|pos)    [01]\.\d{4}  (.*)", line) for line in lines]
    expected = ["a movie that is the best…", "否定否定否定否定否定否定…", "tab and [31mred"]
    assert [match and match[1] for match in shown] == expected  # 25 columns of each text


def test_a_terminal_as_input_is_asked_for_texts(here: Path) -> None:
    master, slave = os.openpty()
    done = subprocess.run(PREDICT, cwd=here, env=ENVIRONMENT, stdin=slave, capture_output=True, check=False)
    os.close(slave)
    os.close(master)
    assert done.returncode == 2
    assert b"no text to score; try: rnncli predict 'great movie'" in done.stderr
