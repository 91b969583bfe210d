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

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnncli.settings.model import ModelShape

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Weights = Mapping[str, Floats]

# Values in the largest array of a chunk of texts: 16 MiB. Smaller chunks are slower, larger are not faster.
CHUNK_VALUES = 1 << 21


def forward(
    config: ModelShape, weights: Mapping[str, NDArray[np.float32]], token_ids: Sequence[NDArray[np.int32]]
) -> Floats:
    """Logits of the classifier for texts of any lengths, in their order.

    Args:
        config: The classifier's shape.
        weights: Its weights by name, as `rnncli.models.parameters.expected_shapes` lists them.
        token_ids: The ids of each text, [time], all below `config.vocab_size`; may be empty.

    Returns:
        Logits [batch, num_outputs]. A text without tokens has a pooled vector of zeros.
    """
    table = weights["embedding.table"]
    rest = {name: value.astype(np.float64) for name, value in weights.items() if value is not table}
    lengths = np.array([len(ids) for ids in token_ids], dtype=np.int64)
    logits = np.empty((len(token_ids), config.num_outputs))
    for rows in _chunks(lengths, config):
        texts = [token_ids[row] for row in rows]
        pooled = _pooled(texts, lengths[rows], config, table, rest)  # [rows, features]
        logits[rows] = pooled @ rest["output.kernel"] + rest["output.bias"]
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


