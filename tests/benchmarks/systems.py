"""The tutorial's model in three systems, each measured in a process of its own.

``python -m tests.benchmarks.systems SYSTEM TASK [NAME=NUMBER ...]`` prints a JSON object: texts a
second of several repetitions, and the peak memory of the process in megabytes. The names are those
of `Case`.
"""

import json
import os
import resource
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.measuring import rates

EMBEDDING_SIZE, REPETITIONS = 128, 3
Steps = tuple[Callable[[], object], Callable[[Any], object]]  # takes a step; waits for what it returned


class Case(NamedTuple):
    """What is measured.

    Attributes:
        length: tokens of a text, or of the longest one.
        ragged: 1 for lengths as IMDB's, log-normal with a median of 174 and 0.75 as standard
            deviation; 0 for equal ones.
        texts: how many.
        hidden: size of each direction's state.
        vocabulary: words.
        devices: of ours; 0: one for each core.
        batch: texts of a training step.
    """

    length: int = 200
    ragged: int = 0
    texts: int = 2048
    hidden: int = 64
    vocabulary: int = 10_000
    devices: int = 0
    batch: int = 128

    def reviews(self) -> tuple[list[NDArray[np.int32]], NDArray[np.int32]]:
        """Token ids with a Zipf distribution, as words have, and labels."""
        random = np.random.default_rng(0)
        lengths = np.full(self.texts, self.length)
        if self.ragged:
            lengths = np.clip(random.lognormal(np.log(174), 0.75, self.texts), 10, self.length).astype(int)
        texts = [np.minimum(random.zipf(1.2, n) + 1, self.vocabulary - 1).astype(np.int32) for n in lengths]
        return texts, random.integers(0, 2, self.texts).astype(np.int32)


def padded(texts: list[NDArray[np.int32]], length: int) -> NDArray[np.int32]:
    """The texts padded on the left, [texts, length]."""
    table = np.zeros((len(texts), length), np.int32)
    for row, text in zip(table, texts, strict=True):
        row[length - len(text) :] = text
    return table


def our_training(case: Case, **settings: Any) -> tuple[Any, Any, Any]:
    """The tutorial's training of made-up texts, some settings changed: settings, objective, programs."""
    from rnncli.system.jax_setup import data_mesh, start_jax

    start_jax(case.devices)
    from rnncli.data.dataset import Split
    from rnncli.settings.train import resolve_settings
    from rnncli.training.objectives.classification import Classification
    from rnncli.training.optimizer import make_optimizer
    from rnncli.training.step import Programs

    settings |= {"epochs": 1000, "batching": "buckets" if case.ragged else "full"}
    settings |= {"hidden_size": case.hidden, "batch_size": case.batch}
    config = resolve_settings(settings, None, "tutorial")
    texts, labels = case.reviews()
    offsets = np.cumsum([0, *map(len, texts)])
    train = Split("train", np.concatenate(texts), offsets, labels, None)
    validation = Split("validation", train.token_ids[: offsets[1]], offsets[:2], labels[:1], None)
    shape = config.model.shape(vocab_size=case.vocabulary, num_classes=2)
    mesh = data_mesh(config.data.batch_size)
    objective = Classification(
        config, shape, train, validation, max_length=case.length, num_devices=mesh.size
    )
    return config, objective, Programs(objective, make_optimizer(config.optimizer, 1000), mesh)


def our_steps(case: Case, **settings: Any) -> Steps:
    """Training steps of ours on one batch that lies on the device."""
    _, objective, programs = our_training(case, **settings)
    import jax

    (plan,) = objective.plans("train", None)
    batch, key = programs.place_batch(objective.batch("train", plan)), jax.random.key(0)
    state = programs.initial_state(objective.initial_params(seed=0))

    def step() -> Any:
        nonlocal state
        state, sums = programs.train(state, batch, key)
        return sums

    return step, jax.block_until_ready


