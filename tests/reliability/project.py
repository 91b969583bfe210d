"""A small project on disk, the commands that fill it, and what must be true of it at every moment.

films.csv  →  prepare  →  runs/datasets/films/
           →  train    →  runs/a/
           →  eval     →  runs/a/evaluations/, eval.csv
new.txt    →  predict  →  labels.jsonl
"""

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

from rnncli.data.dataset import Dataset
from rnncli.errors import RunError
from rnncli.inference.averaged_model import load_model
from rnncli.runs.run import Run
from rnncli.system.sealed import SUMS, Sealed
from rnncli.training.checkpoints import KEPT
from tests.cli.tables import write_table

COMMANDS = ("prepare", "train", "eval", "predict")
RESUME = "train --resume"
FINISHED = "finished"  # the name of the whole project, for `Project.put_back`
# What differs between two runs that are the same run: what a clock said, and where they lie.
CIRCUMSTANCES = {
    *("seconds", "compile_seconds", "examples_per_second", "train_seconds", "compiled_programs"),
    "dataset_path",
}
SHAPE = ["--arch=gru", "--hidden-size=8", "--embedding-size=8", "--batching=full", "--batch-size=16"]
MACHINE = ["--devices=1", "--checkpoint-every=5"]


class Project:
    """A project that can be put back to where it was before any of its commands.

    Attributes:
        folder: where it lies.
        run: the run that is trained.
        before: the files that count and their contents, by command, before it.
        after: the same after it, undisturbed.
        seconds: that each command took, undisturbed.
    """

    def __init__(
        self, home: Path, run: Callable[..., CompletedProcess[str]], *, epochs: int, texts: int = 50
    ) -> None:
        """Run every command once by `run`, in the empty folder `home`: train `epochs`, predict `texts`."""
        self.folder = home / "project"
        self.run = Run(self.folder / "runs" / "a")
        self.before: dict[str, dict[str, bytes]] = {}
        self.after: dict[str, dict[str, bytes]] = {}
        self.seconds: dict[str, float] = {}
        self._home, self._run, self._epochs = home, run, epochs
        self.folder.mkdir()
        write_table(self.folder / "films.csv", ["bad", "good"], rows=211)
        rows = [b"w0x%d the film %d" % (number % 5, number) for number in range(texts)]
        (self.folder / "new.txt").write_bytes(b"\n".join([*rows, b"no UTF-8: \xff", b"the last"]))
        # All but the training have something older to replace.
        self.succeed([*self.arguments("prepare"), "--seed=1"])
        for name in ("eval.csv", "labels.jsonl"):
            (self.folder / name).write_bytes(b"an older file\n")
        for command in COMMANDS:
            self.keep(command)
            self.before[command] = results(self.folder)
            begin = time.monotonic()
            self.succeed(self.arguments(command))
            self.seconds[command] = time.monotonic() - begin
            self.after[command] = results(self.folder)
        self.keep(FINISHED)

    def keep(self, name: str) -> None:
        """Keep the project as it is now, for `put_back`."""
        shutil.copytree(self.folder, self._home / name)

    def put_back(self, name: str) -> None:
        """Make the project what it was before the command `name`, or when it was kept as that."""
        shutil.rmtree(self.folder)
        shutil.copytree(self._home / name, self.folder)

    def arguments(self, command: str) -> list[str]:
        """The command line of `command`."""
        folder = self.folder
        details = {
            "prepare": [str(folder / "films.csv"), "--max-length=11"],
            "train": ["--name=a", *MACHINE, f"--epochs={self._epochs}", *SHAPE],
            RESUME: ["--resume=a", *MACHINE],
            "eval": ["a", f"--output={folder / 'eval.csv'}"],
            "predict": ["--run=a", f"--input={folder / 'new.txt'}", f"--output={folder / 'labels.jsonl'}"],
        }
        return [command.split()[0], *details[command], f"--runs-dir={folder / 'runs'}", "--quiet"]

    def next_arguments(self, command: str) -> list[str]:
        """What to say after `command` was cut short; nothing when a training had done all.

        A training is resumed, once there is a run to resume; the others are repeated.
        """
        if command not in ("train", RESUME):
            return self.arguments(command)
        if not self.run.config_path.exists():
            return self.arguments("train")
        return [] if self.run.finished else self.arguments(RESUME)

    def succeed(self, arguments: list[str]) -> None:
        """Run a command that must succeed."""
        done = self._run(*arguments, cwd=self.folder)
        assert done.returncode == 0, done.stderr

    def repeat(self, command: str) -> None:
        """Say `command` again, or resume; the result must be the undisturbed one's."""
        if arguments := self.next_arguments(command):
            self.succeed(arguments)
        unequal = self.difference(command)
        assert not unequal, f"unequal: {unequal}"

    def difference(self, command: str) -> str:
        """The names of the files that are not what they are after an undisturbed `command`."""
        found, expected = results(self.folder), self.after[command.split()[0]]
        unequal = [name for name in sorted(found.keys() | expected) if found.get(name) != expected.get(name)]
        under_lock = ("runs/datasets", "runs/a", "runs/a/checkpoints")
        leftovers = [str(path) for name in under_lock for path in (self.folder / name).glob(".*.tmp")]
        return ", ".join(unequal + leftovers)

    def require_whole(self, command: str) -> None:
        """Require that everything in its place is whole, however `command` was cut short.

        A file is as it was before the command or as it is after it; those of a training that is
        under way are sound in themselves.
        """
        command = command.split()[0]
        before, after = self.before[command], self.after[command]
        for name, content in results(self.folder).items():
            if command != "train" or not name.startswith("runs/a/"):
                assert content in (before.get(name), after.get(name)), f"{name} is neither old nor new"
        for name in before:
            assert (self.folder / name).exists(), f"{name} is gone"
        for manifest in self.folder.glob("runs/datasets/[!.]*/manifest.json"):
            dataset = Dataset.open(manifest.parent)
            for split in dataset.manifest.splits:
                dataset.split(split)
        if self.run.config_path.exists():
            self._require_whole_run(json.loads(self.after["train"]["runs/a/metrics.jsonl"]))

    def _require_whole_run(self, history: list[Any]) -> None:
        run = self.run
        assert run.config.model.arch == "gru"
        if run.model_dir.exists():
            load_model(run.model_dir, verify=True)
        newest = sorted(run.checkpoints_dir.glob("step-*"))[-KEPT:]
        for folder in (*newest, *run.evaluations_dir.glob("[!.]*")):
            Sealed.open(folder, error=RunError, remedy="").verify()
        if run.metrics_path.exists():
            text = run.metrics_path.read_text()
            lines = json.loads(without_circumstances(text))
            assert lines == history[: len(lines)]
            assert text.endswith("\n") or not text
        if run.finished:
            run.sealed.verify()
            assert run.summary["epochs"] == len(history)
            assert run.model_dir.exists()


