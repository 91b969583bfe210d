"""From texts to predictions, with what is worth knowing about each text."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnncli.data.text_rows import TextRow
from rnncli.errors import RunError
from rnncli.models.numpy_forward import forward, to_probabilities
from rnncli.saved_model import SavedModel
from rnncli.text.tokenizer import UNKNOWN_ID, truncate

WINDOW_ROWS = 4096
WINDOW_CHARACTERS = 1 << 22


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


def score(model: SavedModel, token_ids: Sequence[NDArray[np.int32]]) -> NDArray[np.float64]:
    """Probabilities [n, num_classes] of texts given as ids no longer than the model reads.

    Raises:
        RunError: an id lies outside the model's vocabulary.
    """
    highest = max((int(ids.max(initial=0)) for ids in token_ids), default=0)
    if highest >= model.config.vocab_size:
        raise RunError(
            f"the tokenizer gives the id {highest}, but the model knows {model.config.vocab_size} words: "
            "they do not belong together; train the run again"
        )
    return to_probabilities(forward(model.config, model.weights, token_ids))


def predict_texts(model: SavedModel, texts: Sequence[str]) -> list[Prediction]:
    """One prediction for each of `texts`, in their order; an empty text has one too."""
    whole = model.tokenizer.encode(texts)
    kept = [truncate(ids, model.max_length, model.truncate) for ids in whole]
    return [
        Prediction(
            label=model.label_names[int(row.argmax())],
            probabilities=dict(zip(model.label_names, row.tolist(), strict=True)),
            tokens=len(ids),
            unknown=int(np.count_nonzero(ids == UNKNOWN_ID)),
            truncated=len(ids) > model.max_length,
        )
        for ids, row in zip(whole, score(model, kept), strict=True)
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

    Attributes:
        summary: What was met so far.
    """

    def __init__(
        self, model: SavedModel, emit: Callable[[list[tuple[TextRow, Prediction | None]]], None]
    ) -> None:
        """Hand each window of rows to `emit`, in order, with None for rows that have no text."""
        self.summary = Summary()
        self._model = model
        self._emit = emit
        self._rows: list[TextRow] = []
        self._characters = 0

    def add(self, row: TextRow) -> None:
        """Take one row; it is scored when the window is full."""
        self._rows.append(row)
        self._characters += len(row.text or "")
        if len(self._rows) >= WINDOW_ROWS or self._characters >= WINDOW_CHARACTERS:
            self.flush()

    def flush(self) -> None:
        """Score and hand on the rows taken so far."""
        rows, self._rows, self._characters = self._rows, [], 0
        predictions = iter(predict_texts(self._model, [row.text for row in rows if row.text is not None]))
        scored = [(row, None if row.text is None else next(predictions)) for row in rows]
        for row, prediction in scored:
            self.summary.add(row, prediction)
        if scored:
            self._emit(scored)
