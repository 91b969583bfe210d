"""Starting from another model's parameters instead of random ones."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnncli.inference.model_folder import Parameters, SavedModel
from rnncli.settings.base import require
from rnncli.settings.model import ModelSettings, ModelShape
from rnncli.text.tokenizer import Tokenizer

EMBEDDING, HEAD = "embedding.table", "output."
SIZES = ("arch", "embedding_size", "hidden_size", "num_layers")  # parameters fit only where these are equal


@dataclass(frozen=True)
class WarmStart:
    """First values of parameters, and where they are from."""

    parameters: dict[str, NDArray[np.float32]]  # by name, all of the new model's
    words: int  # of the new vocabulary that keep the other model's vectors
    new_words: int  # the other ones, whose vectors are random
    new: list[str]  # the parameters that are as without another model, by name

    def __str__(self) -> str:
        """What was taken and what not, in a line."""
        taken = [f"the vectors of {self.words:,} words", "the encoder"]
        new = [f"the vectors of {self.new_words:,} words"] if self.new_words else []
        head = [name for name in self.new if name.startswith(HEAD)]
        (new if head else taken).append("the head")
        new += [name for name in self.new if name not in head]
        return f"{', '.join(taken)}; new: {', '.join(new) or 'nothing'}"


def require_same_sizes(wanted: ModelSettings, found: ModelSettings, run: str) -> None:
    """Raise UsageError where a model of the settings `wanted` cannot start from that of `run`."""
    for size in SIZES:
        ours, theirs = getattr(wanted, size), getattr(found, size)
        option = f"--{size.replace('_', '-')}"
        require(ours == theirs, f"--from {run}: its {option} is {theirs}, not {ours}; leave {option} out")


def warm_start(
    fresh: Parameters,
    shape: ModelShape,
    tokenizer: Tokenizer,
    label_names: Sequence[str],
    source: SavedModel,
) -> WarmStart:
    """The parameters of `source`, where they mean the same in the new model; else the `fresh` ones.

    A word's vector is taken where both vocabularies hold the word, the head where both models have the
    same labels and pooling, all else where name and shape are the same.

    Args:
        fresh: the new model's parameters by name, as they would be without `source`.
        shape: the new model's shape.
        tokenizer: its tokenizer.
        label_names: its labels.
        source: the model to start from, of the same sizes.
    """
    same_head = tuple(label_names) == source.label_names and shape.pooling == source.config.pooling
    table, words = _word_vectors(fresh[EMBEDDING], tokenizer, source)
    values = {EMBEDDING: table}
    for name, value in source.parameters.items():
        fits = name in fresh and fresh[name].shape == value.shape and name != EMBEDDING
        if fits and (same_head or not name.startswith(HEAD)):
            values[name] = value
    new = [name for name in fresh if name not in values]
    return WarmStart({**fresh, **values}, words, len(table) - words, new)


def _word_vectors(
    fresh: NDArray[np.float32], tokenizer: Tokenizer, source: SavedModel
) -> tuple[NDArray[np.float32], int]:
    """The embedding [words, embedding_size], and how many of its rows are those of `source`."""
    ours, theirs = tokenizer.ids_by_word(), source.tokenizer.ids_by_word()
    pairs = np.array([(ours[word], theirs[word]) for word in ours.keys() & theirs.keys()])
    table = fresh.copy()
    table[pairs[:, 0]] = source.parameters[EMBEDDING][pairs[:, 1]]
    return table, len(pairs)
