"""The run directory: names, lock, what its files are called, and how a run is found.

runs/RUN/config.json      settings and dataset; the first file written
         metrics.jsonl    a line an epoch
         summary.json     the last file written: a run without it is not finished
         history.png      loss and accuracy against epoch
         model/           all that prediction needs
         checkpoints/     all that resuming needs
         evaluations/     results of `rnncli eval`
runs/datasets/NAME/       prepared datasets
"""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from rnncli.errors import RunError, UsageError
from rnncli.settings.train import TrainSettings
from rnncli.system.files import checked_json, locked, remove_all_leftovers, with_checksum, write_json

DATASETS = "datasets"
FORMAT_VERSION = 1
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
SHOWN_RUNS = 10  # in the message that a run is none of these
RESERVED = {DATASETS, "latest", "best"}


def check_name(name: str, *, what: str = "run") -> str:
    """Return `name` when it can name a run or dataset inside the runs folder.

    Raises:
        UsageError: it holds a path, is reserved, or starts with other than a letter or digit.
    """
    if not NAME.fullmatch(name) or name in RESERVED:
        shown = name if len(name) <= 40 else f"{name[:39]}…"
        raise UsageError(
            f"{shown!r} cannot name a {what}: use up to 100 letters, digits, '.', '_' and '-', "
            f"starting with a letter or digit, and not {', '.join(sorted(RESERVED))}"
        )
    return name


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in `path`, its checksum compared.

    Raises:
        RunError: the file is missing, cannot be read, or holds something else.
    """
    try:
        return checked_json(path.read_bytes())
    except FileNotFoundError:
        raise RunError(f"{path} is missing: the run is incomplete; train it again") from None
    except (OSError, ValueError) as error:
        raise RunError(f"{path} is damaged ({error}); restore it or train the run again") from error


@dataclass(frozen=True)
class Run:
    """A run directory; `path` need not exist yet."""

    path: Path

    @property
    def name(self) -> str:
        """The folder's name, which is the run's."""
        return self.path.name

    @property
    def model_dir(self) -> Path:
        """Folder with all that prediction needs."""
        return self.path / "model"

    @property
    def checkpoints_dir(self) -> Path:
        """Folder with all that resuming needs."""
        return self.path / "checkpoints"

    @property
    def evaluations_dir(self) -> Path:
        """Folder with the results of `rnncli eval`."""
        return self.path / "evaluations"

    @property
    def config_path(self) -> Path:
        """The file of settings, written first."""
        return self.path / "config.json"

    @property
    def metrics_path(self) -> Path:
        """The file with a line for each epoch."""
        return self.path / "metrics.jsonl"

    @property
    def summary_path(self) -> Path:
        """The file that makes a run finished, written last."""
        return self.path / "summary.json"

    @property
    def history_path(self) -> Path:
        """The plot of loss and accuracy."""
        return self.path / "history.png"

    @property
    def finished(self) -> bool:
        """Whether training ended and every file of the run was written."""
        return self.summary_path.is_file()

    @cached_property
    def description(self) -> dict[str, Any]:
        """The content of config.json."""
        return read_json(self.config_path)

    @property
    def config(self) -> TrainSettings:
        """The settings that the run was trained with."""
        return TrainSettings.from_dict(self._entry("train", dict), where=str(self.config_path))

    @property
    def dataset_name(self) -> str:
        """Name of the prepared dataset."""
        return str(self._entry("dataset", str))

    @property
    def dataset_fingerprint(self) -> str:
        """Fingerprint of the prepared dataset."""
        return str(self._entry("fingerprint", str))

    def _entry(self, key: str, kind: type) -> Any:
        value = self.description.get(key)
        if not isinstance(value, kind):
            raise RunError(f"{self.config_path} is damaged ('{key}' is missing); train the run again")
        return value

    @property
    def summary(self) -> dict[str, Any]:
        """The content of summary.json, which vouches for metrics.jsonl.

        Raises:
            RunError: either file is missing or damaged.
        """
        summary = read_json(self.summary_path)
        if summary.get("metrics_sha256") != _sha256_of(self.metrics_path):
            raise RunError(f"{self.metrics_path} is damaged (its checksum differs); train the run again")
        return summary

    def write_summary(self, values: dict[str, Any]) -> None:
        """Write summary.json, the last file of a run."""
        checksums = {"metrics_sha256": _sha256_of(self.metrics_path)}
        write_json(self.summary_path, with_checksum(values | checksums))

    def write_description(
        self, config: TrainSettings, *, dataset: str, fingerprint: str, **extra: Any
    ) -> None:
        """Write config.json, the first file of a run."""
        values = {
            "format_version": FORMAT_VERSION,
            "run": self.name,
            "dataset": dataset,
            "fingerprint": fingerprint,
            "train": config.to_dict(),
            **extra,
        }
        write_json(self.config_path, with_checksum(values))

    def require_new(self) -> None:
        """Refuse to write over a run.

        Raises:
            RunError: the directory holds one.
        """
        if self.finished:
            raise RunError(f"{self.path} holds a finished run: choose another --name")
        if self.config_path.exists():
            raise RunError(
                f"{self.path} holds an unfinished run: continue it with --resume {self.name}, "
                "or choose another --name"
            )
        self._require_no_remains("choose another --name")

    def _require_no_remains(self, remedy: str) -> None:
        """Refuse a folder with parts of a run that nothing describes."""
        if self.model_dir.exists() or self.checkpoints_dir.exists():
            raise RunError(f"{self.config_path} is missing: the run is incomplete; {remedy}")

    def find_dataset(self, runs_dir: Path) -> Path:
        """Where the run's dataset lies: in `runs_dir`, else where it was when the run began."""
        inside = runs_dir / DATASETS / self.dataset_name
        recorded = self.description.get("dataset_path")
        return inside if inside.is_dir() or not recorded else Path(str(recorded))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the run for this process; the kernel frees it when the process ends, however it ends.

        Raises:
            RunError: another process holds it.
        """
        with locked(self.path / ".lock", what=f"run '{self.name}'", error=RunError):
            remove_all_leftovers(self.path)
            remove_all_leftovers(self.checkpoints_dir)
            yield


def _sha256_of(path: Path) -> str:
    """The SHA-256 of a small file of a run, as hexadecimal digits."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        raise RunError(f"{path} is missing: the run is incomplete; train it again") from None


