"""Small models with random parameters, and datasets, for tests that need one and not a good one."""

import dataclasses
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from string import ascii_lowercase
from typing import BinaryIO

import numpy as np

from rnncli.data.dataset import Dataset
from rnncli.data.examples import Examples
from rnncli.data.prepare import build_dataset
from rnncli.inference.model_folder import SavedModel
from rnncli.models.parameters import parameters
from rnncli.settings.model import ModelShape
from rnncli.settings.prepare import Keep, PrepareSettings
from rnncli.system.progress import Progress, Report, no_report
from rnncli.system.sealed import SUMS, sha256_of, write_sums
from rnncli.text.ngrams import NgramTable, Texts, count_ngrams
from rnncli.text.tokenizer import Tokenizer

WORDS = ("movie", "a", "the", "great", "bad", "not", "film", "good", "never", "dull")


def vocabulary(size: int) -> list[str]:
    """The first `size` of some English words, followed by made-up ones."""
    made_up = ("".join(letters) for letters in product(ascii_lowercase, repeat=3))
    return list(dict.fromkeys([*WORDS, *made_up]))[:size]


def random_parameters(config: ModelShape, seed: int = 0, scale: float = 0.5) -> dict[str, np.ndarray]:
    """Normally distributed parameters of the classifier's shape, biases included."""
    random = np.random.default_rng(seed)
    drawn = {entry.name: random.standard_normal(entry.shape) for entry in parameters(config)}
    return {name: (scale * values).astype(np.float32) for name, values in drawn.items()}


def random_ngrams(config: ModelShape, seed: int = 0, text: np.ndarray | None = None) -> NgramTable:
    """The n-grams of a text, without one of a random text, and random values."""
    random = np.random.default_rng(seed)
    words = random.integers(0, config.vocab_size, 997) if text is None else text
    texts, labels = Texts.of([words, words]), np.arange(2)
    table = count_ngrams(texts, labels, num_classes=config.num_classes, vocab_size=config.vocab_size)
    values = random.standard_normal(table.values.shape).astype(np.float32)
    return dataclasses.replace(table, values=values)


def random_model(
    config: ModelShape,
    seed: int = 0,
    *,
    label_names: Sequence[str] | None = None,
    max_length: int = 23,
    keep: Keep = "end",
    temperature: float = 1.0,
) -> SavedModel:
    """A model that knows the first ``config.vocab_size - 2`` words of `vocabulary`."""
    words = vocabulary(config.vocab_size - 2)
    names = label_names or ("neg", "pos", *(f"class {number}" for number in range(2, config.num_classes)))
    return SavedModel(
        config=config,
        label_names=tuple(names)[: config.num_classes],
        max_length=max_length,
        keep=keep,
        parameters=random_parameters(config, seed),
        tokenizer=Tokenizer.train(words, config.vocab_size),
        dataset={"name": "words", "fingerprint": "0" * 64},
        ngrams=random_ngrams(config, seed) if config.reads_ngrams else None,
        temperature=temperature,
    )


def reseal(folder: Path) -> None:
    """Make the checksums of a sealed folder fit its files again, as someone who means it would."""
    names = [line.split("  ")[1] for line in (folder / SUMS).read_text().splitlines()]
    write_sums(folder, {name: sha256_of(folder / name) for name in names if (folder / name).exists()})


def prepared(
    splits: dict[str, Examples],
    settings: PrepareSettings,
    *,
    runs_dir: Path,
    name: str,
    report: Report = no_report,
) -> Dataset:
    """A dataset made of `splits`."""

    def read(file: BinaryIO, report: Report) -> dict[str, Examples]:  # noqa: ARG001
        report(Progress("Reading", 1, 1))
        return splits

    return build_dataset(read, settings, origin="given", runs_dir=runs_dir, name=name, report=report)
