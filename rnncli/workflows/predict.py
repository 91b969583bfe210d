"""Predict: a stream of texts scored in constant memory, one answer for each of them in their order."""

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from rnncli.data.reading.text_input import TextRow, text_row
from rnncli.inference.averaged_model import load_model
from rnncli.inference.model_folder import DESCRIPTION
from rnncli.inference.predictions import Prediction, Predictor
from rnncli.runs.finding import BUNDLED, list_runs, resolve_run

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

WINDOW_ROWS = 4096
WINDOW_CHARACTERS = 1 << 23

Scored = tuple[TextRow, Prediction | None]  # None: the row has no text that could be scored


def load(run: str | Path = "latest", *, runs_dir: str | Path = "runs") -> Predictor:
    """A trained model, ready to predict.

    Args:
        run: a run's name or path, the folder of a model, ``latest``, ``best``, or ``pretrained``, which is
            the bundled model; it answers for ``latest`` too where no run is finished.
        runs_dir: the folder of runs.

    Raises:
        RunError: there is no such run, it is not finished, or its model is damaged.
    """
    folder = Path(run)
    if not (folder / DESCRIPTION).is_file():
        folder = resolve_run(Path(runs_dir), answering_run(str(run), Path(runs_dir))).model_dir
    return Predictor(load_model(folder))


def answering_run(run: str, runs_dir: Path) -> str:
    """The run to ask: ``pretrained`` for ``latest`` where there is none yet, else `run`."""
    return BUNDLED if run == "latest" and not list_runs(runs_dir) else run


def predict(
    rows: Iterable[str | TextRow | None], model: Predictor, *, abstain_below: float = 0.0
) -> Iterator[Scored]:
    """Yield each row with its prediction, in their order and in constant memory.

    Args:
        rows: texts, or rows as `rnncli.data.reading.text_input.input_rows` yields them.
        model: what `load` gives.
        abstain_below: give no label to texts whose most probable class is less probable.
    """
    numbered = (text_row(index, row) if isinstance(row, str) else row for index, row in enumerate(rows))
    return chain.from_iterable(predict_windows(numbered, model, abstain_below=abstain_below))


def predict_windows(
    rows: Iterable[TextRow | None], model: Predictor, *, abstain_below: float = 0.0
) -> Iterator[list[Scored]]:
    """Yield the rows with their predictions in lists of up to some thousands.

    While a thread scores one window of rows, the next is read and split into tokens. None among the
    rows says that the next one is yet to be written: all rows before it are answered at once.
    """
    answer = partial(model.predict_ids, abstain_below=abstain_below)
    executor: Executor | None = None
    scoring: tuple[list[TextRow], Future[list[Prediction]]] | None = None
    for window, more in _windows(rows):
        token_ids = model.model.tokenizer.encode(row.text for row in window if row.text is not None)
        before, scoring = scoring, None
        if more:
            if executor is None:
                from concurrent.futures import ThreadPoolExecutor  # not needed for a few texts

                executor = ThreadPoolExecutor(1, "scoring")
            scoring = window, executor.submit(answer, token_ids)
        if before:
            yield _paired(before[0], before[1].result())
        if window and not more:
            yield _paired(window, answer(token_ids))


def _windows(rows: Iterable[TextRow | None]) -> Iterator[tuple[list[TextRow], bool]]:
    """Yield the rows in windows, and for each whether the next one follows without waiting."""
    window: list[TextRow] = []
    characters = 0
    for row in rows:
        if row is not None:
            window.append(row)
            characters += len(row.text or "")
        if row is None or len(window) >= WINDOW_ROWS or characters >= WINDOW_CHARACTERS:
            yield window, row is not None
            window, characters = [], 0
    yield window, False


def _paired(rows: list[TextRow], predictions: list[Prediction]) -> list[Scored]:
    found = iter(predictions)
    return [(row, None if row.text is None else next(found)) for row in rows]
