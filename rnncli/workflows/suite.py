"""Evaluating a run on a bundled suite of short statements."""

from pathlib import Path

from rnncli.data.sample.order import order_suite
from rnncli.errors import DataError
from rnncli.evaluation.suite import Answer, SuiteResult
from rnncli.inference.averaged_model import load_model
from rnncli.inference.predictions import Predictor
from rnncli.runs.finding import resolve_run
from rnncli.settings.choices import SuiteName


def evaluate_suite(
    run: str = "latest", suite: SuiteName = "order", *, runs_dir: Path | str = "runs", verify: bool = False
) -> SuiteResult:
    """Ask a run for the labels of statements whose labels are beyond doubt.

    Args:
        run: a name, a path, ``latest`` or ``best``.
        suite: ``order``: plain, negated, contrasted and intensified statements about films.
        runs_dir: folder of runs.
        verify: first check that the model reproduces its stored predictions.

    Raises:
        DataError: the run's labels are not those of the suite, neg and pos.
        RunError: there is no such run, or its model is damaged.
    """
    chosen = resolve_run(Path(runs_dir), run)
    model = load_model(chosen.model_dir, verify=verify)
    if set(model.label_names) != {"neg", "pos"}:
        raise DataError(
            f"suite '{suite}' does not fit run '{chosen.name}': its labels are neg, pos, "
            f"the run's are {', '.join(model.label_names)}"
        )
    statements = order_suite()
    found = Predictor(model).predict(statement.text for statement in statements)
    answers = [
        Answer(statement, *max(prediction.probabilities.items(), key=lambda item: item[1]))
        for statement, prediction in zip(statements, found, strict=True)
    ]
    return SuiteResult(chosen.name, suite, answers)
