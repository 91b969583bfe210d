"""The classifier as textbooks write it: one text and one time step at a time, without padding.

Works on complex numbers too, for derivatives along the imaginary axis.
"""

from collections.abc import Sequence

import numpy as np

from rnncli.settings.model import ModelShape
from rnncli.text.ngrams import NgramTable, Texts
from tests.factories import random_ngrams, random_parameters

Named = dict[str, np.ndarray]
VOCAB_SIZE = 37


def make(
    arch: str, pooling: str = "last", num_layers: int = 2, num_classes: int = 3, *, evidence: bool = False
) -> tuple[ModelShape, Named]:
    """A small model of prime sizes, and random parameters."""
    model = ModelShape(
        arch,
        vocab_size=VOCAB_SIZE,
        num_classes=num_classes,
        embedding_size=5,
        hidden_size=7,
        num_layers=num_layers,
        pooling=pooling,
        evidence=evidence,
    )
    return model, random_parameters(model)


def ngrams_of(model: ModelShape, texts: Sequence[np.ndarray]) -> NgramTable:
    """A table with random values for the n-grams of some of the texts."""
    return random_ngrams(model, text=np.concatenate(texts[::2]))


def random_texts(lengths: Sequence[int], seed: int = 1) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [random.integers(1, VOCAB_SIZE, length, dtype=np.int32) for length in lengths]


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def below(prefix: str, learned: Named) -> Named:
    return {name.removeprefix(prefix): value for name, value in learned.items() if name.startswith(prefix)}


def states_of(cell: str, w: Named, inputs: np.ndarray) -> np.ndarray:
    """The state after each of `inputs`, [time, hidden]."""
    size = w["recurrent_kernel"].shape[0]
    h, c, states = np.zeros(size), np.zeros(size), []
    input_kernel = np.concatenate([w[name] for name in ("input_kernel", "evidence_kernel") if name in w])
    for x in inputs:
        from_x, from_h = x @ input_kernel + w["bias"], h @ w["recurrent_kernel"]
        if cell == "rnn":
            h = np.tanh(from_x + from_h)
        elif cell == "lstm":
            i, f, g, o = np.split(from_x + from_h, 4)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
        else:
            (xr, xz, xn), (hr, hz, hn) = np.split(from_x, 3), np.split(from_h, 3)
            n = np.tanh(xn + sigmoid(xr + hr) * (hn + w["recurrent_bias"]))
            h = (1 - sigmoid(xz + hz)) * n + sigmoid(xz + hz) * h
        states.append(h)
    return np.stack(states)


def features_of(
    model: ModelShape, learned: Named, ids: np.ndarray, ngrams: NgramTable | None = None
) -> np.ndarray:
    """What the head reads of one text."""
    inputs = learned["embedding.table"][ids]  # [time, embedding]
    if model.arch == "bow":
        hidden = inputs.sum(axis=0) / max(1, len(ids)) @ learned["hidden.kernel"] + learned["hidden.bias"]
        return np.where(hidden.real > 0, hidden, 0)
    if len(ids) == 0:
        return np.zeros(len(learned["output.kernel"]))
    if ngrams is not None:
        inputs = np.concatenate([inputs, ngrams.evidence(Texts.of([ids]))], axis=1)
    for layer in range(model.num_layers):
        weights = below(f"encoder.layer_{layer}.", learned)
        states = [states_of(model.cell, below("forward.", weights), inputs)]
        if model.num_directions == 2:
            states.append(states_of(model.cell, below("backward.", weights), inputs[::-1])[::-1])
        inputs = np.concatenate(states, axis=1)
    last = np.concatenate([states[0][-1], *(backward[0] for backward in states[1:])])
    highest = inputs[inputs.real.argmax(axis=0), np.arange(inputs.shape[1])]
    mean = inputs.mean(axis=0)
    by_pooling = {"last": last, "max": highest, "mean": mean, "maxmean": np.concatenate([highest, mean])}
    return by_pooling[model.pooling]


def logits_of(
    model: ModelShape, learned: Named, ids: np.ndarray, ngrams: NgramTable | None = None
) -> np.ndarray:
    """[num_outputs]."""
    return features_of(model, learned, ids, ngrams) @ learned["output.kernel"] + learned["output.bias"]
