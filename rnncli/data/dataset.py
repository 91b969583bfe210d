"""A prepared dataset on disk: ``runs/datasets/NAME/``."""

from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from rnncli.errors import DataError
from rnncli.runs.run import DATASETS
from rnncli.settings.prepare import PrepareSettings
from rnncli.system.sealed import Sealed

if TYPE_CHECKING:
    from rnncli.text.tokenizer import Tokenizer

FORMAT_VERSION = 2
MANIFEST = "manifest.json"
TOKENIZER = "tokenizer.json"
REMEDY = "prepare it anew with 'rnncli prepare'"


@dataclass(frozen=True)
class SplitStatistics:
    """What `prepare` found in one split."""

    rows: int
    skipped_rows: int  # left out because they could not be read
    label_counts: dict[str, int]  # examples by label; empty for a split without labels
    tag_counts: dict[str, int]  # examples by tag; empty where there are no tags
    lengths: dict[str, float]  # tokens a text before truncation: mean, p50, p90, p99, max
    truncated: float  # share of texts longer than the maximum
    unknown: float  # share of the kept tokens that are not in the vocabulary
    empty: int  # texts without a single token
    duplicates: int  # texts that repeat an earlier one of the split
    texts_sha256: str  # of the texts and labels as they were read, whatever the settings
    further: int = 0  # the last rows, which come from other sources (--also)


@dataclass(frozen=True)
class Manifest:
    """The description of a prepared dataset."""

    name: str  # the folder's
    source: str  # where the texts came from, without their folder
    label_names: tuple[str, ...]  # the classes; a label is an index into them
    tag_names: tuple[str, ...]  # what examples probe; empty without tags
    vocab_size: int  # padding and unknown included
    config: PrepareSettings  # with which it was made
    splits: dict[str, SplitStatistics]
    shared: dict[str, int]  # texts of the second split that also occur in the first, by "FIRST/SECOND"

    def to_dict(self) -> dict[str, Any]:
        """The manifest as plain JSON values; the name is the folder's and left out."""
        values = asdict(self)
        del values["name"]
        return {"format_version": FORMAT_VERSION} | values

    @classmethod
    def from_dict(cls, values: dict[str, Any], *, name: str) -> Self:
        """Rebuild what `to_dict` gave."""
        return cls(
            name=name,
            source=values["source"],
            label_names=tuple(values["label_names"]),
            tag_names=tuple(values["tag_names"]),
            vocab_size=values["vocab_size"],
            config=PrepareSettings.from_dict(values["config"], where="config"),
            splits={split: SplitStatistics(**found) for split, found in values["splits"].items()},
            shared=values["shared"],
        )


@dataclass(frozen=True)
class Split:
    """The examples of one split; text `i` is ``token_ids[offsets[i]:offsets[i + 1]]``.

    Attributes:
        name: ``train``, ``validation``, ``test`` or ``unlabelled``.
        token_ids: All texts end to end, truncated [tokens]; this and the rest are memory-mapped.
        offsets: Where each text starts, and the end of the last, int64 [n + 1].
        labels: Indices into the label names, int32 [n]; None without labels.
        tags: Indices into the tag names, int32 [n]; None without tags.
    """

    name: str
    token_ids: np.ndarray
    offsets: np.ndarray
    labels: np.ndarray | None
    tags: np.ndarray | None

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> np.ndarray:
        """The token ids of text `index`, [length]."""
        return self.token_ids[self.offsets[index] : self.offsets[index + 1]]

    def cut(self, length: int) -> "Split":
        """The split with only the first and last tokens of each text of more than `length` tokens."""
        from rnncli.text.tokenizer import truncate

        texts = [truncate(self[row], length, "both") for row in range(len(self))]
        offsets = np.cumsum([0, *map(len, texts)])
        return replace(self, token_ids=np.concatenate(texts), offsets=offsets)

    def take(self, rows: np.ndarray) -> "Split":
        """The texts at `rows` [n], in that order."""
        texts = [self.token_ids[:0], *(self[int(row)] for row in rows)]
        offsets = np.cumsum([0, *self.lengths[rows]])
        labels, tags = (None if part is None else part[rows] for part in (self.labels, self.tags))
        return Split(self.name, np.concatenate(texts), offsets, labels, tags)

    @cached_property
    def lengths(self) -> np.ndarray:
        """Tokens of each text, int32 [n]."""
        return np.subtract(self.offsets[1:], self.offsets[:-1], out=np.empty(len(self), np.int32))


@dataclass(frozen=True)
class Dataset:
    """A prepared dataset; arrays are read when a split is asked for."""

    path: Path
    manifest: Manifest
    sealed: Sealed

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the folder `path`.

        Raises:
            DataError: It is missing, incomplete, damaged or of another format version.
        """
        sealed = Sealed.open(path, error=DataError, remedy=REMEDY)
        values = sealed.json(MANIFEST, FORMAT_VERSION)
        return cls(path, Manifest.from_dict(values, name=path.resolve().name), sealed)

    @property
    def fingerprint(self) -> str:
        """Equal for equal settings and contents, whatever the name."""
        return self.sealed.fingerprint

    @cached_property
    def tokenizer(self) -> "Tokenizer":
        """The tokenizer with the vocabulary of this dataset."""
        from rnncli.text.tokenizer import Tokenizer

        return Tokenizer.load(self.sealed.checked(TOKENIZER))

    def split(self, name: str) -> Split:
        """Read one split, its checksums compared.

        Raises:
            DataError: There is no such split, or a file of it is missing or damaged.
        """
        found = self.manifest.splits.get(name)
        if found is None:
            raise DataError(f"{self.path}: no split '{name}'; there are: {', '.join(self.manifest.splits)}")
        return Split(
            name,
            self._array(name, "token_ids"),
            self._array(name, "offsets"),
            self._array(name, "labels") if found.label_counts else None,
            self._array(name, "tags") if found.tag_counts else None,
        )

    def _array(self, split: str, part: str) -> np.ndarray:
        path = self.sealed.checked(array_file(split, part))
        # Rows of a plain array are taken in a tenth of the time.
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))


def array_file(split: str, part: str) -> str:
    """The name of the file that holds an array of a split."""
    return f"{split}.{part}.npy"


def list_datasets(runs_dir: Path) -> list[Path]:
    """The folders of prepared datasets, the one prepared last at the end."""
    manifests = (runs_dir / DATASETS).glob(f"[!.]*/{MANIFEST}")
    return [path.parent for path in sorted(manifests, key=lambda path: (path.stat().st_mtime_ns, path))]


def resolve_dataset(runs_dir: Path, name_or_path: str | None) -> Dataset:
    """Open a dataset by name or path; None stands for the one prepared last.

    Raises:
        DataError: There is none, or it is damaged.
    """
    known = list_datasets(runs_dir)
    if name_or_path is None:
        if not known:
            raise DataError(f"{runs_dir / DATASETS}: no dataset prepared yet; run 'rnncli prepare'")
        return Dataset.open(known[-1])
    inside, elsewhere = runs_dir / DATASETS / name_or_path, Path(name_or_path)
    if inside.is_dir():
        return Dataset.open(inside)
    if (elsewhere / MANIFEST).is_file():
        return Dataset.open(elsewhere)
    names = ", ".join(path.name for path in known) or "none"
    raise DataError(f"no prepared dataset '{name_or_path}'; prepared in {runs_dir / DATASETS}: {names}")
