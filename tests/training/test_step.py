"""Losses and metrics against hand-made values, and one optimizer step."""

import math
from typing import get_args

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict

from rnncli.data.batching import round_up
from rnncli.models.parameters import initial_weights
from rnncli.settings.train import Precision
from rnncli.training.loop import class_weights
from rnncli.training.step import BatchMetrics, Examples, Steps, TrainState, batch_metrics, cross_entropy
from tests.training.toys import (
    CONFIG,
    MAX_LENGTH,
    NUM_CLASSES,
    VOCAB_SIZE,
    assert_equal_states,
    change,
    make_steps,
    snapshot,
)


def examples(labels: list[int], weights: list[float]) -> Examples:
    return Examples(
        np.zeros((len(labels), 1), np.int32), None, np.array(labels, np.int32), np.array(weights, np.float32)
    )


def test_binary_cross_entropy_by_hand() -> None:
    logits = jnp.array([0, math.log(3), math.log(3), 1000, 1000, -1000])[:, None]
    labels = jnp.array([1, 1, 0, 1, 0, 1])
    with jax.numpy_rank_promotion("raise"):
        found = cross_entropy(logits, labels)
    expected = [math.log(2), math.log(4 / 3), math.log(4), 0, 1000, 1000]
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-30)


def test_categorical_cross_entropy_by_hand() -> None:
    logits = jnp.array([[0, math.log(2), math.log(5)]] * 3 + [[1000, 0, -1000]] * 2)
    with jax.numpy_rank_promotion("raise"):
        found = cross_entropy(logits, jnp.array([0, 1, 2, 0, 2]))
    np.testing.assert_allclose(found, [math.log(8), math.log(4), math.log(8 / 5), 0, 2000], rtol=1e-6)


@pytest.mark.parametrize("num_outputs", [1, 3])
def test_the_gradient_is_probability_minus_truth(num_outputs: int) -> None:
    logits = jnp.asarray(np.random.default_rng(0).standard_normal((5, num_outputs)), jnp.float32)
    labels = jnp.array([0, 1, 1, 0, 1])
    gradient = jax.grad(lambda logits: cross_entropy(logits, labels).sum())(logits)
    if num_outputs == 1:
        expected = 1 / (1 + np.exp(-logits)) - np.array(labels)[:, None]
    else:
        exponentials = np.exp(logits)
        expected = exponentials / exponentials.sum(axis=1, keepdims=True) - np.eye(3)[np.array(labels)]
    np.testing.assert_allclose(gradient, expected, atol=1e-6)


def test_metrics_by_hand() -> None:
    logits = jnp.array([[0, math.log(2), math.log(5)]] * 3)
    with jax.numpy_rank_promotion("raise"):
        found = batch_metrics(logits, examples([0, 1, 2], [0.5, 3, 2]))
    loss = 0.5 * math.log(8) + 3 * math.log(4) + 2 * math.log(8 / 5)
    assert [float(value) for value in found] == pytest.approx([loss, 5.5, 1, 3, 0], rel=1e-6)
    found = batch_metrics(jnp.array([[2.0], [-1], [0.5], [-3]]), examples([1, 0, 0, 1], [1, 1, 1, 1]))
    assert (int(found.correct), int(found.examples)) == (2, 4)


@pytest.mark.parametrize("num_outputs", [1, 3])
def test_metrics_of_a_filled_batch_are_those_of_its_examples(num_outputs: int) -> None:
    random = np.random.default_rng(1)
    logits = random.standard_normal((7, num_outputs)).astype(np.float32)
    labels = random.integers(0, 2, 7).tolist()
    weights = random.uniform(0.5, 2, 7).tolist()
    alone = batch_metrics(jnp.asarray(logits), examples(labels, weights))
    for seed in range(3):
        garbage = 1000 * np.random.default_rng(seed).standard_normal((4, num_outputs)).astype(np.float32)
        filled = batch_metrics(
            jnp.asarray(np.concatenate([logits, garbage])),
            examples(labels + [seed % 2] * 4, weights + [0.0] * 4),
        )
        for name, value in zip(BatchMetrics._fields, filled, strict=True):
            assert float(value) == pytest.approx(float(getattr(alone, name)), rel=1e-6), name


