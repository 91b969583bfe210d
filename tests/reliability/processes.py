"""Commands in processes of their own: killed at random moments, or stopped and resumed."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from tests.cli.command import ROOT, rnncli
from tests.reliability.tally import Tally
from tests.reliability.workspace import Project, without_circumstances

HANG = 300  # seconds after which a command counts as hanging, on however busy a machine
EPOCHS = 20
EPOCHS_OF_THREE_HOURS = 360  # of IMDB, at half a minute each
# Of a hundred kills; those of `train` land on its resumption, too.
SHARES = {"prepare": 20, "train": 40, "eval": 20, "predict": 20}


def killed_project(home: Path) -> Project:
    """A project whose training writes much, so that many kills land in a write."""
    return Project(home, lambda arguments: run_to_end(arguments, home), epochs=EPOCHS, every=5)


def kills(home: Path, *, count: int, seed: int) -> Iterator[Tally]:
    """Kill the commands `count` times in all, at moments drawn from `seed`."""
    project = killed_project(home)
    for command, share in SHARES.items():
        draw = random.Random(f"{seed} {command}")
        yield from Killer(project, command, draw).kill(max(1, round(count * share / 100)))


def stops(home: Path, *, epochs: int) -> Iterator[Tally]:
    """Train as many epochs as a long training has, of few and tiny batches; stop and resume it twice."""
    many = 1_000_000  # steps: no checkpoints but those at the end of an epoch and at a stop
    run = lambda arguments: run_to_end(arguments, home)  # noqa: E731
    yield stop_twice(Project(home, run, epochs=epochs, every=many, batch_size=4), epochs)


def stop_twice(project: Project, epochs: int) -> Tally:
    """Stop a training after a third and after two thirds of its epochs, and compare what it leaves."""
    tally = Tally("SIGTERM", "train, twice, each time resumed")
    project.put_back("train")
    with tally.attempt(f"{epochs} epochs"):
        stopped_at = []
        for least in (epochs // 3, 2 * epochs // 3):
            process = start(project.next_arguments("train") or [], project.folder)
            wait_until(process, lambda least=least: _epochs_done(project) >= least)
            process.send_signal(signal.SIGTERM)
            _, said = process.communicate(timeout=HANG)
            assert process.returncode == 128 + signal.SIGTERM, said
            assert "rnncli train --resume a" in said
            stopped_at.append(_epochs_done(project))
        run_to_end(project.next_arguments("train") or [], project.folder)
        curve = json.loads(without_circumstances(project.run.metrics_path.read_text()))
        assert curve == json.loads(project.after["train"]["runs/a/metrics.jsonl"]), "other curves"
        assert len(curve) == epochs
        assert not project.difference("train"), project.difference("train")
        tally.note = f"{epochs} epochs, {curve[-1]['step']:,} steps; stopped after epochs {stopped_at}"
    return tally


class Moment(NamedTuple):
    """When to kill: perhaps after a checkpoint, after some seconds, perhaps once a write has begun."""

    after_a_save: bool
    seconds: float
    in_a_write: bool


class Killer:
    """Kills one command again and again, at moments drawn within the time that it takes undisturbed."""

    def __init__(self, project: Project, command: str, draw: random.Random) -> None:
        self._project, self._command, self._draw = project, command, draw
        self._in_writes = 0

    def kill(self, count: int) -> list[Tally]:
        """Kill `count` times, in rounds that end with repetitions until the command has come to its end.

        Returns:
            What was killed, and how often; a kill is lost where something half-written is found
            after it, or where the end of its round is not that of the undisturbed command.
        """
        tallies = {name: Tally("SIGKILL", name) for name in (self._command, "train --resume")}
        rounds = 0
        while (done := sum(tally.tried for tally in tallies.values())) < count:
            rounds += 1
            self._project.put_back(self._command)
            self._round(tallies, count - done)
        found = [tally for tally in tallies.values() if tally.tried]
        found[0].note = f"{rounds} rounds, {self._in_writes} kills in a write"
        return found

    def _round(self, tallies: dict[str, Tally], most: int) -> None:
        """Kill at least once, as long as the dice say so; then let it finish, and compare."""
        last, ended = None, False
        arguments = self._project.next_arguments(self._command)
        while arguments and most and (last is None or self._draw.random() < 0.7):
            moment, before = self._moment(), self._half_written()
            ended = not self._killed(arguments, moment)
            if ended:
                break
            most -= 1
            last = tallies["train --resume" if "--resume=a" in arguments else self._command]
            self._in_writes += not self._half_written() <= before
            with last.attempt(f"kill {last.tried + 1} at {moment}"):
                self._project.require_whole(self._command)
            arguments = self._project.next_arguments(self._command)
        try:
            if arguments and not ended:
                run_to_end(arguments, self._project.folder)
            unequal = self._project.difference(self._command)
            assert not unequal, f"unequal: {unequal}"
        except AssertionError as error:
            if last is None:  # the command came to its end undisturbed
                raise
            last.lost.append(f"{last.part}, {last.what}, round of kill {last.tried}: {error}")

    def _moment(self) -> Moment:
        """Half of the kills of a training come after its first checkpoint; a third of all, in a write."""
        in_a_write = self._draw.random() < 1 / 3
        if self._command == "train" and self._draw.random() < 0.5:
            return Moment(True, self._draw.uniform(0, self._project.seconds_of_epochs), in_a_write)
        return Moment(False, self._draw.uniform(0, self._project.seconds[self._command]), in_a_write)

    def _killed(self, arguments: list[str], moment: Moment) -> bool:
        """Start the command and kill it; False if it came to its end before."""
        process = start(arguments, self._project.folder)
        saved = _changed_at(self._project.run.checkpoints_dir)
        if moment.after_a_save:
            wait_until(process, lambda: _changed_at(self._project.run.checkpoints_dir) != saved)
        end = time.monotonic() + moment.seconds
        wait_until(process, lambda: time.monotonic() > end)
        known = self._half_written()
        if moment.in_a_write:
            wait_until(process, lambda: not self._half_written() <= known)
        process.kill()
        _, said = process.communicate(timeout=HANG)
        assert process.returncode in (0, -signal.SIGKILL), said
        return process.returncode != 0

    def _half_written(self) -> set[Path]:
        """The files and folders that are being filled beside their places, or were left so by a kill."""
        run = self._project.run
        folders = (run.path, run.checkpoints_dir, run.evaluations_dir, run.path.parent / "datasets")
        return {path for folder in (*folders, self._project.folder) for path in folder.glob(".*.tmp")}


def run_to_end(arguments: list[str], folder: Path) -> None:
    """Run a command that must succeed."""
    done = rnncli(*arguments, cwd=folder)
    assert done.returncode == 0, done.stderr


def start(arguments: list[str], folder: Path) -> "subprocess.Popen[str]":
    """Start a command, its stderr to be read."""
    return subprocess.Popen(
        [sys.executable, "-m", "rnncli", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_until(process: "subprocess.Popen[str]", happened: Callable[[], bool]) -> None:
    """Wait for something that a process does, or for its end."""
    while process.poll() is None and not happened():
        time.sleep(0.002)


def _epochs_done(project: Project) -> int:
    path = project.run.metrics_path
    return path.read_bytes().count(b"\n") if path.exists() else 0


def _changed_at(folder: Path) -> int:
    """When something was last put into `folder` or taken out; 0 where there is none."""
    return folder.stat().st_mtime_ns if folder.is_dir() else 0
