"""Presets that are whole recipes: several runs, and the average that is made of them."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Stage(NamedTuple):
    """One training of a recipe.

    Attributes:
        name: of its run.
        settings: as the tables of a TOML file.
        teachers: earlier stages whose probabilities are its targets for unlabelled texts, where the
            dataset has any.
    """

    name: str
    settings: Mapping[str, Any]
    teachers: tuple[str, ...] = ()


class Recipe(NamedTuple):
    """Stages in their order, and those among them whose average is the model."""

    stages: tuple[Stage, ...]
    members: tuple[str, ...]


NGRAM = Stage("ngram", {"model": {"arch": "ngram"}})
STUDENT_SHARE = 0.2  # of the teachers in the targets of labelled texts; all there is without unlabelled ones


def _reader(arch: str, epochs: int) -> dict[str, Any]:
    """A recurrent model that reads how evidence is turned round, rather than learning words by heart.

    Most words are dropped in each step; what their n-grams say is not.
    """
    return {
        "epochs": epochs,
        "least_steps": 1400,
        "vectors": "texts",
        "model": {
            "arch": arch,
            "embedding_size": 64,
            "hidden_size": 64,
            "pooling": "maxmean",
            "evidence": True,
            "word_dropout": 0.6,
            "embedding_dropout": 0.2,
        },
        "data": {"batch_size": 64, "read_length": 400},
        "optimizer": {"learning_rate": 2e-3, "schedule": "cosine", "average_epochs": 2},
    }


def _student(arch: str, *teachers: str) -> Stage:
    settings = _reader(arch, epochs=3) | {"teacher_share": STUDENT_SHARE}
    return Stage(f"student-{arch}", settings, teachers)


def _small(*teachers: str) -> Stage:
    """A student that takes 3 MB at most, if the dataset has no more than some 12,000 words."""
    settings = _reader("bilstm", epochs=3)
    settings["model"] |= {"max_ngrams": 200_000, "compact": True}
    return Stage("small", settings | {"teacher_share": STUDENT_SHARE}, teachers)


RECIPES = {
    "supervised": Recipe((NGRAM, Stage("reader", _reader("bilstm", epochs=4))), ("ngram", "reader")),
    "small": Recipe(
        (NGRAM, Stage("reader", _reader("bilstm", epochs=4)), _small("ngram", "reader")), ("small",)
    ),
    "best": Recipe(
        (
            NGRAM,
            Stage("reader", _reader("bilstm", epochs=4)),
            _student("bilstm", "ngram", "reader"),
            _student("bigru", "ngram", "student-bilstm"),
        ),
        ("ngram", "student-bilstm", "student-bigru"),
    ),
}
