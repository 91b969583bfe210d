"""From texts to predictions, with what is worth knowing about each text."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnncli.inference.averaged_model import Model
from rnncli.inference.scoring import Scorer
from rnncli.models.numpy_forward import to_probabilities
from rnncli.text.tokenizer import UNKNOWN_ID


@dataclass(frozen=True)
class Prediction:
    """What a model makes of one text.

    Attributes:
        label: Name of the most probable class, the first of equals; None where its probability is below
            what was asked for.
        probabilities: By class, in the model's order.
        tokens: Words and punctuation marks in the whole text.
        unknown: How many of them are not in the vocabulary.
        truncated: Whether the text was longer than the model reads and was cut.
    """

    label: str | None
    probabilities: dict[str, float]
    tokens: int
    unknown: int
    truncated: bool

    @property
    def probability(self) -> float:
        """The probability of the most probable class, be it given as `label` or not."""
        return max(self.probabilities.values())

    @property
    def abstained(self) -> bool:
        """Whether the model gave no label."""
        return self.label is None


class Predictor:
    """A saved model that answers: by NumPy while texts are few, by the jitted model once that pays."""

    def __init__(self, model: Model, *, expected_tokens: int = 0) -> None:
        """Let `model` answer; `expected_tokens` are known to come."""
        self.model = model
        self._scorers = [
            (weight, Scorer(classifier, expected_tokens=expected_tokens))
            for weight, classifier in model.classifiers
        ]

    @property
    def label_names(self) -> tuple[str, ...]:
        """The labels, in the order of the probabilities."""
        return self.model.label_names

    def predict(self, texts: Iterable[str], *, abstain_below: float = 0.0) -> list[Prediction]:
        """One prediction for each of `texts`, in their order; an empty text has one too.

        Where the most probable class is less probable than `abstain_below`, it has no label.
        """
        return self.predict_ids(self.model.tokenizer.encode(texts), abstain_below=abstain_below)

    def predict_ids(
        self, token_ids: Sequence[NDArray[np.int32]], *, abstain_below: float = 0.0
    ) -> list[Prediction]:
        """One prediction for each text, given as the ids of all its tokens; see `predict`."""
        model = self.model
        return [
            Prediction(
                label=model.label_names[int(row.argmax())] if row.max() >= abstain_below else None,
                probabilities=dict(zip(model.label_names, row.tolist(), strict=True)),
                tokens=len(ids),
                unknown=int(np.count_nonzero(ids == UNKNOWN_ID)),
                truncated=len(ids) > model.max_length,
            )
            for ids, row in zip(token_ids, self.probabilities(token_ids), strict=True)
        ]

    def probabilities(self, token_ids: Sequence[NDArray[np.int32]]) -> NDArray[np.float64]:
        """Probabilities [n, num_classes] of texts, given as the ids of all their tokens; see `logits`."""
        return to_probabilities(self.logits(token_ids) / self.model.temperature)

    def logits(self, token_ids: Sequence[NDArray[np.int32]]) -> NDArray[np.float64]:
        """Logits [n, num_outputs]: the weighted sum of those of the model's classifiers, at temperature 1.

        Raises:
            RunError: an id lies outside the model's vocabulary.
        """
        weighted = [weight * np.asarray(scorer.logits(token_ids)) for weight, scorer in self._scorers]
        return np.sum(weighted, axis=0, dtype=np.float64)
