"""Prepared datasets and finished runs whose accuracy is known beforehand."""

from pathlib import Path
from typing import Any

import numpy as np

from rnncli.data.dataset import Dataset
from rnncli.data.examples import Examples
from rnncli.inference.model_folder import SavedModel, save_model
from rnncli.runs.run import Run
from rnncli.settings.model import ModelShape
from rnncli.settings.prepare import PrepareSettings
from rnncli.settings.train import TrainSettings
from tests.factories import prepared

WORDS_A_LABEL = 5
SPLIT_SIZES = {"train": 211, "validation": 53, "test": 307}


def word_splits(
    label_names: tuple[str, ...] = ("neg", "pos"), *, tagged: bool = True, seed: int = 0, noise: float = 0.2
) -> dict[str, Examples]:
    """Texts that hold one word of their label; a "noisy" text holds one of the next label instead.

    A model that knows the words is right on every plain text and wrong on every noisy one.
    """
    random = np.random.default_rng(seed)

    def examples(size: int) -> Examples:
        labels = random.integers(0, len(label_names), size)
        noisy = random.random(size) < noise
        texts = []
        for label, wrong in zip(labels, noisy, strict=True):
            word = label_word((label + wrong) % len(label_names), int(random.integers(WORDS_A_LABEL)))
            fillers = [f"filler{i}" for i in random.integers(0, 29, random.integers(0, 17))]
            texts.append(" ".join([*fillers, word, *fillers[:3]]))
        tags = ["noisy" if wrong else "plain" for wrong in noisy] if tagged else None
        return Examples(texts=texts, labels=[label_names[label] for label in labels], tags=tags)

    return {name: examples(size) for name, size in SPLIT_SIZES.items()}


def label_word(label: int, number: int) -> str:
    return f"word{label}{'abcde'[number]}"


def make_dataset(runs_dir: Path, name: str = "words", *, vocab_size: int = 997, **source: Any) -> Dataset:
    config = PrepareSettings(vocab_size=vocab_size, max_length=31)
    return prepared(word_splits(**source), config, runs_dir=runs_dir, name=name)


def word_model(dataset: Dataset, *, known_words: int = WORDS_A_LABEL, sharpness: float = 40.0) -> SavedModel:
    """A bag of words that knows the first `known_words` words of each label but the first.

    A text without a word that it knows gets the first label.
    """
    names, tokenizer = dataset.manifest.label_names, dataset.tokenizer
    words, size = tokenizer.vocab_size, len(names)
    config = ModelShape("bow", vocab_size=words, num_classes=size, embedding_size=size, hidden_size=size)
    table = np.zeros((words, size))
    for label in range(1, size):
        for number in range(known_words):
            (ids,) = tokenizer.encode([label_word(label, number)])
            table[ids[0], label] = 1
    identity = np.eye(size)
    weights = {
        "embedding.table": table,
        "hidden.kernel": identity,
        "hidden.bias": np.zeros(size),
        "output.kernel": sharpness * (identity if size > 2 else np.array([[0.0], [1.0]])),
        "output.bias": identity[0] if size > 2 else np.array([-1.0]),
    }
    return SavedModel(
        config=config,
        label_names=names,
        max_length=dataset.manifest.config.max_length,
        keep=dataset.manifest.config.keep,
        parameters={key: np.ascontiguousarray(value, dtype=np.float32) for key, value in weights.items()},
        tokenizer=tokenizer,
        dataset={"name": dataset.manifest.name, "fingerprint": dataset.fingerprint},
    )


def make_run(
    runs_dir: Path, name: str, dataset: Dataset, *, known_words: int = WORDS_A_LABEL, **settings: Any
) -> Run:
    """A finished run of `word_model`."""
    run, manifest = Run(runs_dir / name), dataset.manifest
    run.path.mkdir(parents=True)
    config = TrainSettings.from_options(**{"arch": "bow", "epochs": 3, **settings})
    run.begin(config, dataset=manifest.name, fingerprint=dataset.fingerprint)
    save_model(run.model_dir, word_model(dataset, known_words=known_words))
    run.metrics_path.touch()
    run.history_path.touch()
    measured = {"val_accuracy": 0.5 + 0.05 * known_words, "val_loss": 0.6 - 0.05 * known_words}
    run.finish({**measured, "parameters": 1009 + known_words, "train_seconds": 61.5})
    return run
