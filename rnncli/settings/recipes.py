"""Presets that are whole recipes: several runs, the last of which averages others."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Stage(NamedTuple):
    """One training of a recipe.

    Attributes:
        name: of its run, in the folder ``stages`` of the recipe's own run.
        settings: as the tables of a TOML file.
        teachers: earlier stages whose probabilities are its targets for unlabelled texts.
    """

    name: str
    settings: Mapping[str, Any]
    teachers: tuple[str, ...] = ()


class Recipe(NamedTuple):
    """Stages in their order, and those among them whose average is the model."""

    stages: tuple[Stage, ...]
    members: tuple[str, ...]


NGRAM = Stage("ngram", {"model": {"arch": "ngram"}})
# Reads how evidence is turned round rather than learning each word by heart: most words are dropped,
# their n-grams' ratios are not.
READER = {
    "epochs": 4,
    "model": {
        "arch": "bilstm",
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
RECIPES = {
    "supervised": Recipe((NGRAM, Stage("reader", READER)), ("ngram", "reader")),
    "best": Recipe(
        (
            NGRAM,
            Stage("reader", READER),
            Stage("student", {**READER, "epochs": 3}, teachers=("ngram", "reader")),
        ),
        ("ngram", "reader", "student"),
    ),
}
