"""Losses, sums and weights of classes against values made by hand."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnncli.training.objectives.classification import (
    Classification,
    class_weights,
    cross_entropy,
    sums_of,
)
from tests.training.toys import (
    MAX_LENGTH,
    NUM_CLASSES,
    VOCAB_SIZE,
    change,
    make_objective,
    random_split,
)


def sums(logits: jax.Array, labels: list[int], weights: list[float]) -> dict[str, float]:
    with jax.numpy_rank_promotion("raise"):
        targets = jax.nn.one_hot(jnp.array(labels), max(2, logits.shape[1]))
        found = sums_of(logits, targets, jnp.array(weights, jnp.float32))
    return {name: float(value) for name, value in found.items()}


def test_binary_cross_entropy_by_hand() -> None:
    logits = jnp.array([0, math.log(3), math.log(3), 1000, 1000, -1000])[:, None]
    targets = jax.nn.one_hot(jnp.array([1, 1, 0, 1, 0, 1]), 2)
    with jax.numpy_rank_promotion("raise"):
        found = cross_entropy(logits, targets)
    expected = [math.log(2), math.log(4 / 3), math.log(4), 0, 1000, 1000]
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-30)


def test_categorical_cross_entropy_by_hand() -> None:
    logits = jnp.array([[0, math.log(2), math.log(5)]] * 3 + [[1000, 0, -1000]] * 2)
    with jax.numpy_rank_promotion("raise"):
        found = cross_entropy(logits, jax.nn.one_hot(jnp.array([0, 1, 2, 0, 2]), 3))
    np.testing.assert_allclose(found, [math.log(8), math.log(4), math.log(8 / 5), 0, 2000], rtol=1e-6)


def test_soft_targets_by_hand() -> None:
    """The loss is least where the probabilities are the targets, and is then their entropy."""
    halves = jnp.array([[0.25, 0.75]])
    for logits in (jnp.array([[math.log(3)]]), jnp.array([[0, math.log(3)]])):
        found = cross_entropy(logits, halves)
        expected = 0.25 * math.log(4) + 0.75 * math.log(4 / 3)
        np.testing.assert_allclose(found, [expected], rtol=1e-6)
        assert cross_entropy(logits + jnp.arange(logits.shape[1]) + 0.1, halves)[0] > found[0]


def test_sums_by_hand() -> None:
    """The last row only fills the batch."""
    logits = jnp.array([[0, math.log(2), math.log(5)]] * 4)
    found = sums(logits, [0, 1, 2, 2], [0.5, 3, 2, 0])
    loss = 0.5 * math.log(8) + 3 * math.log(4) + 2 * math.log(8 / 5)
    assert found == pytest.approx({"loss": loss, "weight": 5.5, "correct": 1, "examples": 3}, rel=1e-6)
    found = sums(jnp.array([[2.0], [-1], [0.5], [-3], [7]]), [1, 0, 0, 1, 1], [1, 1, 1, 1, 0])
    assert (found["correct"], found["examples"]) == (2, 4)


def test_class_weights() -> None:
    labels = np.array([0] * 6 + [2] * 2 + [1] * 4, np.int32)
    assert class_weights(labels, 3, "none").tolist() == [1, 1, 1]
    assert class_weights(labels, 3, "balanced").tolist() == pytest.approx([12 / 18, 1, 2])
    assert class_weights(labels, 4, "balanced").tolist() == pytest.approx([12 / 24, 0.75, 1.5, 0])
    balanced = class_weights(labels, 3, "balanced")[labels]
    assert [float(balanced[labels == c].sum()) for c in range(3)] == pytest.approx([4, 4, 4])


def test_each_token_of_a_batch_has_its_own_evidence() -> None:
    """Evidence that names the token it belongs to stands where the batch has that token."""
    config, train, validation = (
        change(evidence=True),
        random_split("train", 61),
        random_split("validation", 29),
    )
    numbers = {split.name: np.arange(1, len(split.token_ids) + 1) for split in (train, validation)}
    objective = Classification(
        config,
        config.model.shape(vocab_size=VOCAB_SIZE, num_classes=NUM_CLASSES),
        train,
        validation,
        max_length=MAX_LENGTH,
        num_devices=1,
        evidence={
            part: np.repeat(found, 9).reshape(-1, 9).astype(np.float32) for part, found in numbers.items()
        },
    )
    for split in (train, validation):
        seen = []
        for plan in objective.plans(split.name, np.random.default_rng(0)):
            batch = objective.batch(split.name, plan)
            words, positions = batch["words"], batch["positions"]
            token_ids = positions if words is None else words[0][positions]
            found = batch["evidence"].astype(int)
            assert found.shape == (*token_ids.shape, 9)
            assert (found == found[:, :, :1]).all()
            token, there = found[:, :, 0], token_ids != 0
            assert not token[~there].any()
            np.testing.assert_array_equal(split.token_ids[token[there] - 1], token_ids[there])
            seen.extend(token[there].tolist())
        assert sorted(seen) == numbers[split.name].tolist()


def test_smoothed_labels_are_the_training_targets_alone() -> None:
    """Of a share of 0.3 each of three classes gets 0.1; validation is measured against the labels."""
    objective = make_objective(change(label_smoothing=0.3))
    certain = make_objective(change(label_smoothing=0.0))
    for part, high, low in (("train", 0.8, 0.1), ("validation", 1.0, 0.0)):
        plan = objective.plans(part, None)[0]
        found, labels = (each.batch(part, plan)["targets"][: len(plan.rows)] for each in (objective, certain))
        np.testing.assert_allclose(found, np.where(labels == 1, high, low), rtol=1e-6)
