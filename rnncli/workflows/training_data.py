"""What a training reads: texts cut to what the model will read, their evidence, and what teachers say."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rnncli.data.dataset import Dataset, Split
from rnncli.evaluation.metrics import FloatArray
from rnncli.inference.averaged_model import load_model
from rnncli.models.numpy_forward import to_probabilities
from rnncli.runs.run import Run
from rnncli.settings.base import require
from rnncli.settings.prepare import Keep
from rnncli.settings.train import TrainSettings
from rnncli.system.progress import Report, no_report
from rnncli.text.ngrams import NgramTable, Texts, count_ngrams, crossfitted_evidence
from rnncli.text.vectors import word_vectors
from rnncli.workflows.evaluate import require_same_encoding, score


@dataclass(frozen=True)
class TrainingData:
    """Texts, evidence and targets of both parts of a training.

    Attributes:
        train: the training texts as they are read, those without a label last; such a text has the
            label that the teachers find most probable.
        validation: the validation texts as they are read.
        max_length: the tokens that the model reads of a longer text, and
        keep: which of them.
        ngrams: the table of a model that reads n-grams, counted on the whole labelled training texts of
            the dataset's own source: what others add is to teach how n-grams are turned round, for
            which their n-grams must say as little as those of new texts.
        evidence: what it says at each token of each part, [tokens, size], where the model reads that.
        targets: the probabilities to learn [texts, classes], where there are teachers.

    For a language model the texts are labelled and unlabelled ones alike, and the labels left out.
    """

    train: Split
    validation: Split
    max_length: int
    keep: Keep
    ngrams: NgramTable | None
    evidence: Mapping[str, NDArray[np.float32]] | None
    targets: NDArray[np.float32] | None


def training_data(
    dataset: Dataset, settings: TrainSettings, teachers: Mapping[str, Run], report: Report = no_report
) -> TrainingData:
    """Read what a model of these settings learns from.

    Args:
        dataset: the dataset.
        settings: of the training.
        teachers: finished runs, by name, whose probabilities are the targets of unlabelled texts.
        report: called with the progress of the teachers.

    Raises:
        UsageError: there are teachers, but nothing for them to teach.
        DataError: a teacher's labels or vocabulary are not the dataset's.
    """
    labelled, validation = dataset.split("train"), dataset.split("validation")
    train, targets = labelled, None
    if settings.objective == "language-model":
        train = _together(labelled, _unlabelled(dataset, settings), None)
    elif teachers:
        train, targets = _taught(dataset, settings, teachers, report)
    length, max_length, keep = (
        settings.data.read_length,
        dataset.manifest.config.max_length,
        dataset.manifest.config.keep,
    )
    if 0 < length < max_length:
        train, validation = train.cut(length), validation.cut(length)
        max_length, keep = length, "both"
    ngrams, evidence = None, None
    if settings.model.evidence:
        sizes = {"num_classes": len(dataset.manifest.label_names)}
        counted = _own(dataset)
        own, labels = np.arange(len(counted)), np.asarray(counted.labels)
        texts = texts_of(counted)
        ngrams = count_ngrams(
            texts,
            labels,
            vocab_size=dataset.manifest.vocab_size,
            most=settings.model.max_ngrams,
            **sizes,
        )
        read, others = train.take(own), train.take(np.arange(len(own), len(train)))
        found = crossfitted_evidence(ngrams, texts, labels, texts_of(read), seed=settings.seed, **sizes)
        further = ngrams.evidence(texts_of(others))
        evidence = {
            "train": np.concatenate([found, further]),
            "validation": ngrams.evidence(texts_of(validation)),
        }
    return TrainingData(train, validation, max_length, keep, ngrams, evidence, targets)


def initial_vectors(dataset: Dataset, settings: TrainSettings) -> NDArray[np.float32]:
    """The word vectors [vocabulary, embedding] of the dataset's own texts, labelled or not."""
    texts = texts_of(_together(_own(dataset), _unlabelled(dataset, settings), None))
    return word_vectors(texts, dataset.manifest.vocab_size, settings.model.embedding_size, seed=settings.seed)


def _taught(
    dataset: Dataset, settings: TrainSettings, teachers: Mapping[str, Run], report: Report
) -> tuple[Split, NDArray[np.float32]]:
    """The labelled and then the unlabelled texts, whole, with their targets [texts, classes]."""
    labelled, share = dataset.split("train"), settings.teacher_share
    targets = np.eye(len(dataset.manifest.label_names), dtype=np.float32)[np.asarray(labelled.labels)]
    if share > 0:
        targets = (1 - share) * targets + share * _opinion(dataset, labelled, teachers, report)
    if "unlabelled" not in dataset.manifest.splits:
        require(
            share > 0,
            f"--teacher: dataset '{dataset.manifest.name}' has no unlabelled texts to learn from; "
            "let the teachers speak on labelled ones with --teacher-share 0.5",
        )
        return labelled, targets.astype(np.float32)
    unlabelled = _unlabelled(dataset, settings)
    opinion = _opinion(dataset, unlabelled, teachers, report)
    labels = np.concatenate([np.asarray(labelled.labels), opinion.argmax(axis=1)])
    together = _together(labelled, unlabelled, labels.astype(np.int32))
    return together, np.concatenate([targets, opinion]).astype(np.float32)


def _own(dataset: Dataset) -> Split:
    """The training texts of the dataset's own source."""
    train = dataset.split("train")
    return train.take(np.arange(len(train) - dataset.manifest.splits["train"].further))


def _unlabelled(dataset: Dataset, settings: TrainSettings) -> Split:
    """As many of the dataset's unlabelled texts as the settings say, of which it may have none."""
    if "unlabelled" not in dataset.manifest.splits:
        return dataset.split("train").take(np.arange(0))
    unlabelled = dataset.split("unlabelled")
    if 0 < settings.data.unlabelled < len(unlabelled):
        rows = np.random.default_rng([settings.seed, 3]).permutation(len(unlabelled))
        unlabelled = unlabelled.take(np.sort(rows[: settings.data.unlabelled]))
    return unlabelled


def _together(labelled: Split, unlabelled: Split, labels: NDArray[np.int32] | None) -> Split:
    """The labelled and then the unlabelled texts, with the `labels` of all of them."""
    return replace(
        labelled,
        token_ids=np.concatenate([labelled.token_ids, unlabelled.token_ids]),
        offsets=np.concatenate([labelled.offsets, labelled.offsets[-1] + unlabelled.offsets[1:]]),
        labels=labels,
        tags=None,
    )


def _opinion(dataset: Dataset, split: Split, teachers: Mapping[str, Run], report: Report) -> FloatArray:
    """The mean of the teachers' probabilities [texts, classes]."""
    found = []
    for name, run in teachers.items():
        model = load_model(run.model_dir)
        require_same_encoding(run, model, dataset)
        stage = f"Labelling {split.name} with {name}"
        logits = score(model, split, report=report, stage=stage)
        found.append(to_probabilities(logits / model.temperature))
    opinion: FloatArray = np.mean(found, axis=0)
    return opinion


def texts_of(split: Split) -> Texts:
    """The texts of a split."""
    return Texts(split.token_ids, split.offsets)
