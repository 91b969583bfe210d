"""A run of the linear model of n-grams: fitted at once, in NumPy and SciPy, without epochs."""

import math
import time
from collections.abc import Callable

import numpy as np

from rnncli.data.dataset import Dataset
from rnncli.diagnostics import symptoms
from rnncli.inference.model_folder import SavedModel, save_model
from rnncli.inference.scoring import Scorer
from rnncli.models.numpy_forward import to_probabilities
from rnncli.runs.run import Run
from rnncli.settings.train import TrainSettings
from rnncli.system.progress import Progress, Report
from rnncli.training.ngram_model import STRENGTHS, fits
from rnncli.workflows.calibrate import calibrated
from rnncli.workflows.evaluate import validation_figures
from rnncli.workflows.training_data import texts_of, training_data


def fit_ngram_run(
    run: Run, dataset: Dataset, settings: TrainSettings, warn: Callable[[str], None], report: Report
) -> None:
    """Fit the model with several strengths, keep the one that is best on validation, and finish the run.

    A run that was interrupted is fitted anew, which gives the same.
    """
    started, manifest = time.perf_counter(), dataset.manifest
    data = training_data(dataset, settings, {})
    shape = settings.model.shape(vocab_size=manifest.vocab_size, num_classes=len(manifest.label_names))
    labels = np.asarray(data.validation.labels)
    rows = [data.validation[row] for row in range(len(data.validation))]
    history, best = list[dict[str, float]](), (0.0, -math.inf)
    stage, strengths = "Fitting n-grams", len(STRENGTHS)
    report(Progress(stage, 0, strengths))
    found = fits(
        texts_of(data.train),
        np.asarray(data.train.labels),
        num_classes=shape.num_classes,
        vocab_size=shape.vocab_size,
        most=shape.max_ngrams,
    )
    for epoch, fit in enumerate(found, 1):
        model = SavedModel(
            config=shape,
            label_names=manifest.label_names,
            max_length=data.max_length,
            keep=data.keep,
            parameters={"output.bias": fit.bias},
            tokenizer=dataset.tokenizer,
            dataset={"name": manifest.name, "fingerprint": dataset.fingerprint},
            ngrams=fit.ngrams,
        )
        figures = validation_figures(to_probabilities(Scorer(model).logits(rows)), labels)
        seconds = time.perf_counter() - started - sum(line["seconds"] for line in history)
        history.append({"epoch": epoch, "strength": fit.strength, **figures, "seconds": seconds})
        report(Progress(stage, epoch, strengths))
        rank = figures["val_accuracy"], -figures["val_loss"]
        if rank > best:
            best, best_epoch, best_model, best_figures = rank, epoch, model, figures
    best_model = calibrated(best_model, data.validation)
    save_model(run.model_dir, best_model)
    run.write_metrics(history)
    warnings = symptoms.of_data(manifest)
    label = symptoms.only_label(best_model, data.validation, best[0])
    if label is not None:
        warnings.append(f"every validation text is labelled {label!r}")
    seconds = time.perf_counter() - started
    run.finish(
        {
            "run": run.name,
            "dataset": manifest.name,
            "fingerprint": dataset.fingerprint,
            "arch": shape.arch,
            "parameters": best_model.ngrams.values.size + shape.num_outputs if best_model.ngrams else 0,
            "epochs": strengths,
            "best_epoch": best_epoch,
            **best_figures,
            "temperature": best_model.temperature,
            "train_seconds": seconds,
            "examples_per_second": len(data.train) / seconds,
            "warnings": warnings,
            "config": settings.to_dict(),
        }
    )
    for warning in warnings:
        warn(warning)