def all_runs(runs_dir: Path) -> list[Run]:
    """Every run in `runs_dir`, finished or not, oldest first."""
    ages: dict[Path, int] = {}
    for name in ("config.json", "summary.json"):  # a finished run is one even where the first is lost
        for path in runs_dir.glob(f"*/{name}"):
            if NAME.fullmatch(path.parent.name):
                ages.setdefault(path.parent, path.stat().st_mtime_ns)
    return [Run(path) for path in sorted(ages, key=lambda path: (ages[path], path.name))]


def list_runs(runs_dir: Path) -> list[Run]:
    """The finished runs in `runs_dir`, oldest first."""
    return [run for run in all_runs(runs_dir) if run.finished]


def resolve_run(runs_dir: Path, name: str) -> Run:
    """Find a finished run by name, by path, as ``latest``, or as ``best``.

    ``best`` has the highest validation accuracy among the runs on the dataset that the latest
    run was trained on, since accuracies on different data do not compare.

    Raises:
        RunError: there is no such run, or it is not finished.
    """
    if name in ("latest", "best"):
        runs = list_runs(runs_dir)
        if not runs:
            raise RunError(
                f"no finished run in {runs_dir}/: train one with 'rnncli train --arch bilstm --epochs 3'"
            )
        latest = max(runs, key=lambda run: run.summary_path.stat().st_mtime_ns)
        if name == "latest":
            return latest
        rivals = [run for run in runs if run.dataset_fingerprint == latest.dataset_fingerprint]
        return max(rivals, key=lambda run: float(run.summary["val_accuracy"]))
    run = find_run(runs_dir, name)
    if not run.finished:
        raise RunError(
            f"run '{name}' is not finished (it has no {run.summary_path.name}): "
            f"continue it with 'rnncli train --resume {name}'"
        )
    return run


def find_run(runs_dir: Path, name: str) -> Run:
    """Find a run, finished or not, by name or by path.

    Raises:
        RunError: there is no such run.
    """
    inside = NAME.fullmatch(name) and name not in RESERVED and (runs_dir / name).is_dir()
    run = Run(runs_dir / name if inside else Path(name))
    if not run.config_path.is_file():
        run._require_no_remains("train it again under another --name")
        names = [run.name for run in reversed(all_runs(runs_dir))]
        known = ", ".join(names[:SHOWN_RUNS]) or "none"
        more = f" and {len(names) - SHOWN_RUNS} older ones" if len(names) > SHOWN_RUNS else ""
        raise RunError(f"no run '{name}' in {runs_dir}/; there are: {known}{more}")
    return run


def reserve_run_name(runs_dir: Path, stem: str) -> str:
    """`stem` with the smallest number that no run has behind it; its folder is made, so it stays free."""
    number = 1
    while True:
        try:
            (runs_dir / f"{stem}-{number}").mkdir(parents=True)
        except FileExistsError:
            number += 1
        else:
            return f"{stem}-{number}"
