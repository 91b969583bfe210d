"""Evaluations in the folders of their runs: arrays and figures there, an `Evaluation` here."""

from dataclasses import fields

from rnncli.evaluation.measures import Evaluation, Subject, measure
from rnncli.runs import evaluations
from rnncli.runs.run import Run


def store(run: Run, evaluation: Evaluation) -> None:
    """Keep an evaluation in the run's folder of evaluations.

    Raises:
        OSError: it cannot be written.
    """
    subject = evaluation.subject
    evaluations.store(run, subject.dataset, subject.split, evaluation.to_dict(), evaluation.arrays)


def stored_evaluation(run: Run, dataset: str, split: str) -> Evaluation | None:
    """What `store` kept of the model that the run has now, measured anew; None where nothing is.

    Raises:
        RunError: what is kept is damaged.
    """
    kept = evaluations.load(run, dataset, split)
    if kept is None:
        return None
    figures, arrays = kept
    return measure(
        Subject(**{field.name: figures[field.name] for field in fields(Subject)}),
        arrays["probabilities"],
        arrays["labels"],
        label_names=figures["labels"],
        tags=arrays.get("tags"),
        seconds=figures["seconds"],
    )
