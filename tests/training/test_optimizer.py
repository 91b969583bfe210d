"""Learning rates at known steps, clipping and decay."""

import dataclasses
from typing import Any, get_args

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict, unflatten_dict

from rnncli.settings.train import Optimizer, OptimizerSettings, Schedule
from rnncli.training.optimizer import learning_rates, make_optimizer

CONFIG = OptimizerSettings(learning_rate=0.5, name="sgd", clip_norm=0.0)
TOTAL = 110


def change(**settings: Any) -> OptimizerSettings:
    return dataclasses.replace(CONFIG, **settings)


@pytest.mark.parametrize(
    ("schedule", "warmup_steps", "expected"),
    [
        ("constant", 0, {0: 0.5, 57: 0.5, 109: 0.5}),
        ("constant", 10, {0: 0, 1: 0.05, 5: 0.25, 10: 0.5, 109: 0.5}),
        ("linear", 0, {0: 0.5, 11: 0.45, 55: 0.25, 110: 0}),
        ("linear", 10, {0: 0, 5: 0.25, 10: 0.5, 60: 0.25, 85: 0.125, 110: 0}),
        ("cosine", 0, {0: 0.5, 55: 0.25, 110: 0}),
        # (1 + cos(pi / 3)) / 2 = 3 / 4 a third of the way from step 20 to 110
        ("cosine", 20, {0: 0, 10: 0.25, 20: 0.5, 50: 0.375, 65: 0.25, 80: 0.125, 110: 0}),
    ],
)
def test_learning_rates(schedule: Schedule, warmup_steps: int, expected: dict[int, float]) -> None:
    rates = learning_rates(change(schedule=schedule, warmup_steps=warmup_steps), TOTAL)
    assert {step: float(rates(step)) for step in expected} == pytest.approx(expected, abs=1e-6)


def first_update(config: OptimizerSettings, gradient: np.ndarray, parameter: np.ndarray) -> np.ndarray:
    tx = make_optimizer(config, TOTAL)
    params = {"weight": jnp.asarray(parameter, jnp.float32)}
    updates, _ = tx.update({"weight": jnp.asarray(gradient, jnp.float32)}, tx.init(params), params)
    return np.asarray(updates["weight"])


def test_clipping_shortens_long_gradients_only() -> None:
    parameter, gradient = np.ones(2), np.array([30.0, -40])
    for clip_norm, expected in {0.0: [-15, 20], 100.0: [-15, 20], 5.0: [-1.5, 2], 1.0: [-0.3, 0.4]}.items():
        found = first_update(change(clip_norm=clip_norm), gradient, parameter)
        assert found.tolist() == pytest.approx(expected), clip_norm


def test_weight_decay_pulls_to_zero() -> None:
    config = change(name="adamw", weight_decay=0.1)
    assert first_update(config, np.zeros(2), np.array([2.0, -4])).tolist() == pytest.approx([-0.1, 0.2])


@pytest.mark.parametrize("optimizer", get_args(Optimizer))
def test_the_first_update_goes_downhill(optimizer: Optimizer) -> None:
    update = first_update(change(name=optimizer), np.array([0.25, -0.5]), np.ones(2))
    assert np.sign(update).tolist() == [-1, 1]


LAYERS = [
    ("output", "kernel"),
    ("encoder", "layer_1", "forward", "bias"),
    ("encoder", "layer_0", "forward", "bias"),
    ("embedding", "table"),
]


def updates_by_layer(config: OptimizerSettings, gradient: float, steps: int) -> np.ndarray:
    """The updates [steps, layers] of one number in each layer, from the head down, of a constant gradient."""
    params = unflatten_dict(dict.fromkeys(LAYERS, jnp.ones(())))
    gradients = unflatten_dict(dict.fromkeys(LAYERS, jnp.asarray(gradient)))
    tx = make_optimizer(config, steps_per_epoch=7, epochs=11, num_layers=2)
    state, found = tx.init(params), []
    for _ in range(steps):
        updates, state = jax.jit(tx.update)(gradients, state, params)
        found.append([float(flatten_dict(updates)[name]) for name in LAYERS])
    return np.array(found)


@pytest.mark.parametrize("optimizer", get_args(Optimizer))
def test_lower_layers_learn_slower(optimizer: Optimizer) -> None:
    plain = updates_by_layer(change(name=optimizer), 0.25, 5)
    found = updates_by_layer(change(name=optimizer, layer_rate_decay=2.0), 0.25, 5)
    np.testing.assert_allclose(found, plain / [1, 2, 4, 8], rtol=1e-5)


@pytest.mark.parametrize("optimizer", get_args(Optimizer))
def test_layers_start_one_after_the_other_as_if_each_were_the_first(optimizer: Optimizer) -> None:
    """After 2 epochs of 7 steps each; with weight decay too, what waits does not move."""
    decay = 0.1 if optimizer == "adamw" else 0.0
    config = change(name=optimizer, unfreeze_epochs=2, weight_decay=decay)
    found = updates_by_layer(config, 0.25, 3 * 14 + 5)
    plain = updates_by_layer(change(name=optimizer, weight_decay=decay), 0.25, 3 * 14 + 5)[:, 0]
    for depth in range(4):
        start = 14 * depth
        assert not found[:start, depth].any()
        np.testing.assert_allclose(found[start:, depth], plain[: len(found) - start], rtol=1e-5)


def test_the_schedule_is_that_of_the_run_in_every_layer() -> None:
    config = change(schedule="linear", unfreeze_epochs=3, layer_rate_decay=2.0, name="rmsprop")
    rates, found = learning_rates(config, 77), updates_by_layer(config, 0.25, 70)
    for depth in range(4):
        late = 21 * depth + 5  # the sixth step of the layer, to compare with the sixth of the head
        ratio = found[late, depth] / found[5, 0]
        assert ratio == pytest.approx(float(rates(late) / rates(5)) / 2**depth, rel=1e-4)


def test_what_waits_does_not_count_for_clipping() -> None:
    found = updates_by_layer(change(clip_norm=1.0, unfreeze_epochs=1), 3.0, 22)
    norms = [float(np.linalg.norm(row)) for row in found]
    assert norms[0] == pytest.approx(0.5)  # the rate times the norm, which the head has for itself
    assert found[21, 3] == pytest.approx(-0.5 / 2)  # a quarter of the squared norm
