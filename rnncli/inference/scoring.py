"""The logits of one classifier: by NumPy while texts are few, by the jitted model once that pays."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rnncli.errors import RunError
from rnncli.inference.model_folder import SavedModel
from rnncli.models.numpy_forward import forward
from rnncli.text.tokenizer import truncate

if TYPE_CHECKING:
    from rnncli.inference.jitted import Forward

# By so many multiplications NumPy has lost its head start over JAX, whose programs are in its cache:
# between 7 and 20 thousand million in `python -m tests.benchmarks.break_even`, by the size of the model.
BREAK_EVEN = 15_000_000_000


class Scorer:
    """A classifier that scores texts.

    NumPy answers at once; JAX takes seconds to start and is then many times faster.
    """

    def __init__(self, model: SavedModel, *, expected_tokens: int = 0) -> None:
        """Let `model` score; `expected_tokens` are known to come."""
        self._model = model
        self._expected = expected_tokens * multiplications_per_token(model)
        self._done = 0
        self._jitted: Forward | None = None

    def logits(self, token_ids: Sequence[NDArray[np.int32]]) -> NDArray[np.floating]:
        """Logits [n, num_outputs] of texts of any lengths, each cut to what the model reads.

        Raises:
            RunError: an id lies outside the model's vocabulary.
        """
        model = self._model
        highest = max((int(ids.max(initial=0)) for ids in token_ids), default=0)
        if highest >= model.config.vocab_size:
            what = (
                f"the tokenizer gives the id {highest}, but the model knows {model.config.vocab_size} words"
            )
            raise RunError(f"{what}: they do not belong together; train the run again")
        read = [truncate(ids, model.max_length, model.keep) for ids in token_ids]
        self._done += sum(map(len, read)) * multiplications_per_token(model)
        if self._jitted is None and max(self._done, self._expected) > BREAK_EVEN:
            from rnncli.inference.jitted import jitted_forward

            self._jitted = jitted_forward(model.config, model.parameters, model.max_length, model.ngrams)
        answer = self._jitted or partial(forward, model.config, model.parameters, ngrams=model.ngrams)
        return answer(read)


def multiplications_per_token(model: SavedModel) -> int:
    """Multiplications that a token costs in the encoder; a bag of words has none."""
    return sum(w.size for name, w in model.parameters.items() if name.startswith("encoder.") and w.ndim == 2)
