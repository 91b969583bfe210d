"""Predicting the next word: what it is by definition, and that no direction sees its answer."""

import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict, unflatten_dict

from rnncli.data.dataset import Split
from rnncli.errors import DataError, UsageError
from rnncli.models.language_model import LanguageModel
from rnncli.models.layers import Keys
from rnncli.settings.train import TrainSettings
from rnncli.training.loop import Trainer
from rnncli.training.objectives import language_model
from rnncli.training.objectives.base import Sums
from rnncli.training.objectives.language_model import LanguageModelling
from rnncli.training.optimizer import make_optimizer
from rnncli.training.step import Programs
from tests.factories import random_parameters
from tests.models.textbook import below, states_of
from tests.training.toys import make_split

VOCAB_SIZE, MAX_LENGTH = 31, 13
DROPPING = {"dropout": 0.3, "word_dropout": 0.2, "embedding_dropout": 0.2, "weight_dropout": 0.1}


def settings(**changes: Any) -> TrainSettings:
    options = {"arch": "bigru", "embedding_size": 5, "hidden_size": 7, "batch_size": 6, "dropout": 0.0}
    return TrainSettings.from_options(objective="language-model", **options | changes)


def random_texts(name: str, size: int) -> Split:
    """Texts of 0 to `MAX_LENGTH` words, the first ones more frequent."""
    random = np.random.default_rng(size)
    lengths = random.integers(0, MAX_LENGTH + 1, size)
    texts = [random.integers(1, random.integers(3, VOCAB_SIZE), length) for length in lengths]
    return make_split(name, texts, np.zeros(size, np.int32))


def make(config: TrainSettings, num_devices: int = 1, **splits: Split) -> LanguageModelling:
    return LanguageModelling(
        config,
        config.model.shape(vocab_size=VOCAB_SIZE, num_classes=2, objective="language-model"),
        splits.get("train", random_texts("train", 101)),
        splits.get("validation", random_texts("validation", 29)),
        max_length=MAX_LENGTH,
        num_devices=num_devices,
    )


def programs_of(objective: LanguageModelling, config: TrainSettings, num_devices: int = 1) -> Programs:
    automatic, devices = (jax.sharding.AxisType.Auto,), jax.devices()[:num_devices]
    mesh = jax.make_mesh((num_devices,), ("data",), automatic, devices=devices)
    return Programs(objective, make_optimizer(config.optimizer, objective.batches_per_epoch), mesh)


def random_params(objective: LanguageModelling) -> dict[str, Any]:
    return unflatten_dict(random_parameters(objective.model.shape), sep=".")


def perplexities_by_definition(
    objective: LanguageModelling, learned: Mapping[str, np.ndarray], train: Split, validation: Split
) -> dict[str, float]:
    """One text and one word at a time, from the textbook's states and the softmax over all words."""
    shape, table = objective.model.shape, learned["embedding.table"]
    counts = np.ones(VOCAB_SIZE)
    for number in range(len(train)):
        for word in train[number] if len(train[number]) > 1 else []:
            counts[word] += 1
    frequencies = counts[1:] / counts[1:].sum()  # 0 is padding, which is no word
    losses: dict[str, list[float]] = {"forward": [], "backward": []}
    for number in range(len(validation)):
        for direction, found in losses.items():
            read = validation[number] if direction == "forward" else validation[number][::-1]
            weights = below(f"encoder.layer_0.{direction}.", dict(learned))
            if len(read) < 2 or not weights:
                continue
            states = states_of(shape.cell, weights, table[read])
            if shape.hidden_size != shape.embedding_size:
                head = below(f"next_word_{direction}.", dict(learned))
                states = states @ head["kernel"] + head["bias"]
            for state, answer in zip(states, read[1:], strict=False):
                likelihoods = frequencies * np.exp(table[1:] @ state)
                found.append(-math.log(likelihoods[answer - 1] / likelihoods.sum()))
    every = np.concatenate([*losses.values()])
    perplexities = {f"perplexity_{name}": math.exp(np.mean(found)) for name, found in losses.items() if found}
    return {"loss": float(np.mean(every)), **perplexities}


@pytest.mark.parametrize(
    ("arch", "hidden_size", "num_devices"),
    [("bigru", 7, 1), ("bilstm", 5, 2), ("birnn", 7, 2), ("lstm", 7, 1), ("gru", 5, 2)],
)
def test_perplexity_is_by_definition(arch: str, hidden_size: int, num_devices: int) -> None:
    config = settings(arch=arch, hidden_size=hidden_size)
    objective = make(config, num_devices)
    trainer = Trainer(config, objective, programs_of(objective, config, num_devices))
    learned = random_parameters(objective.model.shape)
    trainer.start_from(unflatten_dict(learned, sep="."))
    expected = perplexities_by_definition(
        objective, learned, random_texts("train", 101), random_texts("validation", 29)
    )
    assert ("perplexity_backward" in expected) == arch.startswith("bi")
    assert trainer.validate() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("arch", ["lstm", "bilstm", "bigru", "birnn"])
def test_no_direction_has_seen_what_it_expects(arch: str) -> None:
    """Another word at t changes nothing forwards before t, nothing backwards after t, and all the rest."""
    config = settings(arch=arch)
    shape = make(config).model.shape
    params = {"params": unflatten_dict(random_parameters(shape), sep=".")}
    ids = np.random.default_rng(0).integers(1, VOCAB_SIZE, (1, 11))
    read = jax.jit(LanguageModel(shape).apply)
    before = np.asarray(read(params, ids))[:, :, 0]  # [directions, time, embedding]
    for t in range(11):
        other = ids.copy()
        other[0, t] = ids[0, t] % (VOCAB_SIZE - 1) + 1
        after = np.asarray(read(params, other))[:, :, 0]
        same = (before == after).all(axis=-1)
        np.testing.assert_array_equal(same[0], np.arange(11) < t)
        if len(same) > 1:
            np.testing.assert_array_equal(same[1], np.arange(11) > t)


