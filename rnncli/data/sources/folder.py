"""A folder ``split/label/*.txt`` as a source."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from rnncli.data.examples import Examples, StoredTexts
from rnncli.data.reading.lines import decode
from rnncli.errors import DataError
from rnncli.system.progress import Report, reported

SPLIT_FOLDERS = {
    "train": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
}
UNLABELLED_FOLDERS = ("unsup", "unlabelled", "unlabeled")


def read_folder(
    path: Path, file: BinaryIO, report: Report, *, encoding: str = "utf-8", skip_bad_rows: bool = False
) -> dict[str, Examples]:
    """Read text files, one an example, in a folder for each label in a folder for each split.

    The files of a label come in the order of the numbers in their names. See `Reader`, and for the
    options `rnncli.workflows.prepare.prepare`.

    Raises:
        DataError: The folder has another layout, or a file cannot be read.
    """
    splits: dict[str, Examples] = {}
    for folder in _folders(path):
        split = SPLIT_FOLDERS.get(folder.name.lower())
        for label_folder in _folders(folder) if split else ():
            unlabelled = label_folder.name.lower() in UNLABELLED_FOLDERS
            examples = splits.setdefault(
                "unlabelled" if unlabelled else str(split),
                Examples(StoredTexts(file), labels=None if unlabelled else []),
            )
            read_files(label_folder, examples, report, encoding=encoding, skip_bad_rows=skip_bad_rows)
    if not splits.get("train"):
        raise DataError(
            f"{path}: no texts train/LABEL/*.txt; a folder of texts needs train/ and may have "
            "validation/ and test/, each with a folder for each label"
        )
    return {split: examples for split, examples in splits.items() if examples}


def read_files(
    folder: Path, examples: Examples, report: Report, *, encoding: str, skip_bad_rows: bool
) -> None:
    """Add the text files of a folder to `examples`, with its name as label where these have labels.

    Raises:
        DataError: A file cannot be read, and is not to be skipped.
    """
    files = [file for file in folder.iterdir() if file.suffix == ".txt" and not file.name.startswith(".")]
    stage = f"Reading {folder.parent.name}/{folder.name}"
    for file in reported(sorted(files, key=_natural), stage, report, len(files)):
        text, error = _read_file(file, encoding)
        if error and not skip_bad_rows:
            raise DataError(f"{file}: {error}; or leave out such files with --skip-bad-rows")
        if error:
            examples.skipped += 1
            continue
        examples.texts.append(text)
        if examples.labels is not None:
            examples.labels.append(folder.name)


def _read_file(file: Path, encoding: str) -> tuple[str, str | None]:
    """The text of a file, and why it cannot be read."""
    try:
        content = file.read_bytes()
    except OSError as error:
        return "", f"cannot read it: {error.strerror}"
    text, fault = decode(content, encoding)
    return text.removeprefix("\ufeff"), fault


def _folders(path: Path) -> Iterator[Path]:
    """The folders in `path` by name, without hidden ones."""
    return (folder for folder in sorted(path.iterdir()) if folder.is_dir() and folder.name[0] != ".")


def _natural(file: Path) -> list[tuple[int, str]]:
    """A sort key that puts 9.txt before 10.txt."""
    return [(int(part) if part.isdecimal() else -1, part) for part in re.split(r"(\d+)", file.name)]
