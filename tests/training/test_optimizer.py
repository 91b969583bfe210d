"""Learning rates at known steps, clipping and decay."""

import dataclasses
from typing import Any, get_args

import jax.numpy as jnp
import numpy as np
import pytest

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
