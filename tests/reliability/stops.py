"""A long training that is stopped by SIGTERM and resumed, twice."""

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from tests.reliability.processes import HANG, run_to_end, start
from tests.reliability.tally import Tally
from tests.reliability.workspace import Project, without_circumstances

EPOCHS_OF_THREE_HOURS = 360  # of IMDB, at half a minute each
SHARES = (1 / 3, 2 / 3)


def stops(home: Path, *, epochs: int = EPOCHS_OF_THREE_HOURS) -> Iterator[Tally]:
    """Train as many epochs as three hours have, of few and tiny batches."""
    many = 1_000_000  # steps: no checkpoints but those at the end of an epoch and at a stop
    project = Project(
        home, lambda arguments: run_to_end(arguments, home), epochs=epochs, every=many, batch_size=4
    )
    yield stop_twice(project, epochs)


def stop_twice(project: Project, epochs: int) -> Tally:
    """Stop a training after a third and after two thirds of its epochs, and compare what it leaves."""
    tally = Tally("SIGTERM", "train, twice, each time resumed")
    project.put_back("train")
    with tally.attempt(f"{epochs} epochs"):
        stopped_at = [_stop_after(project, int(share * epochs)) for share in SHARES]
        run_to_end(project.next_arguments("train") or [], project.folder)
        curve = json.loads(without_circumstances(project.run.metrics_path.read_text()))
        assert curve == json.loads(project.after["train"]["runs/a/metrics.jsonl"]), "other curves"
        assert len(curve) == epochs
        assert not project.difference("train"), project.difference("train")
        tally.note = f"{epochs} epochs, {curve[-1]['step']:,} steps; stopped after epochs {stopped_at}"
    return tally


def _stop_after(project: Project, epochs: int) -> int:
    """Start or resume, wait for an epoch's line, and ask to stop; return how many lines there are then."""
    process = start(project.next_arguments("train") or [], project.folder)
    while _epochs_done(project) < epochs:
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=HANG)
    assert process.returncode == 128 + signal.SIGTERM, said
    assert "rnncli train --resume a" in said
    return _epochs_done(project)


def _epochs_done(project: Project) -> int:
    path = project.run.metrics_path
    return path.read_bytes().count(b"\n") if path.exists() else 0
