"""The tutorial's model in three systems, each measured in a process of its own.

``python -m tests.benchmarks.systems SYSTEM TASK LENGTH`` prints a JSON object: texts a second of
several repetitions, and the peak memory of the process in megabytes.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

VOCAB_SIZE, EMBEDDING_SIZE, HIDDEN_SIZE, BATCH_SIZE = 10_000, 128, 64, 128
BATCHES, REPETITIONS = 16, 3


def random_reviews(length: int, *, ragged: bool) -> tuple[list[NDArray[np.int32]], NDArray[np.int32]]:
    """Token ids with a Zipf distribution, as words have, and labels.

    Ragged lengths follow IMDB's: log-normal with a median of 174 and 0.75 as standard deviation.
    """
    random = np.random.default_rng(0)
    count = BATCHES * BATCH_SIZE
    lengths = np.full(count, length)
    if ragged:
        lengths = np.clip(random.lognormal(np.log(174), 0.75, count), 10, length).astype(int)
    texts = [np.minimum(random.zipf(1.2, n) + 1, VOCAB_SIZE - 1).astype(np.int32) for n in lengths]
    return texts, random.integers(0, 2, count).astype(np.int32)


def padded(texts: list[NDArray[np.int32]], length: int) -> NDArray[np.int32]:
    """The texts padded on the left, [texts, length]."""
    table = np.zeros((len(texts), length), np.int32)
    for row, text in zip(table, texts, strict=True):
        row[length - len(text) :] = text
    return table


def rnncli_train(length: int, *, ragged: bool) -> Callable[[], None]:
    """An epoch of our training loop, without validation."""
    from rnncli.devices import data_mesh, start_jax

    start_jax()
    from rnncli.config import TUTORIAL, TrainConfig
    from rnncli.data.dataset import Split
    from rnncli.training.loop import StepDone, Trainer
    from rnncli.training.optimizer import make_optimizer
    from rnncli.training.step import Steps

    texts, labels = random_reviews(length, ragged=ragged)
    batching = "buckets" if ragged else "full"
    config = TrainConfig.from_dict(TUTORIAL | {"epochs": 1000, "batching": batching}, where="benchmark")
    offsets = np.cumsum([0, *map(len, texts)])
    train = Split("train", np.concatenate(texts), offsets, labels, None)
    validation = Split("validation", train.token_ids[: offsets[1]], offsets[:2], labels[:1], None)
    model = config.model_config(vocab_size=VOCAB_SIZE, num_classes=2)
    steps = Steps(model, make_optimizer(config, 1000), data_mesh(BATCH_SIZE))
    trainer = Trainer(
        config, steps, train, validation, vocab_size=VOCAB_SIZE, num_classes=2, max_length=length
    )
    events = trainer.run()

    def epoch() -> None:
        while isinstance(next(events), StepDone):
            pass

    return epoch


def rnncli_score(length: int, *, ragged: bool) -> Callable[[], None]:
    """The jitted forward pass over all texts."""
    from rnncli.config import TUTORIAL, TrainConfig
    from rnncli.jitted import JittedForward
    from tests.factories import random_weights

    texts, _ = random_reviews(length, ragged=ragged)
    config = TrainConfig.from_dict(TUTORIAL, where="benchmark").model_config(
        vocab_size=VOCAB_SIZE, num_classes=2
    )
    forward = JittedForward(config, random_weights(config, scale=0.1), length)
    return lambda: void(forward(texts))


def keras_model() -> Any:
    """The tutorial's model in Keras on TensorFlow."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras
    from keras import layers

    model = keras.Sequential(
        [
            layers.Embedding(VOCAB_SIZE, EMBEDDING_SIZE),
            layers.Bidirectional(layers.LSTM(HIDDEN_SIZE)),
            layers.Dropout(0.5),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


def keras_train(length: int, *, ragged: bool) -> Callable[[], None]:
    """An epoch of ``fit`` on padded texts."""
    texts, labels = random_reviews(length, ragged=ragged)
    model, table = keras_model(), padded(texts, length)
    return lambda: void(model.fit(table, labels, batch_size=BATCH_SIZE, verbose=0))


def keras_score(length: int, *, ragged: bool) -> Callable[[], None]:
    """``predict`` on padded texts."""
    texts, _ = random_reviews(length, ragged=ragged)
    model, table = keras_model(), padded(texts, length)
    return lambda: void(model.predict(table, batch_size=BATCH_SIZE, verbose=0))


def torch_model() -> Any:
    """The tutorial's model in PyTorch, to logits."""
    import torch
    from torch import nn

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(VOCAB_SIZE, EMBEDDING_SIZE)
            self.lstm = nn.LSTM(EMBEDDING_SIZE, HIDDEN_SIZE, batch_first=True, bidirectional=True)
            self.dropout = nn.Dropout(0.5)
            self.output = nn.Linear(2 * HIDDEN_SIZE, 1)

        def forward(self, token_ids: Any) -> Any:
            last = self.lstm(self.embedding(token_ids))[1][0]
            return self.output(self.dropout(torch.cat([last[0], last[1]], dim=1)))[:, 0]

    return Model()


def torch_train(length: int, *, ragged: bool) -> Callable[[], None]:
    """A loop over padded batches; a quarter of the texts, since it is slow."""
    import torch

    texts, labels = random_reviews(length, ragged=ragged)
    model = torch_model()
    optimizer = torch.optim.Adam(model.parameters())
    batches = torch.from_numpy(padded(texts, length)).split(BATCH_SIZE)
    targets = torch.from_numpy(labels).float().split(BATCH_SIZE)

    def epoch() -> None:
        for batch, target in list(zip(batches, targets, strict=True))[: BATCHES // 4]:
            optimizer.zero_grad()
            torch.nn.functional.binary_cross_entropy_with_logits(model(batch), target).backward()
            optimizer.step()

    return epoch


def void(_result: object) -> None:
    """Drop a result."""


TASKS: dict[tuple[str, str], Callable[..., Callable[[], None]]] = {
    ("rnncli", "train"): rnncli_train,
    ("rnncli", "score"): rnncli_score,
    ("keras", "train"): keras_train,
    ("keras", "score"): keras_score,
    ("torch", "train"): torch_train,
}


def main(system: str, task: str, length: str) -> None:
    """Warm up once, then measure; a length ending in ``r`` means ragged texts up to it."""
    work = TASKS[system, task](int(length.removesuffix("r")), ragged=length.endswith("r"))
    work()
    texts = BATCHES * BATCH_SIZE // (4 if system == "torch" else 1)
    rates = []
    for _ in range(REPETITIONS):
        started = time.perf_counter()
        work()
        rates.append(texts / (time.perf_counter() - started))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"rates": rates, "megabytes": memory}))


if __name__ == "__main__":
    main(*sys.argv[1:])
