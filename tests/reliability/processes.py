"""Commands in processes of their own: killed at random moments, or stopped and resumed."""

import json
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.cli.command import rnncli, start
from tests.reliability.project import RESUME, Project, without_circumstances
from tests.reliability.tally import Tally

HANG = 300  # seconds after which a command counts as hanging, on however busy a machine
EPOCHS_OF_THREE_HOURS = 360  # of IMDB, at half a minute each
# Of a hundred kills; those of `train` land on its resumption, too.
SHARES = {"prepare": 20, "train": 40, "eval": 20, "predict": 20}


def kills(home: Path, *, count: int, seed: int) -> Iterator[Tally]:
    """Kill the commands `count` times in all, at moments drawn from `seed`.

    The training writes much and `predict` reads much, so that many kills land in a write.
    """
    project = Project(home, rnncli, epochs=20, texts=5000)
    for command, share in SHARES.items():
        draw = random.Random(f"{seed} {command}")
        yield from kill(project, command, max(1, round(count * share / 100)), draw)


def stops(home: Path, *, epochs: int) -> Iterator[Tally]:
    """Train as many epochs as a long training has, of few and small batches; stop and resume it twice."""
    yield stop_twice(Project(home, rnncli, epochs=epochs))


def kill(project: Project, command: str, count: int, draw: random.Random) -> Iterator[Tally]:
    """Kill a command `count` times, in rounds that end when it may run until it has done all.

    A kill is lost where something half-written is found after it, or where the end of its round is
    not that of the undisturbed command.
    """
    tallies = {name: Tally("SIGKILL", name) for name in (command, RESUME)}
    rounds, in_writes, ends = 0, 0, True
    while (left := count - sum(tally.tried for tally in tallies.values())) > 0:
        if ends:
            project.put_back(command)
            rounds += 1
        arguments = project.next_arguments(command)
        tally = tallies[RESUME if "--resume=a" in arguments else command]
        with tally.attempt(f"kill {tally.tried + 1}"):
            before = _half_written(project)
            killed = _kill_at_random(project, command, arguments, draw)
            in_writes += not _half_written(project) <= before
            tally.tried -= not killed  # it had come to its end, which must be the right one all the same
            project.require_whole(command)
            ends = not killed or left == 1 or not project.next_arguments(command) or draw.random() < 0.3
            if ends:
                project.repeat(command)
    tallies[command].note = f"{rounds} rounds, {in_writes} kills in a write"
    yield from (tally for tally in tallies.values() if tally.tried)


def _kill_at_random(project: Project, command: str, arguments: list[str], draw: random.Random) -> bool:
    """Start the command and kill it within the time that it takes; False if it came to its end before.

    Half of the kills of a training come after its first checkpoint; a third of all, in a write.
    """
    process = start(*arguments, cwd=project.folder)
    seconds = project.seconds[command]
    if command == "train" and draw.random() < 0.5:
        saved = _changed_at(project.run.checkpoints_dir)
        wait_until(process, lambda: _changed_at(project.run.checkpoints_dir) != saved)
        seconds /= 4  # without its start
    end = time.monotonic() + draw.uniform(0, seconds)
    wait_until(process, lambda: time.monotonic() > end)
    if draw.random() < 1 / 3:
        known = _half_written(project)
        wait_until(process, lambda: not _half_written(project) <= known)
    process.kill()
    _, said = process.communicate(timeout=HANG)
    assert process.returncode in (0, -signal.SIGKILL), said
    return process.returncode != 0


def stop_twice(project: Project) -> Tally:
    """Stop a training after a third and after two thirds of its epochs, and compare what it leaves."""
    history = json.loads(project.after["train"]["runs/a/metrics.jsonl"])
    epochs = len(history)
    tally = Tally("SIGTERM", "train, twice, each time resumed")
    project.put_back("train")
    with tally.attempt(f"{epochs} epochs"):
        stopped_at = []
        for least in (epochs // 3, 2 * epochs // 3):
            process = start(*project.next_arguments("train"), cwd=project.folder)
            wait_until(process, lambda least=least: _epochs_done(project) >= least)
            process.send_signal(signal.SIGTERM)
            _, said = process.communicate(timeout=HANG)
            assert process.returncode == 128 + signal.SIGTERM, said
            assert "rnncli train --resume a" in said
            stopped_at.append(_epochs_done(project))
        project.succeed(project.next_arguments("train"))
        assert json.loads(without_circumstances(project.run.metrics_path.read_text())) == history, (
            "other curves"
        )
        assert not project.difference("train"), project.difference("train")
        tally.note = f"{epochs} epochs, {history[-1]['step']:,} steps; stopped after epochs {stopped_at}"
    return tally


def wait_until(process: "subprocess.Popen[str]", happened: Callable[[], bool]) -> None:
    """Wait for something that a process does, or for its end."""
    while process.poll() is None and not happened():
        time.sleep(0.002)


def _half_written(project: Project) -> set[Path]:
    """The files and folders that are being filled beside their places, or were left so by a kill."""
    run = project.run
    folders = (run.path, run.checkpoints_dir, run.evaluations_dir, run.path.parent / "datasets")
    return {path for folder in (*folders, project.folder) for path in folder.glob(".*.tmp")}


def _epochs_done(project: Project) -> int:
    path = project.run.metrics_path
    return path.read_bytes().count(b"\n") if path.exists() else 0


def _changed_at(folder: Path) -> int:
    """When something was last put into `folder` or taken out; 0 where there is none."""
    return folder.stat().st_mtime_ns if folder.is_dir() else 0
