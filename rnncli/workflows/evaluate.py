"""Scoring a prepared split with a run's model."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rnncli.data.dataset import Dataset, Split, resolve_dataset
from rnncli.errors import DataError, RunError
from rnncli.evaluation.measures import Evaluation, Subject, measure
from rnncli.evaluation.metrics import FloatArray, IntArray
from rnncli.evaluation.significance import PairedTest, paired_test
from rnncli.inference.model_folder import SavedModel, load_model
from rnncli.inference.predictions import Scorer
from rnncli.runs import evaluations as storage
from rnncli.runs.run import Run
from rnncli.text.tokenizer import UNKNOWN_ID

ProgressCallback = Callable[[int, int], None]  # texts scored so far, and in all


def no_progress(done: int, total: int) -> None:
    """Ignore how far the work is."""


@dataclass(frozen=True)
class Evaluated:
    """A scored split.

    Attributes:
        evaluation: the figures.
        probabilities: [examples, num_classes], in the split's order.
        labels: class indices [examples].
        tags: the tag of each example, where the split has tags.
        all_unknown: texts without a single known word.
        not_stored: why the figures are not kept in the run; None where they are.
    """

    evaluation: Evaluation
    probabilities: FloatArray
    labels: IntArray
    tags: list[str] | None
    all_unknown: int = 0
    not_stored: OSError | None = None

    @property
    def correct(self) -> npt.NDArray[np.bool_]:
        """Which examples [examples] were classified rightly."""
        return self.probabilities.argmax(axis=1) == self.labels


def evaluate_run(
    run: Run,
    dataset: Dataset,
    split_name: str,
    *,
    batch_size: int,
    verify: bool = False,
    progress: ProgressCallback = no_progress,
) -> Evaluated:
    """Score a split, compute its figures and store them in the run, if that can be written to.

    Args:
        run: a finished run.
        dataset: prepared data whose token ids and labels mean what they mean to the model.
        split_name: ``train``, ``validation`` or ``test``.
        batch_size: texts scored at a time.
        verify: replay the model's golden predictions first.
        progress: called after each batch.

    Raises:
        DataError: the data was encoded in another way, or the split is empty or unlabelled.
        RunError: the model is damaged or gives numbers that are not finite.
    """
    model = load_model(run.model_dir, verify=verify)
    require_same_encoding(run, model, dataset)
    split = dataset.split(split_name)
    if split.labels is None or len(split) == 0:
        raise DataError(f"dataset '{dataset.manifest.name}' has no labelled examples in split '{split_name}'")
    start = time.perf_counter()
    probabilities = score_split(model, split, batch_size=batch_size, progress=progress)
    seconds = time.perf_counter() - start
    broken = int(np.count_nonzero(~np.isfinite(probabilities).all(axis=1)))
    if broken:
        raise RunError(f"run '{run.name}': {broken} of {len(split)} predictions are not finite numbers")
    manifest = dataset.manifest
    subject = Subject(
        run=run.name,
        model=run.model_fingerprint,
        dataset=manifest.name,
        fingerprint=dataset.fingerprint,
        split=split_name,
        texts_sha256=manifest.splits[split_name].texts_sha256,
    )
    evaluation = measure(
        subject,
        probabilities,
        split.labels,
        label_names=manifest.label_names,
        tags=split.tags,
        tag_names=manifest.tag_names,
        seconds=seconds,
    )
    not_stored = None
    try:
        _store(run, evaluation, probabilities, split.labels)
    except OSError as error:
        not_stored = error
    tags = None if split.tags is None else [manifest.tag_names[tag] for tag in split.tags]
    return Evaluated(evaluation, probabilities, split.labels, tags, count_all_unknown(split), not_stored)


def compare_with(
    evaluated: Evaluated,
    rival: Run,
    dataset: Dataset,
    *,
    batch_size: int,
    progress: ProgressCallback = no_progress,
) -> tuple[Evaluation, PairedTest]:
    """Compare a model, first, with a rival on the same texts.

    Args:
        evaluated: the model's results.
        rival: the other run; it is evaluated where that has not been done.
        dataset: the data as the rival's vocabulary encodes it.
        batch_size: texts scored at a time.
        progress: called after each batch.

    Raises:
        DataError: `dataset` does not hold the same texts, or does not fit the rival.
    """
    subject, manifest = evaluated.evaluation.subject, dataset.manifest
    found = manifest.splits.get(subject.split)
    if found is None or found.texts_sha256 != subject.texts_sha256:
        raise DataError(
            f"'{rival.name}' cannot be compared on {subject.data}: its dataset '{manifest.name}' has other "
            f"texts in split '{subject.split}'; name a dataset that fits both with --dataset"
        )
    evaluation = stored_evaluation(rival, manifest.name, subject.split)
    if evaluation is None or evaluation.subject.texts_sha256 != subject.texts_sha256:
        fresh = evaluate_run(rival, dataset, subject.split, batch_size=batch_size, progress=progress)
        return fresh.evaluation, paired_test(evaluated.correct, fresh.correct)
    correct = stored_correct(rival, manifest.name, subject.split)
    return evaluation, paired_test(evaluated.correct, correct)


def _store(run: Run, evaluation: Evaluation, probabilities: FloatArray, labels: IntArray) -> None:
    """Keep the figures in the run, and the arrays that paired tests need."""
    subject = evaluation.subject
    arrays = {"probabilities": probabilities, "labels": labels}
    storage.store(run, subject.dataset, subject.split, evaluation.to_dict(), arrays)


def stored_evaluation(run: Run, dataset: str, split: str) -> Evaluation | None:
    """The figures that are kept in a run; None where there are none of the model that it has now.

    Raises:
        RunError: they are damaged.
    """
    figures = storage.load_figures(run, dataset, split)
    where = f"{run.evaluations_dir}: {dataset}-{split}"
    return None if figures is None else Evaluation.from_dict(figures, where=where)


def stored_correct(run: Run, dataset: str, split: str) -> npt.NDArray[np.bool_]:
    """Which examples [examples] an evaluated run classified rightly, in the split's order.

    Raises:
        RunError: what is kept in the run is missing or damaged.
    """
    probabilities = storage.load_array(run, dataset, split, "probabilities")
    correct: npt.NDArray[np.bool_] = probabilities.argmax(axis=1) == storage.load_array(
        run, dataset, split, "labels"
    )
    return correct


def dataset_for(run: Run, runs_dir: Path, name_or_path: str | None) -> Dataset:
    """The dataset named, or the one that the run was trained on.

    Raises:
        DataError: there is no such dataset, or the run's has changed since.
    """
    if name_or_path is not None:
        return resolve_dataset(runs_dir, name_or_path)
    try:
        dataset = resolve_dataset(runs_dir, run.dataset_name)
    except DataError as error:
        raise DataError(
            f"run '{run.name}' was trained on '{run.dataset_name}': {error}; "
            "if it lies elsewhere, name its folder with --dataset"
        ) from error
    found, expected = dataset.fingerprint, run.dataset_fingerprint
    if found != expected:
        raise DataError(
            f"dataset '{run.dataset_name}' ({found[:8]}) is not the one that run '{run.name}' was trained on "
            f"({expected[:8]}): it was prepared again with other data or settings; prepare it as it was, "
            f"or name the dataset with --dataset"
        )
    return dataset


def require_same_encoding(run: Run, model: SavedModel, dataset: Dataset) -> None:
    """Raise DataError unless the dataset's labels and token ids mean to the model what they say."""
    manifest = dataset.manifest
    what = f"dataset '{manifest.name}' does not fit run '{run.name}'"
    if manifest.label_names != model.label_names:
        raise DataError(
            f"{what}: its labels are {', '.join(manifest.label_names)}, "
            f"the run's are {', '.join(model.label_names)}"
        )
    remedy = "score its texts with 'rnncli predict --input FILE', which encodes them as the run needs them"
    if dataset.tokenizer.to_bytes() != model.tokenizer.to_bytes():
        raise DataError(f"{what}: it was encoded with another vocabulary; {remedy}")
    cut = (manifest.config.max_length, manifest.config.keep)
    if cut != (model.max_length, model.keep):
        raise DataError(
            f"{what}: its texts are cut to {cut[0]} tokens ({cut[1]}), "
            f"the run's to {model.max_length} ({model.keep}); {remedy}"
        )


def count_all_unknown(split: Split) -> int:
    """Texts that have tokens, none of them in the vocabulary."""
    texts = (split[row] for row in range(len(split)))
    return sum(len(ids) > 0 and bool((ids == UNKNOWN_ID).all()) for ids in texts)


def score_split(
    model: SavedModel,
    split: Split,
    *,
    batch_size: int,
    progress: ProgressCallback = no_progress,
) -> FloatArray:
    """Probabilities [examples, num_classes] in the split's order.

    Texts of similar length are scored together, the longest first: what does not fit into memory
    fails at once, and the time left is not underestimated.
    """
    order = np.argsort(-split.lengths, kind="stable")
    probabilities = np.empty((len(split), len(model.label_names)))
    score = Scorer(model, expected_tokens=int(split.lengths.sum()))
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        probabilities[rows] = score([split[int(row)] for row in rows])
        progress(start + len(rows), len(order))
    return probabilities
