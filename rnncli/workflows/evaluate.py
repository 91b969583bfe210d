"""Evaluating a run: score a split, measure, store."""

import errno
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rnncli.data.dataset import Dataset, Split, resolve_dataset
from rnncli.diagnostics import symptoms
from rnncli.errors import DataError
from rnncli.evaluation.measures import Evaluation, Subject, measure
from rnncli.evaluation.metrics import FloatArray, log_loss
from rnncli.evaluation.requirements import Requirement, at_least, not_worse, parse_minimum
from rnncli.inference.averaged_model import Model, load_model
from rnncli.inference.predictions import Predictor
from rnncli.models.numpy_forward import to_probabilities
from rnncli.reporting.evaluation_rows import check_output, write_rows
from rnncli.reporting.plots import check_plot, plot_reliability
from rnncli.runs.finding import BUNDLED, resolve_run
from rnncli.runs.run import Run
from rnncli.settings.choices import SplitName
from rnncli.system.progress import Progress, Report, no_report
from rnncli.text.tokenizer import UNKNOWN_ID
from rnncli.workflows.stored_evaluations import store, stored_evaluation

BATCH_SIZE = 2048  # texts scored at a time
READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)  # a read-only run can be evaluated all the same


@dataclass(frozen=True)
class Evaluated(Evaluation):
    """An evaluation, and what follows from it."""

    requirements: list[Requirement]
    warnings: list[str]  # signs that something went wrong, a sentence each
    failure: OSError | None = None  # why the figures are not kept in a run that is not read-only

    def to_dict(self) -> dict[str, Any]:
        """The result as one JSON object; a requirement is called a gate there."""
        gates = [
            {"gate": required.name, "passed": required.met, "message": required.message}
            for required in self.requirements
        ]
        return {**super().to_dict(), "gates": gates, "warnings": self.warnings}


def evaluate(
    run: str = "latest",
    *,
    runs_dir: Path | str = "runs",
    dataset: str | None = None,
    split: SplitName = "test",
    output: Path | str | None = None,
    plot: Path | str | None = None,
    batch_size: int = BATCH_SIZE,
    verify: bool = False,
    fail_under: Sequence[str] = (),
    not_worse_than: str | None = None,
    report: Report = no_report,
) -> Evaluated:
    """Measure how good a run is on labelled data, and keep the figures in the run.

    Args:
        run: a name, a path, ``latest`` or ``best``.
        runs_dir: folder of runs.
        dataset: name or path of prepared data with the run's labels and vocabulary; None: what the
            run was trained on.
        split: the part of the data.
        output: a file for the prediction of each example, .csv or .jsonl.
        plot: a file for a plot of reliability and of accuracy against coverage, .png.
        batch_size: texts scored at a time.
        verify: first check that the model reproduces its stored predictions.
        fail_under: required minimums such as ``accuracy=0.87``.
        not_worse_than: another run; required is not to be significantly less accurate.
        report: called with the progress of scoring after each batch.

    Raises:
        UsageError: `output`, `plot` or one of `fail_under` is invalid.
        DataError: there is no such data, or it was encoded in another way than the run's.
        RunError: there is no such run, or its model is damaged.
        OSError: `output` or `plot` cannot be written.
    """
    runs_dir = Path(runs_dir)
    minimums = [parse_minimum(text) for text in fail_under]
    if output is not None:
        check_output(Path(output))
    if plot is not None:
        check_plot(Path(plot))
    chosen = resolve_run(runs_dir, run)
    rival = None if not_worse_than is None else resolve_run(runs_dir, not_worse_than)
    data = dataset_for(chosen, runs_dir, dataset)

    found = score_and_measure(chosen, data, split, batch_size=batch_size, verify=verify, report=report)
    warnings = symptoms.of_texts(count_all_unknown(data.split(split)), found.examples)
    warnings += symptoms.of_evaluation(found)
    failure = None
    try:
        if chosen.name != BUNDLED:
            store(chosen, found)
    except OSError as error:
        if error.errno in READ_ONLY:
            what = f"{error.filename}: {error.strerror}"
            warnings.append(f"the result is not kept for 'rnncli compare': {what}")
        else:
            failure = error
    requirements = [at_least(metric, minimum, found) for metric, minimum in minimums]
    if rival is not None:
        rival_data = dataset_for(rival, runs_dir, dataset)
        other = rival_evaluation(found, rival, rival_data, batch_size=batch_size, report=report)
        requirements.append(not_worse(found, other))
    if output is not None:
        write_rows(Path(output), found)
    if plot is not None:
        plot_reliability(Path(plot), found)
    return Evaluated(**vars(found), requirements=requirements, warnings=warnings, failure=failure)