def rnncli_train(case: Case) -> Callable[[], None]:
    """An epoch of our training loop, without validation."""
    config, objective, programs = our_training(case)
    from rnncli.training.loop import StepDone, Trainer

    events = Trainer(config, objective, programs).run()

    def epoch() -> None:
        while isinstance(next(events), StepDone):
            pass

    return epoch


def rnncli_score(case: Case) -> Callable[[], object]:
    """The jitted forward pass over all texts."""
    from rnncli.inference.jitted import jitted_forward
    from rnncli.settings.train import resolve_settings
    from tests.factories import random_parameters

    texts, _ = case.reviews()
    config = resolve_settings({}, None, "tutorial").model.shape(vocab_size=case.vocabulary, num_classes=2)
    forward = jitted_forward(config, random_parameters(config, scale=0.1), case.length)
    return lambda: forward(texts)


def keras_model(case: Case) -> Any:
    """The tutorial's model in Keras on TensorFlow."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras
    from keras import layers

    model = keras.Sequential(
        [
            layers.Embedding(case.vocabulary, EMBEDDING_SIZE),
            layers.Bidirectional(layers.LSTM(case.hidden)),
            layers.Dropout(0.5),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


def keras_train(case: Case) -> Callable[[], object]:
    """An epoch of ``fit`` on padded texts."""
    texts, labels = case.reviews()
    model, table = keras_model(case), padded(texts, case.length)
    return lambda: model.fit(table, labels, batch_size=case.batch, verbose=0)


def keras_score(case: Case) -> Callable[[], object]:
    """``predict`` on padded texts."""
    model, table = keras_model(case), padded(case.reviews()[0], case.length)
    return lambda: model.predict(table, batch_size=case.batch, verbose=0)


def torch_train(case: Case, arch: str = "bilstm", device: str = "cpu") -> Callable[[], None]:
    """A loop over padded batches, of the tutorial's model in PyTorch."""
    import torch
    from torch import nn

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(case.vocabulary, EMBEDDING_SIZE)
            layer = {"bilstm": nn.LSTM, "bigru": nn.GRU}[arch]
            self.layer = layer(EMBEDDING_SIZE, case.hidden, batch_first=True, bidirectional=True)
            self.dropout = nn.Dropout(0.5)
            self.output = nn.Linear(2 * case.hidden, 1)

        def forward(self, token_ids: Any) -> Any:
            last = self.layer(self.embedding(token_ids))[1]
            last = last[0] if arch == "bilstm" else last  # [directions, batch, hidden]
            return self.output(self.dropout(torch.cat([last[0], last[1]], dim=1)))[:, 0]

    texts, labels = case.reviews()
    model = Model().to(device)
    optimizer = torch.optim.Adam(model.parameters(), fused=device == "cuda")
    batches = torch.from_numpy(padded(texts, case.length)).to(device).split(case.batch)
    targets = torch.from_numpy(labels).float().to(device).split(case.batch)

    def epoch() -> None:
        for batch, target in zip(batches, targets, strict=True):
            optimizer.zero_grad()
            nn.functional.binary_cross_entropy_with_logits(model(batch), target).backward()
            optimizer.step()

    return epoch


TASKS: dict[tuple[str, str], Callable[[Case], Callable[[], object]]] = {
    ("rnncli", "train"): rnncli_train,
    ("rnncli", "score"): rnncli_score,
    ("keras", "train"): keras_train,
    ("keras", "score"): keras_score,
    ("torch", "train"): torch_train,
}


def main(system: str, task: str, *settings: str) -> None:
    """Warm up once, then measure."""
    case = Case(**{name: int(value) for name, value in (setting.split("=") for setting in settings)})
    found = rates(TASKS[system, task](case), case.texts, REPETITIONS)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"rates": found, "megabytes": memory}))


if __name__ == "__main__":
    main(*sys.argv[1:])
