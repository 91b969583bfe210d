"""The training loop, a generator of events: no printing, no paths, no labels.

Whoever consumes the events saves, logs and decides to stop. Everything that decides what comes
next is in `Standing` and `TrainState`, and randomness is a function of (seed, step) and
(seed, epoch), so that a loop started from a saved pair continues as the first would have.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict

from rnncli.errors import DivergedError
from rnncli.settings.train import TrainSettings
from rnncli.training.objectives.base import Objective, Params, Sums
from rnncli.training.optimizer import learning_rates
from rnncli.training.step import Programs, TrainState

IN_FLIGHT = 4  # steps handed to the devices before their results are awaited, after the first one


@dataclass
class Standing:
    """Where a training stands, apart from its arrays; plain JSON values.

    Attributes:
        batch: batches of the epoch in progress that are done.
        sums: the objective's sums over those batches, with ``grad_norm``.
        seconds: time spent on them without compilation.
        compile_seconds: time spent compiling during the epoch.
        best_epoch: the epoch with the best validation figures; 0 before the first.
        best: those figures.
        history: a dictionary for each finished epoch, as in metrics.jsonl.
    """

    batch: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    compile_seconds: float = 0.0
    best_epoch: int = 0
    best: dict[str, float] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)

    @property
    def epoch(self) -> int:
        """The epoch in progress, from 1."""
        return len(self.history) + 1

    def add(self, sums: Sums, step: int) -> None:
        """Count one batch.

        Raises:
            DivergedError: its loss or gradient is not finite.
        """
        values = {name: float(value) for name, value in sums.items()}
        loss, grad_norm = values["loss"], values["grad_norm"]
        if not (math.isfinite(loss) and math.isfinite(grad_norm)):
            found = f"the loss is {loss}, the gradient's norm {grad_norm}"
            raise DivergedError(f"step {step} (epoch {self.epoch}): {found}")
        self.batch += 1
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value


@dataclass(frozen=True)
class StepDone:
    """A batch was trained on and its result has arrived."""

    step: int  # of the run; this and the next two count from 1
    epoch: int
    batch: int
    batches: int  # in an epoch
    figures: dict[str, float]  # over this epoch so far
    examples_per_second: float  # in this epoch so far, without compilation


@dataclass(frozen=True)
class EpochDone:
    """An epoch was trained and validated."""

    metrics: dict[str, Any]  # what becomes a line of metrics.jsonl
    improved: bool  # whether this is the model so far: the best on validation, or the mean at the end
    stopping: bool  # whether early stopping made it the last one


class Trainer:
    """One training in memory: `state`, its arrays, and `standing`, all else that decides how it goes on."""

    def __init__(self, settings: TrainSettings, objective: Objective, programs: Programs) -> None:
        self._settings, self._objective, self._programs = settings, objective, programs
        self._batches = objective.batches_per_epoch
        self._learning_rates = learning_rates(settings.optimizer, self._batches * settings.epochs)
        self._key = jax.random.key(settings.seed)
        self.start_from(objective.initial_params(settings.seed))
        self.standing = Standing()

    @property
    def finished(self) -> bool:
        """Whether no epoch is left, or early stopping has ended the training."""
        done, patience = len(self.standing.history), self._settings.early_stopping
        return done >= self._settings.epochs or 0 < patience <= done - self.standing.best_epoch

    def start_from(self, params: Params) -> None:
        """Begin with these parameters."""
        state = self._programs.initial_state(params)
        mean = (
            jax.tree.map(jnp.zeros_like, state.params)
            if self._settings.optimizer.average_epochs > 1
            else None
        )
        self.state = state._replace(mean=mean)

    def restore(self, state: TrainState, standing: Standing) -> None:
        """Continue from a saved state."""
        self.state, self.standing = self._programs.place_state(state), standing

    def run(self, pause_every: int = 0) -> Iterator[StepDone | EpochDone]:
        """Train until the last epoch or early stopping.

        Events come after every few steps, and after those whose number `pause_every` divides, unless
        it is 0. `state` and `standing` belong together whenever an event is handed out, so that the
        consumer may save them or leave.

        Raises:
            DivergedError: a loss, of a batch or of the validation, a gradient, or at the end of an epoch
                a parameter was not finite.
        """
        while not self.finished:
            yield from self._epoch(pause_every)
            yield self._finish_epoch()

    def _epoch(self, pause_every: int) -> Iterator[StepDone]:
        """The rest of the epoch in progress."""
        standing, programs = self.standing, self._programs
        plans = self._objective.plans("train", np.random.default_rng([self._settings.seed, standing.epoch]))
        first, first_step = standing.batch + 1, (standing.epoch - 1) * len(plans)
        waiting = list[Sums]()
        # As if the epoch, and the compilation in it, had gone on without a break from where they stand.
        started = time.perf_counter() - standing.seconds - standing.compile_seconds
        compiled_before = programs.compile_seconds - standing.compile_seconds
        for number, plan in enumerate(plans[standing.batch :], first):
            batch = programs.place_batch(self._objective.batch("train", plan))
            self.state, sums = programs.train(self.state, batch, self._key)
            waiting.append(sums)
            pausing = pause_every and (first_step + number) % pause_every == 0
            if number % IN_FLIGHT and number not in (first, len(plans)) and not pausing:
                continue
            for sums in waiting:
                standing.add(sums, first_step + standing.batch + 1)
            waiting.clear()
            standing.compile_seconds = programs.compile_seconds - compiled_before
            standing.seconds = time.perf_counter() - started - standing.compile_seconds
            yield StepDone(
                step=first_step + standing.batch,
                epoch=standing.epoch,
                batch=standing.batch,
                batches=len(plans),
                figures=self._objective.figures(standing.sums),
                examples_per_second=standing.sums["examples"] / standing.seconds,
            )

    def _finish_epoch(self) -> EpochDone:
        """Validate, and record the epoch."""
        old, step = self.standing, self.standing.epoch * self._batches
        compiled_before = self._programs.compile_seconds
        if self.state.mean is not None:
            self._add_to_mean(self.state.mean, old.epoch)
        trained, validated = self._objective.figures(old.sums), self.validate()
        if not math.isfinite(validated["loss"]):
            found = f"the validation loss is {validated['loss']}"
            raise DivergedError(f"step {step} (epoch {old.epoch}): {found}")
        require_finite(self.state, old.epoch)
        averaged = self.state.mean is not None and old.epoch == self._settings.epochs
        better = not old.best or self._objective.rank(validated) > self._objective.rank(old.best)
        improved = better or averaged
        metrics = {
            "epoch": old.epoch,
            "step": step,
            **{f"train_{name}": value for name, value in trained.items()},
            **{f"val_{name}": value for name, value in validated.items()},
            "seconds": old.seconds,
            "compile_seconds": old.compile_seconds + self._programs.compile_seconds - compiled_before,
            "examples_per_second": old.sums["examples"] / old.seconds,
            "learning_rate": float(self._learning_rates(step - 1)),
            "grad_norm": old.sums["grad_norm"] / old.batch,
        }
        best_epoch, best = (old.epoch, validated) if improved else (old.best_epoch, old.best)
        self.standing = Standing(best_epoch=best_epoch, best=best, history=[*old.history, metrics])
        return EpochDone(metrics, improved, stopping=self.finished and old.epoch < self._settings.epochs)

    def _add_to_mean(self, mean: Params, epoch: int) -> None:
        """Count in the parameters of one of the last epochs; after the last their mean takes their place.

        The mean lies nearer to the middle of a flat region of the loss than what any step ends at, and
        is as good as an ensemble of them (Izmailov et al. 2018).
        """
        epochs = self._settings.epochs
        averaged = min(self._settings.optimizer.average_epochs, epochs)
        if epoch > epochs - averaged:
            mean = jax.tree.map(lambda so_far, new: so_far + new / averaged, mean, self.state.params)
            self.state = self.state._replace(params=mean if epoch == epochs else self.state.params, mean=mean)

    def validate(self) -> dict[str, float]:
        """The objective's figures on the validation split."""
        total: dict[str, float] = {}
        for plan in self._objective.plans("validation", None):
            batch = self._programs.place_batch(self._objective.batch("validation", plan))
            for name, value in self._programs.evaluate(self.state.params, batch).items():
                total[name] = total.get(name, 0.0) + float(value)
        return self._objective.figures(total)


def require_finite(state: TrainState, epoch: int) -> None:
    """Raise DivergedError unless every parameter is finite, as they may not be under a finite loss."""
    for name, values in flatten_dict(state.params, sep=".").items():
        if not np.isfinite(np.asarray(values)).all():
            raise DivergedError(
                f"step {int(state.step)} (epoch {epoch}): the parameters '{name}' are not finite"
            )
