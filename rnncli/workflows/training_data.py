"""What a training reads: texts cut to what the model will read, and the evidence of their n-grams."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnncli.data.dataset import Dataset, Split
from rnncli.settings.prepare import Keep
from rnncli.settings.train import TrainSettings
from rnncli.text.ngrams import NgramTable, Texts, count_ngrams, crossfitted_evidence


@dataclass(frozen=True)
class TrainingData:
    """Texts and evidence of both parts of a training.

    Attributes:
        train: the training texts as they are read.
        validation: the validation texts as they are read.
        max_length: the tokens that the model reads of a longer text, and
        keep: which of them.
        ngrams: the table of a model that reads n-grams, counted on whole training texts.
        evidence: what it says at each token of each part, [tokens, size], where the model reads that.
    """

    train: Split
    validation: Split
    max_length: int
    keep: Keep
    ngrams: NgramTable | None
    evidence: Mapping[str, NDArray[np.float32]] | None


def training_data(dataset: Dataset, settings: TrainSettings) -> TrainingData:
    """Read and cut the texts of `dataset`; count n-grams where the model of `settings` reads evidence."""
    manifest, length = dataset.manifest, settings.data.read_length
    whole, validation = dataset.split("train"), dataset.split("validation")
    train = whole
    max_length, keep = manifest.config.max_length, manifest.config.keep
    if 0 < length < max_length:
        train, validation = whole.cut(length), validation.cut(length)
        max_length, keep = length, "both"
    ngrams, evidence = None, None
    if settings.model.evidence:
        sizes = {"num_classes": len(manifest.label_names)}
        texts, labels = texts_of(whole), np.asarray(whole.labels)
        ngrams = count_ngrams(texts, labels, vocab_size=manifest.vocab_size, **sizes)
        found = crossfitted_evidence(ngrams, texts, labels, texts_of(train), seed=settings.seed, **sizes)
        evidence = {"train": found, "validation": ngrams.evidence(texts_of(validation))}
    return TrainingData(train, validation, max_length, keep, ngrams, evidence)


def texts_of(split: Split) -> Texts:
    """The texts of a split."""
    return Texts(split.token_ids, split.offsets)