def score_and_measure(
    run: Run, dataset: Dataset, split_name: str, *, batch_size: int, verify: bool = False, report: Report
) -> Evaluation:
    """Score a split with a run's model and compute its figures; see `evaluate`."""
    model = load_model(run.model_dir, verify=verify)
    require_same_encoding(run, model, dataset)
    manifest, split = dataset.manifest, dataset.split(split_name)
    if split.labels is None or len(split) == 0:
        raise DataError(f"dataset '{manifest.name}' has no labelled examples in split '{split_name}'")
    start = time.perf_counter()
    stage = f"Scoring {split_name} with {run.name}"
    logits = score(model, split, batch_size=batch_size, report=report, stage=stage)
    probabilities = to_probabilities(logits / model.temperature)
    seconds = time.perf_counter() - start
    subject = Subject(
        run=run.name,
        model=run.model_fingerprint,
        dataset=manifest.name,
        fingerprint=dataset.fingerprint,
        split=split_name,
        texts_sha256=manifest.splits[split_name].texts_sha256,
    )
    return measure(
        subject,
        probabilities,
        split.labels,
        label_names=manifest.label_names,
        tags=None if split.tags is None else np.array(manifest.tag_names)[split.tags],
        temperature=model.temperature,
        seconds=seconds,
    )


def score(
    model: Model, split: Split, *, stage: str, report: Report = no_report, batch_size: int = BATCH_SIZE
) -> FloatArray:
    """Logits [examples, num_outputs] in the split's order, at temperature 1.

    Texts of similar length are scored together, the longest first: what does not fit into memory
    fails at once, and the time left is not underestimated.
    """
    order = np.argsort(-split.lengths, kind="stable")
    logits = np.empty((len(split), 1 if len(model.label_names) == 2 else len(model.label_names)))
    predictor = Predictor(model, expected_tokens=int(split.lengths.sum()))
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        logits[rows] = predictor.logits([split[int(row)] for row in rows])
        report(Progress(stage, start + len(rows), len(order)))
    return logits


def validation_figures(probabilities: FloatArray, labels: np.ndarray) -> dict[str, float]:
    """Loss and accuracy on the validation split, named as in metrics.jsonl."""
    accuracy = float((probabilities.argmax(axis=1) == labels).mean())
    return {"val_loss": log_loss(probabilities, labels), "val_accuracy": accuracy}


def rival_evaluation(
    evaluation: Evaluation, rival: Run, dataset: Dataset, *, batch_size: int, report: Report
) -> Evaluation:
    """The evaluation of another run on the same texts: the stored one, or else a new one.

    Nothing is written into the other run. `dataset` is the data as the rival's vocabulary encodes it.
    """
    subject, manifest = evaluation.subject, dataset.manifest
    split = manifest.splits.get(subject.split)
    if split is None or split.texts_sha256 != subject.texts_sha256:
        raise DataError(
            f"'{rival.name}' cannot be compared on {subject.data}: its dataset '{manifest.name}' has other "
            f"texts in split '{subject.split}'; name a dataset that fits both with --dataset"
        )
    kept = stored_evaluation(rival, manifest.name, subject.split)
    if kept is not None and kept.subject.texts_sha256 == subject.texts_sha256:
        return kept
    return score_and_measure(rival, dataset, subject.split, batch_size=batch_size, report=report)


def dataset_for(run: Run, runs_dir: Path, name_or_path: str | None) -> Dataset:
    """The dataset named, or the one that the run was trained on, unless it has changed since."""
    if name_or_path is not None:
        return resolve_dataset(runs_dir, name_or_path)
    try:
        dataset = resolve_dataset(runs_dir, run.dataset_name)
    except DataError as error:
        raise DataError(
            f"run '{run.name}' was trained on '{run.dataset_name}': {error}; "
            "if it lies elsewhere, name its folder with --dataset"
        ) from error
    if dataset.fingerprint != run.dataset_fingerprint:
        raise DataError(
            f"dataset '{run.dataset_name}' ({dataset.fingerprint[:8]}) is not the one that run '{run.name}' "
            f"was trained on ({run.dataset_fingerprint[:8]}): it was prepared again with other data or "
            "settings; prepare it as it was, or name the dataset with --dataset"
        )
    return dataset


def require_same_encoding(run: Run, model: Model, dataset: Dataset) -> None:
    """Raise DataError unless labels and vocabulary are the model's, and texts hold all that it reads."""
    manifest = dataset.manifest
    what = f"dataset '{manifest.name}' does not fit run '{run.name}'"
    if manifest.label_names != model.label_names:
        found, expected = map(", ".join, (manifest.label_names, model.label_names))
        raise DataError(f"{what}: its labels are {found}, the run's are {expected}")
    remedy = "score its texts with 'rnncli predict --input FILE', which encodes them as the run needs them"
    if dataset.tokenizer.to_bytes() != model.tokenizer.to_bytes():
        raise DataError(f"{what}: it was encoded with another vocabulary; {remedy}")
    cut, expected = (f"{of.max_length} tokens ({of.keep})" for of in (manifest.config, model))
    # What is kept of a text's end, its start or both holds what a shorter limit keeps there.
    trained_on = {classifier.dataset["fingerprint"] for _, classifier in model.classifiers}
    same_cut = model.keep == manifest.config.keep or trained_on == {dataset.fingerprint}
    if not same_cut or model.max_length > manifest.config.max_length:
        raise DataError(f"{what}: its texts are cut to {cut}, the run's to {expected}; {remedy}")


def count_all_unknown(split: Split) -> int:
    """Texts that have tokens, none of them in the vocabulary."""
    texts = (split[row] for row in range(len(split)))
    return sum(len(ids) > 0 and bool((ids == UNKNOWN_ID).all()) for ids in texts)
