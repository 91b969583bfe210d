"""SIGKILL at random moments of every command, each in a process of its own."""

import random
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.reliability.processes import HANG, run_to_end, start
from tests.reliability.tally import Tally
from tests.reliability.workspace import Project

# Of a hundred kills; those of `train` land on its resumption, too.
SHARES = {"prepare": 20, "train": 40, "eval": 20, "predict": 20}
EPOCHS = 20


def kills(home: Path, *, count: int, seed: int) -> Iterator[Tally]:
    """Kill the commands `count` times in all, at moments drawn from `seed`."""
    project = killed_project(home)
    for command, share in SHARES.items():
        draw = random.Random(f"{seed} {command}")
        yield from Killer(project, command, draw).kill(max(1, round(count * share / 100)))


def killed_project(home: Path) -> Project:
    """A project whose training writes much, so that many kills land in a write."""
    return Project(home, lambda arguments: run_to_end(arguments, home), epochs=EPOCHS, every=5)


@dataclass(frozen=True)
class Moment:
    """When to kill.

    Attributes:
        after_a_save: whether to wait first until a checkpoint was written.
        seconds: how long to wait then.
        in_a_write: whether to wait on, until something is being written.
    """

    after_a_save: bool
    seconds: float
    in_a_write: bool


@dataclass
class Pace:
    """How long an undisturbed command takes, in seconds: up to its first checkpoint, and from there."""

    start: float
    rest: float


class Killer:
    """Kills one command again and again."""

    def __init__(self, project: Project, command: str, draw: random.Random) -> None:
        """Draw moments from `draw`, within the time that the undisturbed command takes."""
        self._project = project
        self._command = command
        self._draw = draw
        self._in_writes = 0
        self._pace = self._measured()

    def kill(self, count: int) -> list[Tally]:
        """Kill `count` times, followed by repetitions until the command has come to its end.

        Returns:
            What was killed, and how often; a kill is lost where something half-written is found
            after it, or where the end of its round is not that of the undisturbed command.
        """
        tallies = {name: Tally("SIGKILL", name) for name in self._names()}
        rounds, left = 0, count
        while left:
            rounds += 1
            self._project.put_back(self._command)
            left -= self._round(tallies, left)
        found = [tally for tally in tallies.values() if tally.tried]
        found[0].note = f"{rounds} rounds, {self._in_writes} kills in a write"
        return found

    def _names(self) -> tuple[str, ...]:
        return ("train", "train --resume") if self._command == "train" else (self._command,)

    def _round(self, tallies: dict[str, Tally], most: int) -> int:
        """Kill at least once, as long as the dice say so; then let it finish. Return the kills."""
        done, last, ended = 0, None, False
        while not ended and done < most and (done == 0 or self._draw.random() < 0.7):
            arguments = self._project.next_arguments(self._command)
            if arguments is None:
                break
            moment, before = self._moment(), self._half_written()
            ended = not self._killed(arguments, moment)
            if not ended:
                done, last = (
                    done + 1,
                    tallies["train --resume" if "--resume=a" in arguments else self._command],
                )
                self._in_writes += not self._half_written() <= before
                with last.attempt(f"kill {last.tried + 1} at {moment}"):
                    self._project.require_whole(self._command)
        if last:
            self._finish(last, ended)
        return done

    def _finish(self, tally: Tally, ended: bool) -> None:
        """Come to the end; what is not as after the undisturbed command is a loss of the last kill."""
        try:
            arguments = None if ended else self._project.next_arguments(self._command)
            if arguments:
                run_to_end(arguments, self._project.folder)
            unequal = self._project.difference(self._command)
            assert not unequal, f"unequal: {unequal}"
        except AssertionError as error:
            tally.lost.append(f"{tally.part}, {tally.what}, round of kill {tally.tried}: {error}")

    def _moment(self) -> Moment:
        """Half of the kills of a training come after its first checkpoint; a third of all, in a write."""
        in_a_write = self._draw.random() < 1 / 3
        if self._command == "train" and self._draw.random() < 0.5:
            return Moment(True, self._draw.uniform(0, self._pace.rest), in_a_write)
        return Moment(False, self._draw.uniform(0, self._pace.start + self._pace.rest), in_a_write)

    def _killed(self, arguments: list[str], moment: Moment) -> bool:
        """Start the command and kill it; False if it came to its end before."""
        process = start(arguments, self._project.folder)
        if moment.after_a_save:
            self._await_save(process)
        begin = time.monotonic()
        while process.poll() is None and time.monotonic() - begin < moment.seconds:
            time.sleep(0.002)
        known = self._half_written()
        while moment.in_a_write and process.poll() is None and self._half_written() <= known:
            time.sleep(0.002)
        process.kill()
        _, said = process.communicate(timeout=HANG)
        assert process.returncode in (0, -signal.SIGKILL), said
        if process.returncode == 0:  # the machine has become faster
            seconds = time.monotonic() - begin - (0 if moment.after_a_save else self._pace.start)
            self._pace.rest = (self._pace.rest + max(0, seconds)) / 2
        return process.returncode != 0

    def _await_save(self, process: "subprocess.Popen[str]") -> None:
        """Wait until a checkpoint was written, or all was."""
        before = _changed_at(self._project.run.checkpoints_dir)
        while process.poll() is None and _changed_at(self._project.run.checkpoints_dir) == before:
            time.sleep(0.005)

    def _half_written(self) -> set[Path]:
        """The files and folders that are being filled beside their places, or were left so by a kill."""
        run = self._project.run
        folders = (run.path, run.checkpoints_dir, run.evaluations_dir, run.path.parent / "datasets")
        return {path for folder in (*folders, self._project.folder) for path in folder.glob(".*.tmp")}

    def _measured(self) -> Pace:
        self._project.put_back(self._command)
        begin = time.monotonic()
        process = start(self._project.arguments(self._command), self._project.folder)
        if self._command == "train":
            self._await_save(process)
        saved = time.monotonic()
        process.communicate(timeout=HANG)
        return Pace(saved - begin, time.monotonic() - saved)


def _changed_at(folder: Path) -> int:
    """When something was last put into `folder` or taken out; 0 where there is none."""
    return folder.stat().st_mtime_ns if folder.is_dir() else 0
