"""The classifier's forward pass in NumPy: the same model without JAX.

Texts are sorted by length and *packed*: their tokens lie time-major in one array without any
padding, so there is nothing to mask. With texts ``a b c``, ``d e`` and ``f``::

    step    0      1     2          packed: a d f b e c
            a d f  b e   c          sizes:  3 2 1        starts: 0 3 5

At step t the first ``sizes[t]`` texts are still running. Reading from the end goes through the
same steps backwards: a text joins, with a zero state, at its own last token.

Arithmetic is in double precision. It costs half the speed of single precision, which a few
texts do not notice, and it makes rounding, which depends on the company a text has in a matrix
product, too small ever to show.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from rnncli.models import numpy_cells
from rnncli.models.numpy_cells import Floats, Learned
from rnncli.settings.model import CELLS, DIRECTIONS, POOLINGS, ModelShape
from rnncli.text.ngrams import NgramTable, Texts

Ints = NDArray[np.int64]

# Values in the largest array of a chunk of texts: 16 MiB. Smaller chunks are slower, larger are not faster.
CHUNK_VALUES = 1 << 21


def forward(
    model: ModelShape,
    learned: Mapping[str, NDArray[np.float32]],
    token_ids: Sequence[NDArray[np.int32]],
    ngrams: NgramTable | None = None,
) -> Floats:
    """Logits of the classifier for texts of any lengths, in their order.

    Args:
        model: The classifier's shape.
        learned: Its parameters by name, as `rnncli.models.parameters` lists them.
        token_ids: The ids of each text, [time], all below `model.vocab_size`; may be empty.
        ngrams: The table of a model that reads n-grams.

    Returns:
        Logits [batch, num_outputs]. A text without tokens has a pooled vector of zeros.
    """
    if model.arch == "ngram":
        assert ngrams is not None
        return ngrams.sums(Texts.of(token_ids)) + learned["output.bias"].astype(np.float64)
    table = learned["embedding.table"]
    rest = {name: value.astype(np.float64) for name, value in learned.items() if value is not table}
    lengths = np.array([len(ids) for ids in token_ids], dtype=np.int64)
    logits = np.empty((len(token_ids), model.num_outputs))
    for rows in _chunks(lengths, model):
        texts = [token_ids[row] for row in rows]
        features = _features(texts, lengths[rows], model, table, rest, ngrams)  # [rows, features]
        logits[rows] = features @ rest["output.kernel"] + rest["output.bias"]
    return logits


def to_probabilities(logits: NDArray[np.floating]) -> Floats:
    """Probabilities [batch, num_classes]: of both classes for one logit, else the softmax."""
    logits = np.asarray(logits, dtype=np.float64)
    if logits.shape[1] == 1:
        half = 0.5 * np.tanh(0.5 * logits)  # [batch, 1]
        return np.concatenate([0.5 - half, 0.5 + half], axis=1)
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities: Floats = exponentials / exponentials.sum(axis=1, keepdims=True)
    return probabilities


def _chunks(lengths: Ints, model: ModelShape) -> Iterator[Ints]:
    """Rows of similar length, longest first, as many at a time as `CHUNK_VALUES` allows."""
    order = np.argsort(-lengths, kind="stable")
    width = max(4 * model.hidden_size, model.embedding_size)
    start = 0
    while start < len(order):
        tokens = max(1, lengths[order[start]])
        stop = start + max(1, CHUNK_VALUES // int(tokens * width))
        yield order[start:stop]
        start = stop


class Packed:
    """Where each time step's texts lie in the packed array (see the module's example), and its poolings."""

    def __init__(self, lengths: Ints) -> None:
        """Lay out texts with these falling `lengths`, [batch]."""
        self.lengths = lengths
        time = np.arange(lengths.max(initial=0))
        self.sizes = np.searchsorted(-lengths, -time)  # [time], the texts longer than t
        self.starts = np.cumsum(self.sizes) - self.sizes  # [time]

    def order(self) -> Ints:
        """Where each packed token stands in the texts laid end to end, [tokens]."""
        time, begins = np.arange(len(self.sizes))[:, None], np.cumsum(self.lengths) - self.lengths
        return (begins + time)[time < self.lengths]

    def slices(self) -> list[slice]:
        """The place of the running texts in the packed array, for each time step."""
        stops = self.starts + self.sizes
        return [slice(*ends) for ends in zip(self.starts.tolist(), stops.tolist(), strict=True)]

    def last(self, states: list[Floats]) -> Floats:
        """Each direction's state after a text's last step: at its last token, and backwards at its first."""
        ends = np.zeros((len(self.lengths), states[0].shape[1]))
        rows = np.flatnonzero(self.lengths)
        ends[rows] = states[0][self.starts[self.lengths[rows] - 1] + rows]
        return np.concatenate([ends, *(self._first(backward) for backward in states[1:])], axis=1)

    def maximum(self, states: list[Floats]) -> Floats:
        """The largest value over a text's tokens, for each number of the state."""
        return self._over_time(np.maximum, states)

    def mean(self, states: list[Floats]) -> Floats:
        """The mean over a text's tokens."""
        return self._over_time(np.add, states) / np.maximum(self.lengths, 1)[:, None]

    def _over_time(self, combine: np.ufunc, states: list[Floats]) -> Floats:
        """Each direction's states combined, side by side; to put the states themselves so would copy them."""
        pooled = [self._first(direction) for direction in states]
        for place in self.slices()[1:]:
            for whole, direction in zip(pooled, states, strict=True):
                running = whole[: place.stop - place.start]
                combine(running, direction[place], out=running)
        return np.concatenate(pooled, axis=1)

    def _first(self, states: Floats) -> Floats:
        """The state at each text's first token, [batch, size]; zeros for an empty text."""
        found = np.zeros((len(self.lengths), states.shape[1]))
        running = np.count_nonzero(self.lengths)
        found[:running] = states[:running]
        return found


