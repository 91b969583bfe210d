"""From texts to predictions, with what is worth knowing about each text."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rnncli.data.reading.text_rows import TextRow
from rnncli.errors import RunError
from rnncli.inference.model_folder import SavedModel
from rnncli.models.numpy_forward import forward, to_probabilities
from rnncli.text.tokenizer import UNKNOWN_ID, truncate

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

    from rnncli.inference.jitted import JittedForward

WINDOW_ROWS = 4096
# By so many multiplications NumPy has lost its head start over JAX, whose programs are in its cache:
# between 7 and 20 thousand million in `python -m tests.benchmarks.break_even`, by the size of the model.
BREAK_EVEN = 15_000_000_000
WINDOW_CHARACTERS = 1 << 23


@dataclass(frozen=True)
class Prediction:
    """What a model makes of one text.

    Attributes:
        label: Name of the most probable class; the first of equals.
        probabilities: By class, in the model's order.
        tokens: Words and punctuation marks in the whole text.
        unknown: How many of them are not in the vocabulary.
        truncated: Whether the text was longer than the model reads and was cut.
    """

    label: str
    probabilities: dict[str, float]
    tokens: int
    unknown: int
    truncated: bool

    @property
    def probability(self) -> float:
        """The probability of `label`."""
        return self.probabilities[self.label]


class Scorer:
    """Probabilities of texts: by NumPy while they are few, by the jitted model once that pays.

    NumPy answers at once; JAX takes seconds to start and is then many times faster.
    """

    def __init__(self, model: SavedModel, *, expected_tokens: int = 0) -> None:
        """Make a scorer for `model`; `expected_tokens` are known to come."""
        self._model = model
        self._expected = expected_tokens * multiplications_per_token(model)
        self._done = 0
        self._jitted: JittedForward | None = None

    def __call__(self, token_ids: Sequence[NDArray[np.int32]]) -> NDArray[np.float64]:
        """Probabilities [n, num_classes] of texts given as ids no longer than the model reads.

        Raises:
            RunError: an id lies outside the model's vocabulary.
        """
        model = self._model
        highest = max((int(ids.max(initial=0)) for ids in token_ids), default=0)
        if highest >= model.config.vocab_size:
            raise RunError(
                f"the tokenizer gives the id {highest}, but the model knows {model.config.vocab_size} words: "
                "they do not belong together; train the run again"
            )
        self._done += sum(map(len, token_ids)) * multiplications_per_token(model)
        if self._jitted is None and max(self._done, self._expected) > BREAK_EVEN:
            from rnncli.inference.jitted import JittedForward

            self._jitted = JittedForward(model.config, model.weights, model.max_length)
        if self._jitted is not None:
            return to_probabilities(self._jitted(token_ids))
        return to_probabilities(forward(model.config, model.weights, token_ids))


def multiplications_per_token(model: SavedModel) -> int:
    """Multiplications that a token costs in the encoder; a bag of words has none."""
    return sum(w.size for name, w in model.weights.items() if name.startswith("encoder.") and w.ndim == 2)


def predict_texts(model: SavedModel, texts: Sequence[str], scorer: Scorer) -> list[Prediction]:
    """One prediction for each of `texts`, in their order; an empty text has one too."""
    return _predict_ids(model, model.tokenizer.encode(texts), scorer)


def _predict_ids(model: SavedModel, whole: Sequence[NDArray[np.int32]], scorer: Scorer) -> list[Prediction]:
    """One prediction for each text, given as the ids of all its tokens."""
    kept = [truncate(ids, model.max_length, model.keep) for ids in whole]
    return [
        Prediction(
            label=model.label_names[int(row.argmax())],
            probabilities=dict(zip(model.label_names, row.tolist(), strict=True)),
            tokens=len(ids),
            unknown=int(np.count_nonzero(ids == UNKNOWN_ID)),
            truncated=len(ids) > model.max_length,
        )
        for ids, row in zip(whole, scorer(kept), strict=True)
    ]


@dataclass
class Summary:
    """Counts over all rows of an input."""

    rows: int = 0
    errors: int = 0
    first_error: str = ""
    truncated: int = 0
    tokens: int = 0
    unknown: int = 0
    all_unknown: int = 0  # texts in which no word is known

    @property
    def scored(self) -> int:
        """Rows that have a prediction."""
        return self.rows - self.errors

    def add(self, row: TextRow, prediction: Prediction | None) -> None:
        """Count one row."""
        self.rows += 1
        if prediction is None:
            self.errors += 1
            self.first_error = self.first_error or row.error or ""
            return
        self.truncated += prediction.truncated
        self.tokens += prediction.tokens
        self.unknown += prediction.unknown
        self.all_unknown += 0 < prediction.tokens == prediction.unknown


class WindowedScorer:
    """Scores a stream of rows, some thousands at a time, in constant memory.

    While one window is scored by a thread of its own, the next is read and split into tokens.

    Attributes:
        summary: What was met so far.
    """

    def __init__(
        self, model: SavedModel, emit: Callable[[list[tuple[TextRow, Prediction | None]]], None]
    ) -> None:
        """Hand each window of rows to `emit`, in order, with None for rows that have no text."""
        self.summary = Summary()
        self._model = model
        self._scorer = Scorer(model)
        self._emit = emit
        self._rows: list[TextRow] = []
        self._characters = 0
        self._waiting: tuple[list[TextRow], Future[list[Prediction]]] | None = None

    def add(self, row: TextRow) -> None:
        """Take one row; the rows taken so far are scored when they fill a window."""
        self._rows.append(row)
        self._characters += len(row.text or "")
        if len(self._rows) >= WINDOW_ROWS or self._characters >= WINDOW_CHARACTERS:
            rows, token_ids = self._take()
            future = self._thread.submit(_predict_ids, self._model, token_ids, self._scorer)
            self._finish()
            self._waiting = rows, future

    def flush(self) -> None:
        """Score and hand on all rows taken so far."""
        self._finish()
        rows, token_ids = self._take()
        self._hand_on(rows, _predict_ids(self._model, token_ids, self._scorer))

    def _take(self) -> tuple[list[TextRow], list[NDArray[np.int32]]]:
        """The rows taken so far, which are forgotten, and the token ids of those with a text."""
        rows, self._rows, self._characters = self._rows, [], 0
        return rows, self._model.tokenizer.encode([row.text for row in rows if row.text is not None])

    def _finish(self) -> None:
        """Hand on the window that is being scored, once it is."""
        if self._waiting is not None:
            (rows, future), self._waiting = self._waiting, None
            self._hand_on(rows, future.result())

    def _hand_on(self, rows: list[TextRow], predictions: list[Prediction]) -> None:
        ready = iter(predictions)
        scored = [(row, None if row.text is None else next(ready)) for row in rows]
        for row, prediction in scored:
            self.summary.add(row, prediction)
        if scored:
            self._emit(scored)

    @cached_property
    def _thread(self) -> "ThreadPoolExecutor":
        from concurrent.futures import ThreadPoolExecutor  # a few texts do without

        return ThreadPoolExecutor(1, "scoring")