def test_class_weights() -> None:
    labels = np.array([0] * 6 + [2] * 2 + [1] * 4, np.int32)
    assert class_weights(labels, 3, "none").tolist() == [1, 1, 1]
    assert class_weights(labels, 3, "balanced").tolist() == pytest.approx([12 / 18, 1, 2])
    assert class_weights(labels, 4, "balanced").tolist() == pytest.approx([12 / 24, 0.75, 1.5, 0])
    balanced = class_weights(labels, 3, "balanced")[labels]
    assert [float(balanced[labels == c].sum()) for c in range(3)] == pytest.approx([4, 4, 4])


def random_batch(steps: Steps, fill_seed: int) -> Examples:
    """Three examples and a row that fills the batch with anything."""
    random, garbage = np.random.default_rng(2), np.random.default_rng(fill_seed)
    words = np.zeros((1, 256), np.int32)
    words[0, 1:] = random.choice(np.arange(1, VOCAB_SIZE), 255, replace=False)
    positions = random.integers(0, 256, (CONFIG.data.batch_size, round_up(MAX_LENGTH)), dtype=np.int32)
    positions[3] = garbage.integers(0, 256, positions.shape[1])
    labels = np.array([2, 0, 1, garbage.integers(NUM_CLASSES)], np.int32)
    return steps.place_examples(Examples(positions, words, labels, np.array([1, 0.5, 2, 0], np.float32)))


def test_rows_that_fill_a_batch_change_nothing(steps: Steps) -> None:
    """Neither the metrics nor any parameter, whatever stands in them."""
    key = jax.random.key(0)
    start = snapshot(steps.initial_state(0))

    def after_two_steps(fill_seed: int) -> tuple[TrainState, list[float]]:
        batch, state = random_batch(steps, fill_seed), steps.place(start)
        for kind in ("train", "eval"):
            steps.compile(kind, state, batch, key)
        evaluated = steps.evaluate(state, batch)
        for _ in range(2):  # the learning rate warms up: the first step is one of length 0
            state, trained = steps.train(state, batch, key)
        return snapshot(state), [float(value) for value in (*evaluated, *trained)]

    state, metrics = after_two_steps(0)
    assert int(state.step) == 2
    assert np.abs(state.params["output"]["bias"] - start.params["output"]["bias"]).min() > 0
    for seed in (1, 2):
        other_state, other_metrics = after_two_steps(seed)
        assert_equal_states(other_state, state)
        assert other_metrics == metrics


def test_what_is_dropped_depends_on_the_run_s_key_and_the_step(steps: Steps) -> None:
    batch = random_batch(steps, 0)
    start = snapshot(steps.initial_state(0))

    def loss(seed: int, step: int) -> float:
        state, key = steps.place(start._replace(step=np.int32(step))), jax.random.key(seed)
        steps.compile("train", state, batch, key)
        return float(steps.train(state, batch, key)[1].loss)

    assert loss(0, 0) == loss(0, 0)
    # With three units a few masks may be equal.
    assert len({loss(0, step) for step in range(7)}) > 3
    assert len({loss(seed, 0) for seed in range(7)}) > 3


def test_the_initial_state(steps: Steps) -> None:
    """`initial_weights`, as parameters, with nothing in the optimizer's state."""
    state = snapshot(steps.initial_state(5))
    found = flatten_dict(state.params, sep=".")
    model_config = CONFIG.model.shape(vocab_size=VOCAB_SIZE, num_classes=NUM_CLASSES)
    expected = initial_weights(model_config, 5)
    assert found.keys() == expected.keys()
    for name, weight in expected.items():
        np.testing.assert_array_equal(found[name], weight)
    assert all((leaf == 0).all() for leaf in jax.tree.leaves((state.opt_state, state.step)))


@pytest.mark.parametrize("arch", ["bigru", "bilstm"])
def test_bfloat16_rounds_products_and_nothing_else(arch: str) -> None:
    """Close to float32, not equal to it; parameters and the optimizer's state stay float32."""
    key, found = jax.random.key(3), {}
    for precision in get_args(Precision):
        steps = make_steps(change(arch=arch, precision=precision, hidden_size=11, warmup_steps=0))
        state, batch = steps.initial_state(3), random_batch(steps, 0)
        steps.compile("train", state, batch, key)
        state, metrics = steps.train(state, batch, key)
        assert {leaf.dtype for leaf in jax.tree.leaves(state.params)} == {np.dtype("float32")}
        found[precision] = np.array([float(metrics.loss), float(metrics.grad_norm)])
    exact, rounded = found["float32"], found["bfloat16"]
    assert (rounded != exact).all()
    np.testing.assert_allclose(rounded, exact, rtol=1e-2)
