"""The Large Movie Review Dataset: the published archive, a repacked one, or its unpacked folder."""

import re
from array import array
from dataclasses import dataclass
from pathlib import Path

from rnncli.data.examples import Examples, Progress, Report
from rnncli.data.names import Names
from rnncli.data.sources.archive import read_files
from rnncli.data.stored_texts import StoredTexts, TextStore
from rnncli.errors import DataError

REVIEW = re.compile(r"(train|test)/(neg|pos|unsup)/([0-9]{1,9})_[0-9]{1,2}\.txt")
FILMS = re.compile(r"(train|test)/urls_(neg|pos|unsup)\.txt")
FILM = re.compile(r"/title/(tt[0-9]+)")
ROOT = "aclImdb"
LABELS = ("neg", "pos")

Part = tuple[str, str]  # folder and kind, such as train and pos


@dataclass(frozen=True)
class ImdbSource:
    """IMDB reviews; those of one film are a group.

    Attributes:
        archive: A local archive or unpacked folder; None stands for the published archive.
    """

    archive: Path | None = None
    origin: str = "imdb"

    def read(self, store: TextStore, report: Report) -> dict[str, Examples]:
        """Read train, test and unlabelled reviews in the order of their numbers.

        Raises:
            DataError: The archive is missing, damaged, hostile or laid out otherwise.
        """
        path = self.archive
        if path is None:
            from rnncli.data.sources.download import fetch_imdb

            path = fetch_imdb(report)
        reviews, films = _collect(path, store, report)
        for folder in ("train", "test"):
            for label in LABELS:
                if (folder, label) not in reviews:
                    raise DataError(
                        f"{path}: no reviews named {ROOT}/{folder}/{label}/*.txt in it; "
                        "give the IMDB archive aclImdb_v1.tar.gz or its unpacked folder"
                    )
        result = {
            "train": _examples(path, "train", LABELS, store, reviews, films),
            "test": _examples(path, "test", LABELS, store, reviews, films),
        }
        if ("train", "unsup") in reviews:
            result["unlabelled"] = _examples(path, "train", ("unsup",), store, reviews, films)
            result["unlabelled"].labels = None
        return result


def _collect(
    path: Path, store: TextStore, report: Report
) -> tuple[dict[Part, dict[int, int]], dict[Part, list[str]]]:
    """The places in `store` of the reviews by number, and the film of each number, of each part."""
    reviews: dict[Part, dict[int, int]] = {}
    films: dict[Part, list[str]] = {}
    stage, count = f"Reading {path.name}", 0
    for name, content in read_files(
        path, ROOT, lambda name: bool(REVIEW.fullmatch(name) or FILMS.fullmatch(name))
    ):
        try:
            text = content.decode()
        except UnicodeDecodeError as error:
            raise DataError(f"{path}: {name}: not UTF-8 at byte {error.start}") from error
        if match := REVIEW.fullmatch(name):
            part = reviews.setdefault((match[1], match[2]), {})
            if int(match[3]) in part:
                raise DataError(f"{path}: {name}: a second review of that number")
            part[int(match[3])] = store.add(text)
            count += 1
            if count % 1000 == 0:
                report(Progress(stage, count, None))
        elif match := FILMS.fullmatch(name):
            films[match[1], match[2]] = text.splitlines()
    report(Progress(stage, count, count))
    return reviews, films


def _examples(
    path: Path,
    folder: str,
    kinds: tuple[str, ...],
    store: TextStore,
    reviews: dict[Part, dict[int, int]],
    films: dict[Part, list[str]],
) -> Examples:
    """The reviews of a folder, with the folder's name as label and the film as group."""
    places, labels, groups = array("I"), Names(), Names()
    for kind in kinds:
        name = f"{ROOT}/{folder}/urls_{kind}.txt"
        lines = films.get((folder, kind))
        if lines is None:
            raise DataError(f"{path}: no {name}, which names the film of each review")
        for number, place in sorted(reviews[folder, kind].items()):
            match = FILM.search(lines[number]) if number < len(lines) else None
            if match is None:
                raise DataError(
                    f"{path}: {name}: line {number + 1} does not name the film of review {number}"
                )
            places.append(place)
            labels.append(kind)
            groups.append(match[1])
    return Examples(StoredTexts(store, places), labels=labels, groups=groups)
