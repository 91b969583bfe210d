"""A prepared dataset on disk: ``runs/datasets/NAME/``."""

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from rnncli.errors import DataError, RnncliError
from rnncli.runs.run import DATASETS
from rnncli.settings.prepare import PrepareSettings
from rnncli.system.files import require_as_written, to_json

if TYPE_CHECKING:
    from rnncli.text.tokenizer import Tokenizer

FORMAT_VERSION = 1
MANIFEST = "manifest.json"
TOKENIZER = "tokenizer.json"
REMEDY = "prepare it anew with 'rnncli prepare'"


@dataclass(frozen=True)
class SplitStatistics:
    """What `prepare` found in one split.

    Attributes:
        rows: Examples.
        skipped_rows: Rows left out because they could not be read.
        label_counts: Examples by label; empty for a split without labels.
        tag_counts: Examples by tag; empty where there are no tags.
        lengths: Tokens a text before truncation: ``mean``, ``p50``, ``p90``, ``p99``, ``max``.
        truncated: Share of texts longer than the maximum.
        unknown: Share of the kept tokens that are not in the vocabulary.
        empty: Texts without a single token.
        duplicates: Texts that repeat an earlier one of the split.
        texts_sha256: Digest of the texts and labels as they were read, whatever the settings.
    """

    rows: int
    skipped_rows: int
    label_counts: dict[str, int]
    tag_counts: dict[str, int]
    lengths: dict[str, float]
    truncated: float
    unknown: float
    empty: int
    duplicates: int
    texts_sha256: str


@dataclass(frozen=True)
class Manifest:
    """All about a prepared dataset but its contents.

    Attributes:
        name: The folder's name.
        source: Where the texts came from, without their folder.
        label_names: The classes; a label is an index into them.
        tag_names: What examples probe; empty where nobody tagged them.
        vocab_size: Entries of the vocabulary, padding and unknown included.
        config: The settings it was made with.
        splits: Statistics by split.
        shared: Texts of the second split that also occur in the first, by ``FIRST/SECOND``.
        files: SHA-256 of each file.
        fingerprint: SHA-256 over everything above but the name.
    """

    name: str
    source: str
    label_names: tuple[str, ...]
    tag_names: tuple[str, ...]
    vocab_size: int
    config: PrepareSettings
    splits: dict[str, SplitStatistics]
    shared: dict[str, int]
    files: dict[str, str]

    @cached_property
    def fingerprint(self) -> str:
        """Equal for equal settings and contents."""
        return hashlib.sha256(to_json(self._content(), indent=None).encode()).hexdigest()

    def _content(self) -> dict[str, Any]:
        content = asdict(self) | {"config": self.config.to_dict()}
        del content["name"]
        return {"format_version": FORMAT_VERSION} | content

    def to_dict(self) -> dict[str, Any]:
        """The manifest as plain JSON values; the name is the folder's and left out."""
        return self._content() | {"fingerprint": self.fingerprint}

    @classmethod
    def from_dict(cls, values: dict[str, Any], *, name: str) -> Self:
        """Rebuild what `to_dict` gave.

        Raises:
            ValueError: It has another format version, or its fingerprint does not match.
            KeyError: A part is missing.
            TypeError: A part is of another type, or unknown.
        """
        values = dict(values)
        version, fingerprint = values.pop("format_version"), values.pop("fingerprint")
        if version != FORMAT_VERSION:
            raise ValueError(f"format version {version}, this program reads {FORMAT_VERSION}")
        values["label_names"] = tuple(values["label_names"])
        values["tag_names"] = tuple(values["tag_names"])
        values["config"] = PrepareSettings.from_dict(values["config"], where="config")
        values["splits"] = {key: SplitStatistics(**split) for key, split in values["splits"].items()}
        manifest = cls(name=name, **values)
        if manifest.fingerprint != fingerprint:
            raise ValueError("its fingerprint does not match its content")
        return manifest


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

    @cached_property
    def lengths(self) -> np.ndarray:
        """Tokens of each text, int32 [n]."""
        return np.subtract(self.offsets[1:], self.offsets[:-1], out=np.empty(len(self), np.int32))