def visible_files(folder: Path) -> list[Path]:
    """All files but those whose name, or a folder's above, begins with a dot."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return sorted(p for p in files if not any(part[0] == "." for part in p.relative_to(folder).parts))


def results(folder: Path) -> dict[str, bytes]:
    """The content of every file that must be equal in equal runs; of the checkpoints, of the newest."""
    found = {}
    newest = max((folder / "runs" / "a" / "checkpoints").glob("step-*"), default=None)
    for path in visible_files(folder):
        # What holds times has other checksums; `require_whole` compares these.
        timed = path.is_relative_to(folder / "runs" / "a") and "model" not in path.parts
        if "checkpoints" in path.parts and (path.parent != newest or path.name == "state.json"):
            continue
        if timed and path.name == SUMS:
            continue
        content = path.read_bytes()
        if timed and path.suffix in (".json", ".jsonl"):
            content = without_circumstances(content.decode()).encode()
        found[str(path.relative_to(folder))] = content
    return found


def without_circumstances(text: str) -> str:
    """A JSON object, or lines of them, as a list with the entries that count."""
    values = [json.loads(line) for line in text.splitlines()] if text[:2] != "{\n" else [json.loads(text)]
    kept = [{key: value for key, value in each.items() if key not in CIRCUMSTANCES} for each in values]
    return json.dumps(kept, sort_keys=True)
