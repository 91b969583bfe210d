"""Several processes on loopback train the model that one process with as many devices trains."""

import json
import socket
from pathlib import Path

import pytest

from tests.cli.command import invoke, rnncli, start
from tests.cli.tables import write_table

SETTINGS = "--arch bilstm --epochs 2 --hidden-size 3 --embedding-size 5 --batch-size 12".split()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_table(tmp_path / "films.csv", ["bad", "good"], rows=211)
    assert invoke("prepare", "films.csv", "--max-length", "11", cwd=tmp_path).returncode == 0
    return tmp_path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("count", [2, 3])
def test_several_processes_give_the_run_of_one(folder: Path, count: int) -> None:
    alone = rnncli("train", *SETTINGS, "--name", "alone", "--devices", str(count), cwd=folder)
    assert alone.returncode == 0, alone.stderr
    cluster = ["--coordinator", f"127.0.0.1:{free_port()}", "--num-processes", str(count), "--devices", "1"]
    command = ["train", *SETTINGS, "--name", "together", *cluster]
    processes = [start(*command, "--process-id", number, cwd=folder) for number in range(count)]
    first, *others = [process.communicate(timeout=240) for process in processes]
    assert [process.returncode for process in processes] == [0] * count, (first, others)
    assert "rnncli eval together" in first[0]
    assert {stdout for stdout, _ in others} == {""}
    figures = [
        [
            {key: value for key, value in json.loads(line).items() if "second" not in key}
            for line in (folder / "runs" / name / "metrics.jsonl").read_text().splitlines()
        ]
        for name in ("alone", "together")
    ]
    assert len(figures[0]) == 2
    for line, other in zip(*figures, strict=True):
        assert line == pytest.approx(other, rel=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--num-processes", "2"], "need --coordinator"),
        (["--coordinator", "127.0.0.1:1"], "needs --name"),
        (["--coordinator", "127.0.0.1:1", "--name", "x", "--process-id", "0"], "needs --num-processes"),
        (["--coordinator", "auto", "--name", "x", "--num-processes", "2", "--process-id", "0"], "finds them"),
    ],
)
def test_half_described_clusters(folder: Path, options: list[str], message: str) -> None:
    done = invoke("train", *options, cwd=folder)
    assert done.returncode == 2
    assert message in done.stderr
