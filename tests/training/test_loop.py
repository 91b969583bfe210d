"""Whole trainings: that they learn, repeat themselves, resume, stop and span devices."""

import json
import math
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict

from rnncli.data.batching import Plan, bucket_widths, pad, plan_epoch
from rnncli.errors import DivergedError
from rnncli.models import numpy_forward
from rnncli.text.tokenizer import Tokenizer
from rnncli.training import loop
from rnncli.training.checkpoints import load_newest_checkpoint, save_checkpoint
from rnncli.training.loop import EpochDone, Progress, StepDone, Trainer
from rnncli.training.step import BatchMetrics, Examples, Steps, TrainState
from tests.training.toys import (
    CONFIG,
    MAX_LENGTH,
    NUM_CLASSES,
    TRAIN_SIZE,
    VALIDATION_SIZE,
    VOCAB_SIZE,
    assert_equal_states,
    change,
    make_steps,
    make_trainer,
    random_split,
    snapshot,
    timeless,
)

BATCHES = -(-TRAIN_SIZE // CONFIG.data.batch_size)
# Steps after which a run is cut: in the first epoch, before its validation, in the last epoch.
CUTS = (8, BATCHES, 2 * BATCHES + 32)
REVIEWS = {
    "the film is great and not dull": 1,
    "the film is dull and not great": 0,
    "not bad at all": 1,
    "bad": 0,
    "i never saw a better movie": 1,
    "i saw many a better movie": 0,
    "great !": 1,
    "great ? no": 0,
}


@pytest.mark.parametrize("arch", ["bow", "rnn", "lstm", "gru", "bilstm"])
def test_eight_reviews_can_be_overfitted(arch: str) -> None:
    """Two of them have the same words, so that the bag of words is right about one at best."""
    config = change(
        arch=arch, dropout=0.0, schedule="constant", warmup_steps=0, learning_rate=0.03, hidden_size=5
    )
    tokenizer = Tokenizer.train(REVIEWS, VOCAB_SIZE)
    token_ids = pad(tokenizer.encode(list(REVIEWS)), np.arange(8), 8, batch_size=8)
    labels, key = np.array(list(REVIEWS.values()), np.int32), jax.random.key(0)
    steps = make_steps(config, num_classes=2)
    batch = steps.place_examples(Examples(token_ids, None, labels, np.ones(8, np.float32)))
    state = steps.initial_state(0)
    steps.compile("train", state, batch, key)
    losses = []
    for _ in range(200):
        state, metrics = steps.train(state, batch, key)
        losses.append(float(metrics.loss) / 8)
        if losses[-1] < 0.05:
            break
    assert losses[0] == pytest.approx(math.log(2), abs=0.2)
    if arch == "bow":
        assert math.log(2) / 4 <= losses[-1] < math.log(2) / 4 + 0.05
    else:
        assert losses[-1] < 0.05


@pytest.fixture(scope="module")
def uninterrupted(
    steps: Steps, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Trainer, TrainState, dict[str, Path]]:
    """A finished trainer, its state, and checkpoints written on the way."""
    trainer, checkpoints = make_trainer(steps), {}
    for event in trainer.run():
        step = event.step if isinstance(event, StepDone) else event.metrics["step"]
        if isinstance(event, EpochDone) or step in CUTS:
            place = f"{type(event).__name__} {step}"
            checkpoints[place] = tmp_path_factory.mktemp("run")
            save_checkpoint(checkpoints[place], step, trainer.state, trainer.progress.to_dict())
    return trainer, snapshot(trainer.state), checkpoints


def test_the_same_seed_gives_the_same_run(
    steps: Steps, uninterrupted: tuple[Trainer, TrainState, dict[str, Path]]
) -> None:
    trainer, state, _ = uninterrupted
    again, other = make_trainer(steps), make_trainer(steps, seed=1)
    for run in (again, other):
        list(run.run())
    assert_equal_states(again.state, state)
    assert timeless(again.progress.history) == timeless(trainer.progress.history)
    assert other.progress.history[-1]["train_loss"] != trainer.progress.history[-1]["train_loss"]


@pytest.mark.parametrize(
    "place",
    [f"StepDone {step}" for step in CUTS] + [f"EpochDone {epoch * BATCHES}" for epoch in (1, 2, 3)],
)
def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit(
    steps: Steps, uninterrupted: tuple[Trainer, TrainState, dict[str, Path]], place: str
) -> None:
    trainer, state, checkpoints = uninterrupted
    resumed = make_trainer(steps)
    loaded = load_newest_checkpoint(checkpoints[place], resumed.state, pytest.fail)
    assert loaded is not None
    resumed.restore(loaded[0], Progress.from_dict(loaded[1]))
    events = list(resumed.run())
    assert_equal_states(resumed.state, state)
    assert timeless(resumed.progress.history) == timeless(trainer.progress.history)
    cut = int(place.split()[1])
    steps_done = [event.step for event in events if isinstance(event, StepDone)]
    assert (steps_done[0] - cut <= 4 and steps_done[-1] == 3 * BATCHES) if cut < 3 * BATCHES else events == []


def test_events_and_metrics(steps: Steps, uninterrupted: tuple[Trainer, TrainState, dict[str, Path]]) -> None:
    trainer = make_trainer(steps, epochs=1, schedule="constant")
    *step_events, epoch_event = trainer.run()
    assert isinstance(epoch_event, EpochDone)
    assert epoch_event.improved
    assert not epoch_event.stopping
    assert [event.step for event in step_events] == [1, *range(4, BATCHES, 4), BATCHES]
    assert all((event.epoch, event.batches, event.batch) == (1, BATCHES, event.step) for event in step_events)
    metrics = epoch_event.metrics
    assert (metrics["epoch"], metrics["step"], metrics["learning_rate"]) == (1, BATCHES, pytest.approx(0.01))
    assert (metrics["train_loss"], metrics["train_accuracy"]) == (
        step_events[-1].loss,
        step_events[-1].accuracy,
    )
    assert metrics["examples_per_second"] == pytest.approx(TRAIN_SIZE / metrics["seconds"])
    assert metrics["grad_norm"] > 0
    assert trainer.progress.best_loss == metrics["val_loss"]
    assert len(bucket_widths(random_split("train", TRAIN_SIZE).lengths, MAX_LENGTH)) == 2
    assert steps.num_programs <= 4  # two lengths, with gradients and without
    rates = [line["learning_rate"] for line in uninterrupted[0].progress.history]
    progress = (np.arange(1, 4) * BATCHES - 1 - 7) / (3 * BATCHES - 7)  # after 7 steps of warm-up
    assert rates == pytest.approx((0.01 * (1 + np.cos(np.pi * progress)) / 2).tolist(), abs=1e-8)


def test_a_consumer_may_ask_to_be_told_every_few_steps(steps: Steps) -> None:
    """In all epochs, counted from the start of the run."""
    told = {event.step for event in make_trainer(steps, epochs=2).run(7) if isinstance(event, StepDone)}
    assert told >= {*range(7, 2 * BATCHES + 1, 7)}
    assert len(told) < BATCHES


def test_validation_figures_are_those_of_the_numpy_model(
    uninterrupted: tuple[Trainer, TrainState, dict[str, Path]],
) -> None:
    trainer, state, _ = uninterrupted
    split = random_split("validation", VALIDATION_SIZE)
    config = CONFIG.model.shape(vocab_size=VOCAB_SIZE, num_classes=NUM_CLASSES)
    logits = numpy_forward.forward(
        config, flatten_dict(state.params, sep="."), [split[row] for row in range(len(split))]
    )
    probabilities = numpy_forward.to_probabilities(logits)
    loss = -np.log(probabilities[np.arange(len(split)), split.labels]).mean()
    accuracy = (logits.argmax(axis=1) == split.labels).mean()
    last = trainer.progress.history[-1]
    assert last["val_loss"] == pytest.approx(loss, abs=1e-5)
    assert last["val_accuracy"] == pytest.approx(accuracy)
    assert 0 in split.lengths


def test_every_epoch_and_every_seed_has_its_own_order(steps: Steps, monkeypatch: pytest.MonkeyPatch) -> None:
    orders = []

    def spy(*args: Any) -> list[Plan]:
        plans = plan_epoch(*args)
        if args[-1] is not None:  # training, not validation
            orders.append([row for plan in plans for row in plan.rows])
        return plans

    trainers = [make_trainer(steps, train=random_split("train", 29), epochs=2, seed=seed) for seed in (0, 1)]
    monkeypatch.setattr(loop, "plan_epoch", spy)
    for trainer in trainers:
        list(trainer.run())
    assert len(orders) == 4
    assert len({tuple(order) for order in orders}) == 4
    assert all(sorted(order) == list(range(29)) for order in orders)


def test_class_weights_count_in_training_only(steps: Steps) -> None:
    trainer = make_trainer(steps, epochs=1, class_weights="balanced")
    plain = make_trainer(steps, epochs=1)
    assert trainer.validate() == plain.validate()
    (weighted_line,), (plain_line,) = (list(run.run())[-1:] for run in (trainer, plain))
    assert weighted_line.metrics["train_loss"] != plain_line.metrics["train_loss"]


def test_two_devices_give_the_curve_of_one(steps: Steps) -> None:
    assert jax.device_count() >= 2
    curves = []
    for programs in (steps, make_steps(CONFIG, num_devices=2)):
        trainer = make_trainer(programs, epochs=2, batching="full")
        losses = [event.loss for event in trainer.run() if isinstance(event, StepDone)]
        curves.append((losses, timeless(trainer.progress.history), trainer.state))
    (one_losses, one_history, _), (two_losses, two_history, state) = curves
    assert len(state.params["output"]["bias"].sharding.device_set) == 2
    np.testing.assert_allclose(two_losses, one_losses, rtol=1e-5)
    for one, two in zip(one_history, two_history, strict=True):
        assert two == pytest.approx(one, rel=1e-5)


def script(trainer: Trainer, monkeypatch: pytest.MonkeyPatch, figures: list[tuple[float, float]]) -> None:
    """Let the validations of a trainer find these losses and accuracies."""
    remaining = iter(figures)
    monkeypatch.setattr(trainer, "validate", lambda: next(remaining))


def test_early_stopping(steps: Steps, monkeypatch: pytest.MonkeyPatch) -> None:
    """Accuracy decides, and the loss where it is equal; a worse epoch costs patience."""
    figures = [(0.6, 0.5), (0.5, 0.5), (0.7, 0.75), (0.1, 0.5), (0.7, 0.75), (0.0, 0.0)]
    few = random_split("train", 7)
    trainer = make_trainer(steps, train=few, epochs=9, early_stopping=2)
    script(trainer, monkeypatch, figures)
    done = [event for event in trainer.run() if isinstance(event, EpochDone)]
    assert [event.improved for event in done] == [True, True, True, False, False]
    assert [event.stopping for event in done] == [False, False, False, False, True]
    assert trainer.finished
    progress = trainer.progress
    assert (progress.best_epoch, progress.best_accuracy, progress.best_loss) == (3, 0.75, 0.7)

    resumed = make_trainer(steps, train=few, epochs=9, early_stopping=2)
    resumed.restore(snapshot(trainer.state), Progress.from_dict(progress.to_dict()))
    assert list(resumed.run()) == []

    patient = make_trainer(steps, train=few, epochs=6)
    script(patient, monkeypatch, figures)
    assert len([event for event in patient.run() if isinstance(event, EpochDone)]) == 6


def poison(trainer: Trainer) -> None:
    params = trainer.state.params
    bias = {**params["output"], "bias": params["output"]["bias"] * jnp.nan}
    trainer.restore(trainer.state._replace(params={**params, "output": bias}), trainer.progress)


def test_divergence_is_an_error_that_names_the_step(steps: Steps) -> None:
    trainer = make_trainer(steps)
    events = trainer.run()
    while not isinstance(next(events), EpochDone):
        pass
    poison(trainer)
    with pytest.raises(DivergedError, match=rf"step {BATCHES + 1} \(epoch 2\).* nan"):
        next(events)


def test_divergence_in_the_last_step_of_an_epoch_is_found_by_validation(steps: Steps) -> None:
    trainer = make_trainer(steps)
    events = trainer.run()
    while next(events).batch < BATCHES:
        pass
    poison(trainer)
    with pytest.raises(DivergedError, match=rf"step {BATCHES} \(epoch 1\).*validation.* nan"):
        next(events)
    assert trainer.progress.history == []


@pytest.mark.parametrize(("loss", "grad_norm"), [(math.nan, 1.0), (math.inf, 1.0), (1.0, math.inf)])
def test_a_batch_that_is_not_finite_is_not_counted(loss: float, grad_norm: float) -> None:
    progress = Progress(epoch=3)
    with pytest.raises(DivergedError, match=r"step 17 \(epoch 3\)"):
        progress.add(BatchMetrics(loss, 4.0, 2, 4, grad_norm), 17)
    assert progress == Progress(epoch=3)


def test_progress_survives_json() -> None:
    progress = Progress()
    progress.add(BatchMetrics(3.0, 4.0, 2, 4, 0.5), 1)
    before = Progress.from_dict(json.loads(json.dumps(progress.to_dict(), allow_nan=False)))
    assert before == progress
    assert progress.finish_epoch({"val_accuracy": 0.1 + 0.2, "val_loss": 1 / 3})
    after = Progress.from_dict(json.loads(json.dumps(progress.to_dict(), allow_nan=False)))
    assert after == progress
    assert after == Progress(
        epoch=2, best_epoch=1, best_accuracy=0.1 + 0.2, best_loss=1 / 3, history=progress.history
    )