class EveryWord:
    """Each word once, as negatives that nothing has to be corrected for."""

    log_expected = np.zeros(VOCAB_SIZE, np.float32)

    def __init__(self, counts: np.ndarray, size: int) -> None:
        pass

    def draw(self, key: jax.Array) -> jax.Array:  # noqa: ARG002
        return jnp.arange(1, VOCAB_SIZE)


def test_with_every_word_as_a_negative_it_is_the_softmax(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loss and its gradient by every parameter, though the two are computed in different ways."""
    monkeypatch.setattr(language_model, "Sampler", EveryWord)
    objective = make(settings())
    batch = objective.batch("train", objective.plans("train", None)[-1])
    key = jax.random.key(0)

    def loss(params: Any, keys: Keys | None) -> jax.Array:
        return objective.sums(params, batch, keys)["loss"]

    params = random_params(objective)
    sampled = jax.value_and_grad(loss)(params, Keys(jax.random.split(key, 6), key))
    exact = jax.value_and_grad(loss)(params, None)
    assert float(sampled[0]) == pytest.approx(float(exact[0]), rel=1e-5)
    gradients = (flatten_dict(found[1], sep=".") for found in (sampled, exact))
    for (name, ours), theirs in zip(next(gradients).items(), next(gradients).values(), strict=True):
        assert np.abs(theirs).max() > 1e-3, name
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4, err_msg=name)


def test_what_is_random_depends_on_the_key_alone_and_not_on_the_devices() -> None:
    config = settings(**DROPPING)
    objective = make(config)
    batch = objective.batch("train", objective.plans("train", None)[-2])  # the last one is not full

    def sums(seed: int, num_devices: int) -> Sums:
        programs = programs_of(objective, config, num_devices)
        words = None if batch["words"] is None else np.resize(batch["words"], (num_devices, 31))
        state = programs.initial_state(random_params(objective))
        return programs.train(state, programs.place_batch({**batch, "words": words}), jax.random.key(seed))[1]

    first, again, other = sums(0, 1), sums(0, 2), sums(1, 1)
    assert first.keys() == {"loss", "weight", "examples", "grad_norm"}
    for name, value in first.items():
        assert float(value) == pytest.approx(float(again[name]), rel=1e-5), name
    assert float(first["loss"]) != float(other["loss"])


def test_what_fills_a_batch_and_texts_of_one_word_count_nothing() -> None:
    train, validation = (
        make_split(name, [np.array(text) for text in ([5, 3, 2], [7], [], [4, 9])], np.zeros(4, np.int32))
        for name in ("train", "validation")
    )
    objective = make(settings(), train=train, validation=validation)
    (plan,) = objective.plans("train", None)
    found = objective.sums(random_params(objective), objective.batch("train", plan), None)
    assert (float(found["examples"]), float(found["weight"])) == (2, 6)
    assert (float(found["weight_forward"]), float(found["weight_backward"])) == (3, 3)
    alone = make_split("train", [np.array([7]), np.array([], int)], np.zeros(2, np.int32))
    with pytest.raises(DataError, match="no text of split 'train' has two words"):
        make(settings(), train=alone)


def test_validation_reads_a_bounded_number_of_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    def rows(tokens: int) -> int:
        monkeypatch.setattr(language_model, "VALIDATION_TOKENS", tokens)
        return sum(len(plan.rows) for plan in make(settings()).plans("validation", None))

    longer = random_texts("validation", 29).lengths > 1
    assert rows(10**6) == longer.sum()
    assert rows(1) == 1
    assert 5 < rows(83) < 23


def test_it_learns_what_follows() -> None:
    """Words in a circle: each tells the next one and the one before; the frequencies tell nothing."""
    random = np.random.default_rng(0)
    texts = [(random.integers(7) + np.arange(length)) % 7 + 2 for length in random.integers(5, 12, 211)]
    train, validation = (
        make_split(name, part, np.zeros(len(part), np.int32))
        for name, part in (("train", texts[:199]), ("validation", texts[199:]))
    )
    config = settings(arch="bilstm", hidden_size=11, epochs=7, learning_rate=0.03, **DROPPING)
    objective = make(config, train=train, validation=validation)
    trainer = Trainer(config, objective, programs_of(objective, config))
    assert 6 < trainer.validate()["perplexity_forward"] < 8
    list(trainer.run())
    best = trainer.standing.best
    assert best.keys() == {"loss", "perplexity_forward", "perplexity_backward"}
    assert best["perplexity_forward"] < 1.3
    assert best["perplexity_backward"] < 1.3
    assert trainer.standing.history[-1]["train_loss"] < 1.5  # some of what tells it is dropped


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"arch": "bow"}, "needs a recurrent --arch, not bow"),
        ({"arch": "ngram"}, "needs a recurrent --arch, not ngram"),
        ({"num_layers": 2}, "would be told the next word by the other one; use --num-layers 1 or --arch gru"),
        ({"evidence": True}, "in which the next word shows"),
        ({"label_smoothing": 0.1, "class_weights": "balanced"}, "leave out class_weights, label_smoothing"),
    ],
)
def test_what_cannot_learn_it_or_would_be_told_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        settings(**changes)
    assert settings(arch="gru", num_layers=2).model.num_layers == 2
