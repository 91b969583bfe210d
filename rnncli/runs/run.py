"""The run directory: what its files are called, its lock, and how it is begun and finished.

runs/RUN/config.json      settings and dataset; the first file written
         metrics.jsonl    a line an epoch
         summary.json     the figures of the finished run
         history.png      loss and accuracy against epoch
         SHA256SUMS       the checksums: of config.json from the start, of the others but the plot at the end
         model/           all that prediction needs
         checkpoints/     all that resuming needs
         evaluations/     results of `rnncli eval`

A run lives over time, and a kill at any moment leaves one that can be resumed. When it begins,
SHA256SUMS is written just before config.json, which it lists: without config.json nothing has begun.
When it ends, SHA256SUMS is replaced after all other files: a run whose summary.json it does not list
is unfinished, and resuming writes the last files again.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from rnncli.errors import RunError
from rnncli.settings.train import TrainSettings
from rnncli.system.files import json_bytes, locked, remove_leftovers, to_json, write_bytes, write_json
from rnncli.system.sealed import SUMS, Sealed, sha256_of, write_sums

FORMAT_VERSION = 2
CONFIG, SUMMARY = "config.json", "summary.json"
DATASETS = "datasets"
REMEDY = "restore the run from where it is whole, or train it again under another --name"


@dataclass
class Run:
    """A run directory, which need not exist yet; its files and folders are listed above."""

    path: Path

    def __post_init__(self) -> None:
        path, self.name = self.path, self.path.name
        self.model_dir = path / "model"
        self.checkpoints_dir = path / "checkpoints"
        self.evaluations_dir = path / "evaluations"
        self.config_path = path / CONFIG
        self.metrics_path = path / "metrics.jsonl"
        self.history_path = path / "history.png"
        self.summary_path = path / SUMMARY

    @property
    def finished(self) -> bool:
        """Whether training ended and every file of the run was written and sealed."""
        sums = self.path / SUMS
        return sums.is_file() and f"  {SUMMARY}\n".encode() in sums.read_bytes()

    @property
    def sealed(self) -> Sealed:
        """The run's files, to be read checked; RunError where their checksums are missing or damaged."""
        return Sealed.open(self.path, error=RunError, remedy=REMEDY)

    @cached_property
    def description(self) -> dict[str, Any]:
        """The content of config.json."""
        return self.sealed.json(CONFIG, FORMAT_VERSION)

    @property
    def members(self) -> dict[str, dict[str, str]]:
        """The runs that this one is an average of: where each was and its model's fingerprint, by name."""
        found: dict[str, dict[str, str]] = self.description.get("average", {})
        return found

    @property
    def teachers(self) -> dict[str, dict[str, str]]:
        """The runs that this one learns from, as `members`."""
        found: dict[str, dict[str, str]] = self.description.get("teachers", {})
        return found

    @property
    def is_language_model(self) -> bool:
        """Whether it learned to predict words, and answers nothing: others can start from it."""
        return str(self.description.get("train", {}).get("objective")) == "language-model"

    @property
    def config(self) -> TrainSettings:
        """The settings that the run was trained with; an average has none."""
        return TrainSettings.from_dict(self.description["train"], where=str(self.config_path))

    @property
    def dataset_name(self) -> str:
        """Name of the prepared dataset."""
        return str(self.description["dataset"])

    @property
    def dataset_fingerprint(self) -> str:
        """Fingerprint of the prepared dataset."""
        return str(self.description["fingerprint"])

    @property
    def summary(self) -> dict[str, Any]:
        """The content of summary.json; RunError where it is missing or damaged."""
        return self.sealed.json(SUMMARY, FORMAT_VERSION)

    @property
    def model_fingerprint(self) -> str:
        """Equal as long as the model is the same."""
        return Sealed.open(self.model_dir, error=RunError, remedy=REMEDY).fingerprint

    def begin(self, config: TrainSettings | None, *, dataset: str, fingerprint: str, **extra: Any) -> None:
        """Write config.json, the first file of a run, and its checksum; an average has no `config`."""
        data = {"dataset": dataset, "fingerprint": fingerprint}
        settings = {"train": config.to_dict()} if config else {}
        values = {"format_version": FORMAT_VERSION, "run": self.name, **data, **settings}
        content = json_bytes({**values, **extra})
        write_sums(self.path, {CONFIG: hashlib.sha256(content).hexdigest()})
        write_bytes(self.config_path, content)

    def write_metrics(self, history: Sequence[Mapping[str, Any]]) -> None:
        """Write metrics.jsonl whole, so that it never disagrees with the checkpoint."""
        lines = [to_json(line, indent=None) + "\n" for line in history]
        write_bytes(self.metrics_path, "".join(lines).encode())

    def finish(self, summary: dict[str, Any]) -> None:
        """Write summary.json, and seal the run with all its files but the plot.

        Raises:
            RunError: config.json is not as it was when the run began.
        """
        self.sealed.read(CONFIG)
        write_json(self.summary_path, {"format_version": FORMAT_VERSION, **summary})
        # Without the plot, which holds nothing that metrics.jsonl does not, and may be deleted.
        files = [self.config_path, self.metrics_path, self.summary_path]
        files += [path for path in self.model_dir.rglob("*") if path.is_file()]
        write_sums(self.path, {str(file.relative_to(self.path)): sha256_of(file) for file in files})

    def require_new(self) -> None:
        """Refuse to write over a run: RunError where the directory holds one."""
        if self.finished:
            raise RunError(f"{self.path} holds a finished run: choose another --name")
        if self.config_path.exists():
            remedy = f"continue it with --resume {self.name}, or choose another --name"
            raise RunError(f"{self.path} holds an unfinished run: {remedy}")
        self.require_no_remains()

    def require_no_remains(self) -> None:
        """Refuse parts of a run that nothing describes: RunError where only config.json is missing."""
        if not self.config_path.exists() and (self.model_dir.exists() or self.checkpoints_dir.exists()):
            raise RunError(f"{self.config_path}: it is missing; {REMEDY}")

    def find_dataset(self, runs_dir: Path) -> Path:
        """Where the run's dataset lies: in `runs_dir`, else where it was when the run began."""
        inside = runs_dir / DATASETS / self.dataset_name
        recorded = self.description.get("dataset_path")
        return inside if inside.is_dir() or not recorded else Path(str(recorded))

    @contextmanager
    def locked(self, remedy: str = "wait for it") -> Iterator[None]:
        """Hold the run for this process; `remedy` is what to do where another process holds it.

        Raises:
            RunError: another process holds it.
        """
        with locked(self.path / ".lock", what=f"run '{self.name}'", error=RunError, remedy=remedy):
            remove_leftovers(self.path)
            remove_leftovers(self.checkpoints_dir)
            yield


def recorded(runs: Mapping[str, Run]) -> dict[str, dict[str, str]]:
    """What a run's config.json says of other runs that it is made of: their place and their model."""
    return {
        name: {"path": str(run.path.resolve()), "model": run.model_fingerprint} for name, run in runs.items()
    }


def no_classifier(place: str, name: str = "RUN") -> RunError:
    """The error that the model at `place`, of the run `name`, is a language model, with its remedy."""
    return RunError(
        f"{place} is a language model, which tells no classes apart: train a classifier that starts from it "
        f"with 'rnncli train --from {name}'"
    )