@dataclass(frozen=True)
class Dataset:
    """A prepared dataset; arrays are read when a split is asked for."""

    path: Path
    manifest: Manifest

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the folder `path`.

        Raises:
            DataError: It is missing, incomplete, damaged or of another format version.
        """
        try:
            content = (path / MANIFEST).read_bytes()
            values = json.loads(content)
            manifest = Manifest.from_dict(values, name=path.resolve().name)
            require_as_written(content, values)
        except FileNotFoundError as error:
            raise DataError(f"{path}: no prepared dataset: it has no {MANIFEST}; {REMEDY}") from error
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, RnncliError) as error:
            raise DataError(f"{path / MANIFEST}: damaged or unreadable ({error}); {REMEDY}") from error
        for name in manifest.files:
            if not (path / name).is_file():
                raise DataError(f"{path / name}: missing from the prepared dataset; {REMEDY}")
        return cls(path, manifest)

    @cached_property
    def tokenizer(self) -> "Tokenizer":
        """The tokenizer with the vocabulary of this dataset."""
        from rnncli.text.tokenizer import Tokenizer

        self._verify(TOKENIZER)
        return Tokenizer.load(self.path / TOKENIZER)

    def split(self, name: str) -> Split:
        """Read one split, its checksums compared.

        Raises:
            DataError: There is no such split, or a file of it is missing or damaged.
        """
        if name not in self.manifest.splits:
            known = ", ".join(self.manifest.splits)
            raise DataError(f"{self.path}: no split '{name}'; there are: {known}")
        parts = {part: self._array(name, part) for part in ("token_ids", "offsets", "labels", "tags")}
        token_ids, offsets = parts["token_ids"], parts["offsets"]
        if token_ids is None or offsets is None:
            raise DataError(f"{self.path}: split '{name}' is incomplete; prepare the dataset anew")
        split = Split(name, token_ids, offsets, parts["labels"], parts["tags"])
        self._check_indices(split)
        return split

    def _check_indices(self, split: Split) -> None:
        """Raise DataError unless every offset, token id, label and tag points at something."""
        manifest, offsets = self.manifest, split.offsets
        sound = offsets[0] == 0 and offsets[-1] == len(split.token_ids)
        sound &= (offsets[1:] >= offsets[:-1]).all()
        for values, end in (
            (split.token_ids, manifest.vocab_size),
            (split.labels, len(manifest.label_names)),
            (split.tags, len(manifest.tag_names)),
        ):
            sound &= values is None or not len(values) or (values.min() >= 0 and values.max() < end)
        for values in (split.labels, split.tags):
            sound &= values is None or len(values) == len(split)
        if not sound:
            raise DataError(f"{self.path}: the arrays of split '{split.name}' do not fit together; {REMEDY}")

    def _array(self, split: str, part: str) -> np.ndarray | None:
        file_name = array_file(split, part)
        if file_name not in self.manifest.files:
            return None
        self._verify(file_name)
        try:
            mapped = np.load(self.path / file_name, mmap_mode="r", allow_pickle=False)
        except (ValueError, EOFError) as error:
            raise DataError(
                f"{self.path / file_name}: not an array of numbers ({error}); {REMEDY}"
            ) from error
        array: np.ndarray = np.asarray(mapped)  # of which rows are taken in a tenth of the time
        if array.ndim != 1 or array.dtype.kind not in "iu" or (part == "offsets" and not len(array)):
            raise DataError(
                f"{self.path / file_name}: {array.dtype}{list(array.shape)} is no list of ids; {REMEDY}"
            )
        return array

    def _verify(self, file_name: str) -> None:
        path = self.path / file_name
        try:
            digest = sha256_of(path)
        except OSError as error:
            raise DataError(f"{path}: cannot read it: {error.strerror}") from error
        if digest != self.manifest.files[file_name]:
            raise DataError(f"{path}: damaged: its checksum differs; prepare the dataset anew")


def array_file(split: str, part: str) -> str:
    """The name of the file that holds an array of a split."""
    return f"{split}.{part}.npy"


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def datasets_dir(runs_dir: Path) -> Path:
    """The folder of all prepared datasets."""
    return runs_dir / DATASETS


def list_datasets(runs_dir: Path) -> list[Path]:
    """The folders of prepared datasets, the one prepared last at the end."""
    manifests = datasets_dir(runs_dir).glob(f"[!.]*/{MANIFEST}")
    return [path.parent for path in sorted(manifests, key=lambda path: (path.stat().st_mtime_ns, path))]


def resolve_dataset(runs_dir: Path, name_or_path: str | None) -> Dataset:
    """Open a dataset by name or path; None stands for the one prepared last.

    Raises:
        DataError: There is none, or it is damaged.
    """
    known = list_datasets(runs_dir)
    if name_or_path is None:
        if not known:
            raise DataError(f"{datasets_dir(runs_dir)}: no dataset prepared yet; run 'rnncli prepare'")
        return Dataset.open(known[-1])
    inside = datasets_dir(runs_dir) / name_or_path
    for path in (inside, Path(name_or_path)):
        if (path / MANIFEST).is_file():
            return Dataset.open(path)
    if inside.is_dir():
        return Dataset.open(inside)  # which says what it lacks
    names = ", ".join(path.name for path in known) or "none"
    raise DataError(f"no prepared dataset '{name_or_path}'; prepared in {datasets_dir(runs_dir)}: {names}")
