"""The Large Movie Review Dataset: the published archive, a repacked one, or its unpacked folder."""

import re
from pathlib import Path
from typing import BinaryIO

import numpy as np

from rnncli.data.examples import Examples, StoredTexts
from rnncli.data.sources.archive import read_files
from rnncli.errors import DataError
from rnncli.system.progress import REPORT_EVERY, Progress, Report

REVIEW = re.compile(r"(train|test)/(neg|pos|unsup)/([0-9]{1,9})_[0-9]{1,2}\.txt")
FILMS = re.compile(r"(train|test)/urls_(neg|pos|unsup)\.txt")
FILM = re.compile(r"/title/(tt[0-9]+)")
ROOT = "aclImdb"
LABELS = ("neg", "pos")

Part = tuple[str, str]  # folder and kind, such as train and pos


def read_imdb(archive: Path | None, file: BinaryIO, report: Report) -> dict[str, Examples]:
    """Read train, test and unlabelled reviews in the order of their numbers; those of a film are a group.

    See `Reader`. None as `archive` stands for the published one; it may be an unpacked folder.

    Raises:
        DataError: The archive is missing, damaged, malicious or of another layout.
    """
    if archive is None:
        from rnncli.data.sources.download import fetch_imdb

        archive = fetch_imdb(report)
    texts, places, films = _collect(archive, file, report)
    splits = {split: [(split, label) for label in LABELS] for split in ("train", "test")}
    if ("train", "unsup") in places:
        splits["unlabelled"] = [("train", "unsup")]
    result = {split: _examples(archive, parts, texts, places, films) for split, parts in splits.items()}
    if "unlabelled" in result:
        result["unlabelled"].labels = None
    return result


def _collect(
    path: Path, file: BinaryIO, report: Report
) -> tuple[StoredTexts, dict[Part, dict[int, int]], dict[Part, list[str]]]:
    """All reviews; by part, the place of each number's review, and the lines that name the films."""
    texts = StoredTexts(file)
    places: dict[Part, dict[int, int]] = {}
    films: dict[Part, list[str]] = {}
    stage = f"Reading {path.name}"
    wanted = re.compile(f"{REVIEW.pattern}|{FILMS.pattern}")
    for name, content in read_files(path, ROOT, lambda name: bool(wanted.fullmatch(name))):
        try:
            text = content.decode()
        except UnicodeDecodeError as error:
            raise DataError(f"{path}: {name}: not UTF-8 at byte {error.start}") from error
        if match := REVIEW.fullmatch(name):
            places.setdefault((match[1], match[2]), {})[int(match[3])] = len(texts)
            texts.append(text)
            if len(texts) % REPORT_EVERY == 0:
                report(Progress(stage, len(texts), None))
        elif match := FILMS.fullmatch(name):
            films[match[1], match[2]] = text.splitlines()
    report(Progress(stage, len(texts), len(texts)))
    return texts, places, films


def _examples(
    path: Path,
    parts: list[Part],
    texts: StoredTexts,
    places: dict[Part, dict[int, int]],
    films: dict[Part, list[str]],
) -> Examples:
    """The reviews of some parts, each with its part's kind as label and its film as group."""
    rows: list[int] = []
    labels: list[str] = []
    groups: list[str] = []
    for folder, kind in parts:
        if (folder, kind) not in places:
            raise DataError(
                f"{path}: no reviews named {ROOT}/{folder}/{kind}/*.txt in it; "
                "give the IMDB archive aclImdb_v1.tar.gz or its unpacked folder"
            )
        name = f"{ROOT}/{folder}/urls_{kind}.txt"
        lines = films.get((folder, kind))
        if lines is None:
            raise DataError(f"{path}: no {name}, which names the film of each review")
        for number, row in sorted(places[folder, kind].items()):
            match = FILM.search(lines[number]) if number < len(lines) else None
            if match is None:
                raise DataError(
                    f"{path}: {name}: line {number + 1} does not name the film of review {number}"
                )
            rows.append(row)
            labels.append(kind)
            groups.append(match[1])
    return Examples(texts.take(np.array(rows)), labels=labels, groups=groups)
