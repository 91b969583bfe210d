"""From texts to predictions, with what is worth knowing about each text."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rnncli.errors import RunError
from rnncli.inference.model_folder import SavedModel
from rnncli.models.numpy_forward import forward, to_probabilities
from rnncli.text.tokenizer import UNKNOWN_ID, truncate

if TYPE_CHECKING:
    from rnncli.inference.jitted import Forward

# By so many multiplications NumPy has lost its head start over JAX, whose programs are in its cache:
# between 7 and 20 thousand million in `python -m tests.benchmarks.break_even`, by the size of the model.
BREAK_EVEN = 15_000_000_000


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


class Predictor:
    """A saved model that answers: by NumPy while texts are few, by the jitted model once that pays.

    NumPy answers at once; JAX takes seconds to start and is then many times faster.
    """

    def __init__(self, model: SavedModel, *, expected_tokens: int = 0) -> None:
        """Let `model` answer; `expected_tokens` are known to come."""
        self.model = model
        self._expected = expected_tokens * multiplications_per_token(model)
        self._done = 0
        self._jitted: Forward | None = None

    @property
    def label_names(self) -> tuple[str, ...]:
        """The labels, in the order of the probabilities."""
        return self.model.label_names

    def predict(self, texts: Iterable[str]) -> list[Prediction]:
        """One prediction for each of `texts`, in their order; an empty text has one too."""
        return self.predict_ids(self.model.tokenizer.encode(texts))

    def predict_ids(self, token_ids: Sequence[NDArray[np.int32]]) -> list[Prediction]:
        """One prediction for each text, given as the ids of all its tokens."""
        model = self.model
        probabilities = self.probabilities([truncate(ids, model.max_length, model.keep) for ids in token_ids])
        return [
            Prediction(
                label=model.label_names[int(row.argmax())],
                probabilities=dict(zip(model.label_names, row.tolist(), strict=True)),
                tokens=len(ids),
                unknown=int(np.count_nonzero(ids == UNKNOWN_ID)),
                truncated=len(ids) > model.max_length,
            )
            for ids, row in zip(token_ids, probabilities, strict=True)
        ]

    def probabilities(self, token_ids: Sequence[NDArray[np.int32]]) -> NDArray[np.float64]:
        """Probabilities [n, num_classes] of texts given as ids no longer than the model reads.

        Raises:
            RunError: an id lies outside the model's vocabulary.
        """
        model = self.model
        highest = max((int(ids.max(initial=0)) for ids in token_ids), default=0)
        if highest >= model.config.vocab_size:
            what = (
                f"the tokenizer gives the id {highest}, but the model knows {model.config.vocab_size} words"
            )
            raise RunError(f"{what}: they do not belong together; train the run again")
        self._done += sum(map(len, token_ids)) * multiplications_per_token(model)
        if self._jitted is None and max(self._done, self._expected) > BREAK_EVEN:
            from rnncli.inference.jitted import jitted_forward

            self._jitted = jitted_forward(model.config, model.parameters, model.max_length)
        answer = self._jitted or partial(forward, model.config, model.parameters)
        return to_probabilities(answer(token_ids))


def multiplications_per_token(model: SavedModel) -> int:
    """Multiplications that a token costs in the encoder; a bag of words has none."""
    return sum(w.size for name, w in model.parameters.items() if name.startswith("encoder.") and w.ndim == 2)
