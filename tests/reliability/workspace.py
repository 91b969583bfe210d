"""A small project on disk, the commands that fill it, and what must be true of it at every moment.

films.csv  →  prepare  →  runs/datasets/films/
           →  train    →  runs/a/
           →  eval     →  runs/a/evaluations/, eval.csv
new.txt    →  predict  →  labels.jsonl
"""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from rnncli.data.dataset import Dataset
from rnncli.evaluation import storage
from rnncli.runs import Run
from rnncli.saved_model import load_model
from tests.cli.tables import write_table

COMMANDS = ("prepare", "train", "eval", "predict")
LEFTOVER = ".*.tmp"
# What differs between two runs that are the same run: what a clock said, and where they lie.
CIRCUMSTANCES = {
    *("seconds", "compile_seconds", "examples_per_second", "train_seconds", "compiled_programs"),
    *("dataset_path", "sha256", "metrics_sha256"),
}
OLD = b"an older file\n"


def write_inputs(folder: Path) -> None:
    """Labelled texts to learn from, and texts to score, one of them no UTF-8."""
    write_table(folder / "films.csv", ["bad", "good"], rows=211)
    (folder / "new.txt").write_bytes(
        b"".join(b"w0x%d the film %d\n" % (n % 5, n) for n in range(5000)) + b"\xff\n"
    )


def arguments(command: str, folder: Path, *, epochs: int = 30, every: int = 5) -> list[str]:
    """The command line of a step."""
    small = ["--arch=gru", "--hidden-size=8", "--embedding-size=8", "--batching=full", "--devices=1"]
    details = {
        "prepare": [str(folder / "films.csv"), "--max-length=11"],
        "train": ["--name=a", "--batch-size=16", f"--epochs={epochs}", f"--checkpoint-every={every}", *small],
        "eval": ["a", f"--output={folder / 'eval.csv'}"],
        "predict": ["--run=a", f"--input={folder / 'new.txt'}", f"--output={folder / 'labels.jsonl'}"],
    }
    return [command, *details[command], f"--runs-dir={folder / 'runs'}", "--quiet"]


def repeated(command: list[str], folder: Path) -> list[str]:
    """What a user says after `command` was cut short: the same again, or ``--resume``."""
    run = Run(folder / "runs" / "a")
    if command[0] != "train" or not run.config_path.exists():
        return command
    every = [option for option in command if option.startswith("--checkpoint-every")]
    return ["train", "--resume=a", "--devices=1", *every, f"--runs-dir={folder / 'runs'}", "--quiet"]


def is_done(command: str, folder: Path) -> bool:
    """Whether there is nothing to repeat: a training that has written its last file."""
    return command == "train" and Run(folder / "runs" / "a").finished


def make_older(command: str, folder: Path) -> None:
    """Put something in the place of what `command` writes, for it to replace."""
    if command == "prepare":
        shutil.copytree(folder.parent / "older", folder / "runs" / "datasets" / "films")
    for name in {"eval": ["eval.csv"], "predict": ["labels.jsonl"]}.get(command, []):
        (folder / name).write_bytes(OLD)


def visible_files(folder: Path) -> list[Path]:
    """All files but those whose name, or a folder's above, begins with a dot."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return sorted(p for p in files if not any(part[0] == "." for part in p.relative_to(folder).parts))


def results(folder: Path) -> dict[str, bytes]:
    """The content of every file that must be equal in equal runs; of the checkpoints, of the newest."""
    found = {}
    newest = max((folder / "runs" / "a" / "checkpoints").glob("step-*"), default=None)
    for path in visible_files(folder):
        name, content = str(path.relative_to(folder)), path.read_bytes()
        if "checkpoints" in path.parts and (path.parent != newest or path.name == "state.json"):
            continue
        has_times = path.parent.name in ("a", "evaluations") and path.suffix in (".json", ".jsonl")
        found[name] = _without_circumstances(content) if has_times else content
    return found


def _without_circumstances(content: bytes) -> bytes:
    text = content.decode()
    values = [json.loads(line) for line in text.splitlines()] if text.startswith('{"') else [json.loads(text)]
    kept = [{key: value for key, value in each.items() if key not in CIRCUMSTANCES} for each in values]
    return json.dumps(kept, sort_keys=True).encode()


def differences(found: dict[str, bytes], expected: dict[str, bytes]) -> str:
    """The names of the files that are not equal; empty if all are."""
    names = sorted(found.keys() | expected.keys())
    return ", ".join(name for name in names if found.get(name) != expected.get(name))


def require_whole(folder: Path, before: dict[str, bytes], after: dict[str, bytes]) -> None:
    """Every file in its place is whole: as it was before the command, as it is after it, or, in a
    training that goes on, sound in itself.

    Raises:
        AssertionError: a file is neither.
        RnncliError: a dataset, model or evaluation does not open.
    """
    for name, content in results(folder).items():
        if not name.startswith("runs/a/") or "/evaluations/" in name:
            assert content in (before.get(name), after.get(name)), f"{name} is neither old nor new"
    for manifest in (folder / "runs").glob("datasets/[!.]*/manifest.json"):
        dataset = Dataset.open(manifest.parent)
        for split in dataset.manifest.splits:
            dataset.split(split)
    run = Run(folder / "runs" / "a")
    if run.config_path.exists():
        _require_whole_run(run, after)


def _require_whole_run(run: Run, after: dict[str, bytes]) -> None:
    assert run.config.arch == "gru"
    if run.model_dir.exists():
        load_model(run.model_dir, verify=True)
    for checkpoint in run.checkpoints_dir.glob("step-*"):
        description: dict[str, Any] = json.loads((checkpoint / "state.json").read_bytes())
        arrays = (checkpoint / "state.safetensors").read_bytes()
        assert hashlib.sha256(arrays).hexdigest() == description["sha256"], checkpoint
    if run.metrics_path.exists():
        text = run.metrics_path.read_text()
        lines = [_without_circumstances(line.encode()) for line in text.splitlines()]
        whole = json.loads(after["runs/a/metrics.jsonl"])
        assert [json.loads(line)[0] for line in lines] == whole[: len(lines)]
        assert text.endswith("\n") or not text
    if run.finished:
        assert run.summary["run"] == "a"
        assert run.model_dir.exists()
    storage.load_evaluation(run, "films", "test")