def _features(
    token_ids: list[NDArray[np.int32]],
    lengths: Ints,
    model: ModelShape,
    table: NDArray[np.float32],
    learned: Learned,
    ngrams: NgramTable | None,
) -> Floats:
    """What the head reads, [batch, features], for texts of falling lengths."""
    packed, flat = Packed(lengths), Texts.of(token_ids)
    order = packed.order()
    distinct, index = np.unique(flat.token_ids[order], return_inverse=True)
    vectors = table[distinct].astype(np.float64)  # [distinct, embedding_size]
    if model.cell:
        evidence = ngrams.evidence(flat)[order] if ngrams else None  # [tokens, size]
        states = _encode(vectors, index, evidence, packed, model, learned)
        branches = [getattr(packed, name)(states) for name in POOLINGS[model.pooling]]
    else:
        bag = packed.mean([vectors[index]])
        branches = [np.maximum(bag @ learned["hidden.kernel"] + learned["hidden.bias"], 0)]
    # A further branch appends its vectors here.
    return np.concatenate(branches, axis=1)


def _encode(
    vectors: Floats,
    index: Ints,
    evidence: NDArray[np.float32] | None,
    packed: Packed,
    model: ModelShape,
    learned: Learned,
) -> list[Floats]:
    """The top layer's states in each direction, packed: [tokens, hidden_size]."""
    inputs, states = vectors, list[Floats]()
    for layer in range(model.num_layers):
        if layer:
            inputs = np.concatenate(states, axis=1)  # [tokens, num_directions * hidden_size]
        states = []
        for direction in DIRECTIONS[: model.num_directions]:
            prefix = f"encoder.layer_{layer}.{direction}."
            own = {
                name.removeprefix(prefix): value for name, value in learned.items() if name.startswith(prefix)
            }
            projected = inputs @ own["input_kernel"] + own["bias"]
            if layer == 0:
                projected = projected[index]  # each distinct word was projected once
                if evidence is not None:
                    projected += evidence @ own["evidence_kernel"]
            states.append(_recurrence(model.cell, projected, packed, own, from_end=direction == "backward"))
    return states


def _recurrence(cell: str, projected: Floats, packed: Packed, own: Learned, *, from_end: bool) -> Floats:
    """The states after each token, packed: [tokens, hidden_size]."""
    step, kernel = getattr(numpy_cells, cell), own["recurrent_kernel"]
    hidden_size = len(kernel)
    states = np.empty((len(projected), hidden_size))
    carry = tuple(np.zeros((len(packed.lengths), hidden_size)) for _ in CELLS[cell].carry)
    slices = packed.slices()
    for place in reversed(slices) if from_end else slices:
        running = tuple(part[: place.stop - place.start] for part in carry)
        new = step(running, projected[place], running[0] @ kernel, own)
        for part, value in zip(running, new, strict=True):
            part[:] = value
        states[place] = new[0]
    return states
