"""The training loop, a generator of events: no printing, no paths.

Whoever consumes the events saves, logs and decides to stop. Everything that decides what comes
next is in `Progress` and `TrainState`, and randomness is a function of (seed, step) and
(seed, epoch), so that a loop started from a saved pair continues as the first would have.
"""

import dataclasses
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Self

import jax
import numpy as np
from numpy.typing import NDArray

from rnncli.data.batching import (
    Plan,
    bucket_widths,
    distinct_words,
    pad,
    plan_epoch,
    room_for_words,
    round_up,
)
from rnncli.data.dataset import Split
from rnncli.errors import DivergedError
from rnncli.settings.train import ClassWeights, TrainSettings
from rnncli.training.optimizer import learning_rates
from rnncli.training.step import BatchMetrics, Examples, Steps, TrainState

SAMPLED_BATCHES = 8  # of each length, looked at to see how many distinct words a batch has
IN_FLIGHT = 4  # steps handed to the devices before their results are awaited, after the first one


@dataclass
class Progress:
    """Where a run stands, apart from its arrays; plain JSON values.

    Attributes:
        epoch: the epoch in progress, from 1.
        batch: batches of it that are done.
        loss, weight, correct, examples, grad_norm: sums over those batches.
        seconds: time spent on them without compilation.
        compile_seconds: time spent compiling during the epoch.
        best_epoch: epoch with the highest validation accuracy; 0 before the first.
        best_accuracy, best_loss: its validation figures.
        history: a dictionary for each finished epoch, as in metrics.jsonl.
    """

    epoch: int = 1
    batch: int = 0
    loss: float = 0.0
    weight: float = 0.0
    correct: int = 0
    examples: int = 0
    grad_norm: float = 0.0
    seconds: float = 0.0
    compile_seconds: float = 0.0
    best_epoch: int = 0
    best_accuracy: float = -1.0
    best_loss: float = math.inf
    history: list[dict[str, Any]] = field(default_factory=list)

    def add(self, metrics: BatchMetrics, step: int) -> None:
        """Count one batch.

        Raises:
            DivergedError: its loss or gradient is not finite.
        """
        loss, grad_norm = float(metrics.loss), float(metrics.grad_norm)
        if not (math.isfinite(loss) and math.isfinite(grad_norm)):
            found = f"the loss is {loss}, the gradient's norm {grad_norm}"
            raise DivergedError(f"step {step} (epoch {self.epoch}): {found}")
        self.batch += 1
        self.loss += loss
        self.weight += float(metrics.weight)
        self.correct += int(metrics.correct)
        self.examples += int(metrics.examples)
        self.grad_norm += grad_norm

    def finish_epoch(self, metrics: dict[str, Any]) -> bool:
        """Record an epoch, move to the next, and return whether it is the best so far."""
        rank = (metrics["val_accuracy"], -metrics["val_loss"])
        better = rank > (self.best_accuracy, -self.best_loss)
        if better:
            self.best_epoch, self.best_accuracy, self.best_loss = self.epoch, rank[0], metrics["val_loss"]
        self.history.append(metrics)
        fresh = Progress(epoch=self.epoch + 1)
        for name in ("epoch", "batch", "loss", "weight", "correct", "examples", "grad_norm", "seconds"):
            setattr(self, name, getattr(fresh, name))
        self.compile_seconds = 0.0
        return better

    def to_dict(self) -> dict[str, Any]:
        """The progress as plain JSON values; no best loss yet is null."""
        return dataclasses.asdict(self) | {"best_loss": self.best_loss if self.best_epoch else None}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Rebuild what `to_dict` gave."""
        best_loss = math.inf if values["best_loss"] is None else values["best_loss"]
        return cls(**{**values, "best_loss": best_loss})


@dataclass(frozen=True)
class StepDone:
    """A batch was trained on and its result has arrived.

    Attributes:
        step: steps taken in the run.
        epoch: from 1.
        batch: batches done in this epoch, of `batches`.
        batches: batches in an epoch.
        loss, accuracy: means over this epoch so far.
        examples_per_second: in this epoch so far, without compilation.
    """

    step: int
    epoch: int
    batch: int
    batches: int
    loss: float
    accuracy: float
    examples_per_second: float


@dataclass(frozen=True)
class EpochDone:
    """An epoch was trained and validated.

    Attributes:
        metrics: what becomes a line of metrics.jsonl.
        improved: whether no earlier epoch had better validation figures.
        stopping: whether this was the last epoch because of early stopping.
    """

    metrics: dict[str, Any]
    improved: bool
    stopping: bool


class Trainer:
    """One run in memory: settings, data, compiled steps, state and progress."""

    def __init__(
        self,
        config: TrainSettings,
        steps: Steps,
        train: Split,
        validation: Split,
        *,
        vocab_size: int,
        num_classes: int,
        max_length: int,
    ) -> None:
        self.config = config
        self.steps = steps
        self._splits = {"train": train, "validation": validation}
        self._vocab_size = vocab_size
        self._class_weights = class_weights(labels_of(train), num_classes, config.data.class_weights)
        longest = max(int(split.lengths.max(initial=1)) for split in (train, validation))
        self._widths = (
            bucket_widths(train.lengths, longest)
            if config.data.batching == "buckets"
            else (round_up(max_length),)
        )
        self._rooms = self._rooms_for_words(train)
        self._key = jax.random.key(config.seed)
        self.state = steps.initial_state(config.seed)
        self.progress = Progress()
        self._learning_rates = learning_rates(config.optimizer, self.total_steps)

    @property
    def batches_per_epoch(self) -> int:
        """Steps in an epoch."""
        return -(-len(self._splits["train"]) // self.config.data.batch_size)

    @property
    def total_steps(self) -> int:
        """Steps in the whole run."""
        return self.batches_per_epoch * self.config.epochs

    @property
    def finished(self) -> bool:
        """Whether no epoch is left, or early stopping has ended the run."""
        return self.progress.epoch > self.config.epochs or self._out_of_patience()

    def restore(self, state: TrainState, progress: Progress) -> None:
        """Continue from a saved state."""
        self.state, self.progress = self.steps.place(state), progress

    def run(self, pause_every: int = 0) -> Iterator[StepDone | EpochDone]:
        """Train until the last epoch or early stopping.

        Events come after every few steps, and after those whose number `pause_every` divides, unless
        it is 0. `state` and `progress` belong together whenever an event is handed out, so that the
        consumer may save them or leave.

        Raises:
            DivergedError: a loss, of a batch or of the validation, or a gradient was not finite.
        """
        while not self.finished:
            yield from self._epoch(pause_every)
            yield self._finish_epoch()

    def _epoch(self, pause_every: int) -> Iterator[StepDone]:
        """The rest of the epoch in progress."""
        progress, split = self.progress, self._splits["train"]
        plans = self._plans(progress.epoch)
        first_step = (progress.epoch - 1) * len(plans)
        seconds, waiting = progress.seconds, list[BatchMetrics]()
        started = time.perf_counter()
        compiled = 0.0
        first = progress.batch + 1
        for number, plan in enumerate(plans[progress.batch :], first):
            examples = self._examples(split, plan, self._class_weights)
            compiled += self._compile("train", examples)
            self.state, metrics = self.steps.train(self.state, examples, self._key)
            waiting.append(metrics)
            pausing = pause_every and (first_step + number) % pause_every == 0
            if number % IN_FLIGHT and number not in (first, len(plans)) and not pausing:
                continue
            for metrics in waiting:
                progress.add(metrics, first_step + progress.batch + 1)
            waiting.clear()
            progress.seconds = seconds + time.perf_counter() - started - compiled
            yield StepDone(
                step=first_step + progress.batch,
                epoch=progress.epoch,
                batch=progress.batch,
                batches=len(plans),
                loss=progress.loss / progress.weight,
                accuracy=progress.correct / progress.examples,
                examples_per_second=progress.examples / progress.seconds,
            )

    def _plans(self, epoch: int) -> list[Plan]:
        """The training batches of an epoch, in order."""
        rng = np.random.default_rng([self.config.seed, epoch])
        lengths = self._splits["train"].lengths
        return plan_epoch(lengths, self.config.data.batch_size, self._widths, rng)

    def _rooms_for_words(self, train: Split) -> dict[int, int]:
        """How many distinct words a shard has room for, by padded length."""
        rooms = {}
        plans = self._plans(epoch=1)
        for width in {plan.width for plan in plans}:
            some = [plan for plan in plans if plan.width == width][:SAMPLED_BATCHES]
            batches = [pad(train, plan.rows, width, self.config.data.batch_size) for plan in some]
            rooms[width] = room_for_words(batches, self._vocab_size, self.steps.num_shards)
        return rooms

    def _finish_epoch(self) -> EpochDone:
        """Validate, and record the epoch."""
        progress, step = self.progress, self.progress.epoch * self.batches_per_epoch
        val_loss, val_accuracy = self.validate()
        if not math.isfinite(val_loss):
            raise DivergedError(f"step {step} (epoch {progress.epoch}): the validation loss is {val_loss}")
        metrics = {
            "epoch": progress.epoch,
            "step": step,
            "train_loss": progress.loss / progress.weight,
            "train_accuracy": progress.correct / progress.examples,
            "val_loss": val_loss,
            "val_accuracy": val_accuracy,
            "seconds": progress.seconds,
            "compile_seconds": progress.compile_seconds,
            "examples_per_second": progress.examples / progress.seconds,
            "learning_rate": float(self._learning_rates(step - 1)),
            "grad_norm": progress.grad_norm / progress.batch,
        }
        improved = progress.finish_epoch(metrics)
        return EpochDone(metrics, improved, self._out_of_patience() and progress.epoch <= self.config.epochs)

    def _out_of_patience(self) -> bool:
        since_best = self.progress.epoch - 1 - self.progress.best_epoch
        return 0 < self.config.early_stopping <= since_best

    def validate(self) -> tuple[float, float]:
        """Mean loss in nats and accuracy on the validation split."""
        split = self._splits["validation"]
        unit = np.ones_like(self._class_weights)
        sums = np.zeros(4)
        for plan in plan_epoch(split.lengths, self.config.data.batch_size, self._widths, None):
            examples = self._examples(split, plan, unit)
            self._compile("eval", examples)
            metrics = self.steps.evaluate(self.state, examples)
            sums += [float(value) for value in metrics[:4]]
        return float(sums[0] / sums[1]), float(sums[2] / sums[3])

    def _examples(self, split: Split, plan: Plan, weights: NDArray[np.float32]) -> Examples:
        """The batch of a plan on the devices; rows that fill it up weigh nothing."""
        size = self.config.data.batch_size
        token_ids = pad(split, plan.rows, plan.width, size)
        room = self._rooms.get(plan.width, 0)
        batch = distinct_words(token_ids, self._vocab_size, self.steps.num_shards, room)
        labels = np.zeros(size, np.int32)
        labels[: len(plan.rows)] = labels_of(split)[plan.rows]
        row_weights = np.zeros(size, np.float32)
        row_weights[: len(plan.rows)] = weights[labels[: len(plan.rows)]]
        return self.steps.place_examples(Examples(batch.positions, batch.words, labels, row_weights))

    def _compile(self, kind: str, examples: Examples) -> float:
        """Compile the program for a new shape; return the seconds it took."""
        started = time.perf_counter()
        if not self.steps.compile(kind, self.state, examples, self._key):
            return 0.0
        seconds = time.perf_counter() - started
        self.progress.compile_seconds += seconds
        return seconds


def labels_of(split: Split) -> NDArray[np.int32]:
    """The labels of a split that must have them, [n]."""
    if split.labels is None:
        raise ValueError(f"split '{split.name}' has no labels")
    return split.labels


def class_weights(labels: NDArray[np.int32], num_classes: int, how: ClassWeights) -> NDArray[np.float32]:
    """The weight of each class in the loss, [num_classes].

    Balanced weights are n / (classes · n_c), so that every class weighs the same in sum; a class
    without examples gets 0.
    """
    if how == "none":
        return np.ones(num_classes, np.float32)
    counts = np.bincount(labels, minlength=num_classes)
    return np.where(counts > 0, len(labels) / (num_classes * np.maximum(counts, 1)), 0).astype(np.float32)
