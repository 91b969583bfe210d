"""A folder ``split/label/*.txt`` as a source."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rnncli.data.examples import Examples, Progress, Report
from rnncli.data.names import Names
from rnncli.data.reading.lines import MAX_LINE, decode
from rnncli.data.stored_texts import StoredTexts, TextStore
from rnncli.errors import DataError

SPLIT_FOLDERS = {
    "train": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
}
UNLABELLED_FOLDERS = ("unsup", "unlabelled", "unlabeled")


@dataclass(frozen=True)
class FolderSource:
    """Text files, one an example, in a folder for each label in a folder for each split.

    Attributes:
        path: The folder with the splits' folders.
        encoding: Character encoding of the files.
        skip_bad_rows: Whether files that cannot be read are left out and counted.
    """

    path: Path
    encoding: str = "utf-8"
    skip_bad_rows: bool = False

    @property
    def origin(self) -> str:
        """The folder's name."""
        return self.path.resolve().name

    def read(self, store: TextStore, report: Report) -> dict[str, Examples]:
        """Read every split, the files of a label in the order of the numbers in their names.

        Raises:
            DataError: The folder is laid out otherwise, or a file cannot be read.
        """
        all_texts: dict[str, StoredTexts] = {}
        all_labels: dict[str, Names] = {}
        splits: dict[str, Examples] = {}
        for folder in _folders(self.path):
            split = SPLIT_FOLDERS.get(folder.name.lower())
            if split is None:
                continue
            for label_folder in _folders(folder):
                unlabelled = label_folder.name.lower() in UNLABELLED_FOLDERS
                name = "unlabelled" if unlabelled else split
                texts = all_texts.setdefault(name, StoredTexts(store))
                labels = all_labels.setdefault(name, Names())
                examples = splits.setdefault(name, Examples(texts, labels=None if unlabelled else labels))
                examples.skipped += self._read_into(texts, labels, label_folder, report)
        if not splits.get("train"):
            raise DataError(
                f"{self.path}: no texts train/LABEL/*.txt; a folder of texts needs train/ and may have "
                "validation/ and test/, each with a folder for each label"
            )
        return {split: examples for split, examples in splits.items() if examples}

    def _read_into(self, texts: StoredTexts, labels: Names, folder: Path, report: Report) -> int:
        """Add the files of one label's folder to `texts` and `labels`; return how many are left out."""
        skipped = 0
        stage = f"Reading {folder.parent.name}/{folder.name}"
        files = [file for file in folder.iterdir() if file.suffix == ".txt" and not file.name.startswith(".")]
        for count, file in enumerate(sorted(files, key=_natural)):
            if count % 1024 == 0:
                report(Progress(stage, count, len(files)))
            text, error = self._read_file(file)
            if error and not self.skip_bad_rows:
                raise DataError(f"{file}: {error}; or leave out such files with --skip-bad-rows")
            if error:
                skipped += 1
                continue
            texts.append(text)
            labels.append(folder.name)
        report(Progress(stage, len(files), len(files)))
        return skipped

    def _read_file(self, file: Path) -> tuple[str, str | None]:
        if not file.is_file():
            return "", "not a regular file"
        if file.stat().st_size > MAX_LINE:
            return "", f"larger than {MAX_LINE:,} bytes"
        try:
            content = file.read_bytes()
        except OSError as error:
            return "", f"cannot read it: {error.strerror}"
        text, fault = decode(content, self.encoding)
        return text.removeprefix("\ufeff"), fault


def _folders(path: Path) -> Iterator[Path]:
    """The folders in `path` by name, without hidden ones."""
    return (folder for folder in sorted(path.iterdir()) if folder.is_dir() and folder.name[0] != ".")


def _natural(file: Path) -> list[tuple[int, str]]:
    """A sort key that puts 9.txt before 10.txt."""
    return [(int(part) if part.isdecimal() else -1, part) for part in re.split(r"(\d+)", file.name)]
