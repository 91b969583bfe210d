"""The loop, checkpoints and progress with an objective that has no labels, no texts and no accuracy."""

# ruff: noqa: ARG002 - a simple objective needs less than others

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnncli.data.batching import Plan, plan_epoch
from rnncli.reporting.progress import epoch_lines
from rnncli.settings.train import TrainSettings
from rnncli.training.checkpoints import load_newest_checkpoint, save_checkpoint
from rnncli.training.loop import EpochDone, Standing, Trainer
from rnncli.training.objectives.base import Batch, Objective, Params, Part, Sums
from rnncli.training.optimizer import make_optimizer
from rnncli.training.step import Programs

SETTINGS = TrainSettings.from_options(epochs=7, learning_rate=0.1, batch_size=4)
ROWS = 29


class Regression(Objective):
    """Find the slope and the offset of a line from noisy points of it."""

    def __init__(self) -> None:
        random = np.random.default_rng(0)
        self.x = random.standard_normal(ROWS).astype(np.float32)
        self.y = 2 * self.x - 1 + 0.01 * random.standard_normal(ROWS).astype(np.float32)

    def initial_params(self, seed: int) -> Params:
        return {"slope": jnp.zeros(()), "offset": jnp.zeros(())}

    def plans(self, part: Part, random: np.random.Generator | None) -> list[Plan]:
        return plan_epoch(np.ones(ROWS, np.int32), 4, (8,), random)

    def batch(self, part: Part, plan: Plan) -> Batch:
        rows = np.resize(plan.rows, 4)
        return {"x": self.x[rows], "y": self.y[rows], "weights": np.float32(np.arange(4) < len(plan.rows))}

    def sums(self, params: Params, batch: Batch, keys: jax.Array | None) -> Sums:
        errors = params["slope"] * batch["x"] + params["offset"] - batch["y"]
        weight = batch["weights"].sum()
        return {"loss": (batch["weights"] * errors**2).sum(), "weight": weight, "examples": weight}

    def figures(self, sums: Mapping[str, float]) -> dict[str, float]:
        loss = sums["loss"] / sums["weight"]
        return {"loss": loss, "rmse": loss**0.5}

    def rank(self, figures: Mapping[str, float]) -> tuple[float, ...]:
        return (-figures["rmse"],)


@pytest.mark.parametrize("num_devices", [1, 2])
def test_a_line_is_learned_and_resumed_bit_for_bit(tmp_path: Path, num_devices: int) -> None:
    objective, devices = Regression(), jax.devices()[:num_devices]
    mesh = jax.make_mesh((num_devices,), ("data",), (jax.sharding.AxisType.Auto,), devices=devices)
    programs = Programs(objective, make_optimizer(SETTINGS.optimizer, 7 * 8), mesh)
    trainer, resumed = (Trainer(SETTINGS, objective, programs) for _ in range(2))
    done = []
    for event in trainer.run():
        if isinstance(event, EpochDone):
            done.append(event)
        elif event.step == 17:
            save_checkpoint(tmp_path, 17, trainer.state, dataclasses.asdict(trainer.standing))
    assert done[0].improved
    assert trainer.standing.best["rmse"] < 0.5 < done[0].metrics["val_rmse"]
    assert done[-1].metrics.keys() >= {"train_loss", "train_rmse", "val_loss", "val_rmse"}
    (line,) = epoch_lines(done[-1].metrics | {"compile_seconds": 0}, 7, improved=True)
    assert len(line) <= 80

    loaded = load_newest_checkpoint(tmp_path, resumed.state, pytest.fail)
    assert loaded is not None
    resumed.restore(loaded[0], Standing(**loaded[1]))
    assert [event for event in resumed.run() if isinstance(event, EpochDone)]
    assert resumed.standing.best == trainer.standing.best
    assert jax.tree.map(float, resumed.state.params) == jax.tree.map(float, trainer.state.params)