def _chunks(lengths: Ints, config: ModelShape) -> Iterator[Ints]:
    """Rows of similar length, longest first, as many at a time as `CHUNK_VALUES` allows."""
    order = np.argsort(-lengths, kind="stable")
    width = max(4 * config.hidden_size, config.embedding_size)
    start = 0
    while start < len(order):
        tokens = max(1, lengths[order[start]])
        stop = start + max(1, CHUNK_VALUES // int(tokens * width))
        yield order[start:stop]
        start = stop


def _rnn_step(projected: Floats, state: Floats, cell: Weights) -> None:
    """The state h becomes tanh(x W + h U + b)."""
    np.tanh(projected + state @ cell["recurrent_kernel"], out=state)


def _lstm_step(projected: Floats, state: Floats, cell: Weights) -> None:
    """The state (h, c), side by side, becomes c' = f c + i g and h' = o tanh(c')."""
    size = state.shape[1] // 2
    hidden, memory = state[:, :size], state[:, size:]
    gates = np.tanh(projected + hidden @ cell["recurrent_kernel"])  # [running, 4 * hidden_size]
    input_gate, forget_gate = 0.5 + 0.5 * gates[:, :size], 0.5 + 0.5 * gates[:, size : 2 * size]
    candidate, output_gate = gates[:, 2 * size : 3 * size], 0.5 + 0.5 * gates[:, 3 * size :]
    memory[:] = forget_gate * memory + input_gate * candidate
    hidden[:] = output_gate * np.tanh(memory)


def _gru_step(projected: Floats, state: Floats, cell: Weights) -> None:
    """The state h becomes (1 - z) n + z h with n = tanh(x W_n + b_n + r (h U_n + recurrent bias))."""
    size = state.shape[1]
    recurrent = state @ cell["recurrent_kernel"]  # [running, 3 * hidden_size]
    gates = 0.5 + 0.5 * np.tanh(projected[:, : 2 * size] + recurrent[:, : 2 * size])
    reset, update = gates[:, :size], gates[:, size:]
    candidate = np.tanh(
        projected[:, 2 * size :] + reset * (recurrent[:, 2 * size :] + cell["recurrent_bias"])
    )
    state[:] = (1 - update) * candidate + update * state


@dataclass(frozen=True)
class _Cell:
    """A recurrent cell: how a step changes the state, given the projected input.

    Each gate has a scale. sigmoid(x) = 1/2 + 1/2 tanh(x/2): with the halving in the weights,
    one tanh serves all gates, and no exponential can overflow.
    """

    step: Callable[[Floats, Floats, Weights], None]
    gate_scales: tuple[float, ...]
    vectors: int = 1  # in the state; the first is the output


CELLS = {
    "rnn": _Cell(_rnn_step, (1.0,)),
    "lstm": _Cell(_lstm_step, (0.5, 0.5, 1.0, 0.5), vectors=2),
    "gru": _Cell(_gru_step, (0.5, 0.5, 1.0)),
}


class _Steps:
    """Where each step's texts lie in the packed array; see the module's example."""

    def __init__(self, lengths: Ints) -> None:
        """Lay out texts with these falling `lengths`, [batch]."""
        self.lengths = lengths
        time = np.arange(lengths.max(initial=0))
        self.sizes = np.searchsorted(-lengths, -time)  # [time], the texts longer than t
        self.starts = np.cumsum(self.sizes) - self.sizes  # [time]

    def slices(self) -> list[slice]:
        """The place of the running texts in the packed array, for each step."""
        stops = self.starts + self.sizes
        return [slice(*ends) for ends in zip(self.starts.tolist(), stops.tolist(), strict=True)]

    def scan(self, cell: _Cell, projected: Floats, weights: Weights, *, from_end: bool) -> Floats:
        """Outputs of a cell after each token, packed: [tokens, hidden_size]."""
        hidden_size = weights["recurrent_kernel"].shape[0]
        outputs = np.empty((len(projected), hidden_size))
        state = np.zeros((len(self.lengths), cell.vectors * hidden_size))
        slices = self.slices()
        for place in reversed(slices) if from_end else slices:
            running = state[: place.stop - place.start]
            cell.step(projected[place], running, weights)
            outputs[place] = running[:, :hidden_size]
        return outputs

    def last(self, states: Floats) -> Floats:
        """The state after each text's last token, [batch, features]; zeros for an empty text."""
        found = self._zeros(states)
        rows = np.flatnonzero(self.lengths)
        found[rows] = states[self.starts[self.lengths[rows] - 1] + rows]
        return found

    def first(self, states: Floats) -> Floats:
        """The state at each text's first token, [batch, features]; zeros for an empty text."""
        found = self._zeros(states)
        running = np.count_nonzero(self.lengths)
        found[:running] = states[:running]
        return found

    def pool(self, states: Floats, pooling: str) -> Floats:
        """Maximum or mean of each text's states, [batch, features]; zeros for an empty text."""
        pooled = self.first(states)
        combine = np.maximum if pooling == "max" else np.add
        for place in self.slices()[1:]:
            running = pooled[: place.stop - place.start]
            combine(running, states[place], out=running)
        if pooling == "mean":
            pooled /= np.maximum(self.lengths, 1)[:, None]
        return pooled

    def _zeros(self, states: Floats) -> Floats:
        return np.zeros((len(self.lengths), states.shape[1]))


def _pooled(
    token_ids: list[NDArray[np.int32]],
    lengths: Ints,
    config: ModelShape,
    table: NDArray[np.float32],
    weights: Weights,
) -> Floats:
    """What the output layer reads, [batch, features], for texts of falling lengths."""
    steps = _Steps(lengths)
    padded = np.zeros((len(steps.sizes), len(lengths)), dtype=np.int64)  # [time, batch]
    for row, ids in enumerate(token_ids):
        padded[: len(ids), row] = ids
    packed = padded[np.arange(len(steps.sizes))[:, None] < lengths]  # [tokens]
    distinct, places = np.unique(packed, return_inverse=True)
    words = table[distinct].astype(np.float64)  # [distinct, embedding_size]
    if config.arch == "bow":
        mean = steps.pool(words[places], "mean")
        return np.maximum(mean @ weights["hidden.kernel"] + weights["hidden.bias"], 0)
    states = _encode(words, places, steps, config, weights)
    if config.pooling == "last":
        ends = [steps.last(states[0]), *(steps.first(backward) for backward in states[1:])]
        return np.concatenate(ends, axis=1)
    return steps.pool(np.concatenate(states, axis=1), config.pooling)


def _encode(words: Floats, places: Ints, steps: _Steps, config: ModelShape, weights: Weights) -> list[Floats]:
    """The top layer's outputs in each direction, packed: [tokens, hidden_size]."""
    cell = CELLS[config.cell]
    scale = np.repeat(cell.gate_scales, config.hidden_size)  # [gates * hidden_size]
    inputs, outputs = words, list[Floats]()
    for layer in range(config.num_layers):
        outputs = []
        for direction in ("forward", "backward")[: config.num_directions]:
            prefix = f"encoder.layer_{layer}.{direction}."
            own = {
                key.removeprefix(prefix): value for key, value in weights.items() if key.startswith(prefix)
            }
            own["recurrent_kernel"] = own["recurrent_kernel"] * scale
            projected = inputs @ (own["input_kernel"] * scale) + own["bias"] * scale
            if layer == 0:
                projected = projected[places]  # each distinct word was projected once
            outputs.append(steps.scan(cell, projected, own, from_end=direction == "backward"))
        inputs = np.concatenate(outputs, axis=1)  # [tokens, num_directions * hidden_size]
    return outputs
