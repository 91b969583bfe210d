"""Whole trainings: that they learn, repeat themselves, resume, stop and span devices."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict

from rnncli.data.batching import Plan, bucket_widths
from rnncli.errors import DivergedError
from rnncli.models import numpy_forward
from rnncli.text.tokenizer import Tokenizer
from rnncli.training.checkpoints import load_newest_checkpoint, save_checkpoint
from rnncli.training.loop import EpochDone, Standing, StepDone, Trainer
from rnncli.training.objectives.classification import Classification
from rnncli.training.step import Programs, TrainState
from tests.training.toys import (
    CONFIG,
    MAX_LENGTH,
    NUM_CLASSES,
    TRAIN_SIZE,
    VALIDATION_SIZE,
    VOCAB_SIZE,
    assert_equal_states,
    change,
    make_objective,
    make_programs,
    make_split,
    make_trainer,
    place_of,
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
        arch=arch,
        dropout=0.0,
        schedule="constant",
        warmup_steps=0,
        learning_rate=0.03,
        hidden_size=5,
        batch_size=8,
    )
    labels = np.array(list(REVIEWS.values()), np.int32)
    split = make_split("train", Tokenizer.train(REVIEWS, VOCAB_SIZE).encode(list(REVIEWS)), labels)
    objective = make_objective(config, num_classes=2, train=split, validation=split)
    programs, key, losses = make_programs(config, num_classes=2), jax.random.key(0), []
    state = programs.initial_state(objective.initial_params(0))
    (plan,) = objective.plans("train", None)
    batch = programs.place_batch(objective.batch("train", plan))
    for _ in range(200):
        state, sums = programs.train(state, batch, key)
        losses.append(objective.figures({name: float(value) for name, value in sums.items()})["loss"])
        if losses[-1] < 0.05:
            break
    assert losses[0] == pytest.approx(math.log(2), abs=0.2)
    if arch == "bow":
        assert math.log(2) / 4 <= losses[-1] < math.log(2) / 4 + 0.05
    else:
        assert losses[-1] < 0.05


@pytest.fixture(scope="module")
def uninterrupted(
    programs: Programs, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Trainer, TrainState, dict[str, Path]]:
    """A finished trainer, its state, and checkpoints written on the way."""
    trainer, checkpoints = make_trainer(programs), {}
    for event in trainer.run():
        place = place_of(event)
        if isinstance(event, EpochDone) or event.step in CUTS:
            checkpoints[place] = tmp_path_factory.mktemp("run")
            standing = dataclasses.asdict(trainer.standing)
            save_checkpoint(checkpoints[place], int(trainer.state.step), trainer.state, standing)
    return trainer, snapshot(trainer.state), checkpoints


def test_the_same_seed_gives_the_same_run(
    programs: Programs, uninterrupted: tuple[Trainer, TrainState, dict[str, Path]]
) -> None:
    trainer, state, _ = uninterrupted
    again, other = make_trainer(programs), make_trainer(programs, seed=1)
    for run in (again, other):
        list(run.run())
    assert_equal_states(again.state, state)
    assert timeless(again.standing.history) == timeless(trainer.standing.history)
    assert other.standing.history[-1]["train_loss"] != trainer.standing.history[-1]["train_loss"]


@pytest.mark.parametrize(
    "place",
    [f"StepDone {step}" for step in CUTS] + [f"EpochDone {epoch * BATCHES}" for epoch in (1, 2, 3)],
)
def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit(
    programs: Programs, uninterrupted: tuple[Trainer, TrainState, dict[str, Path]], place: str
) -> None:
    trainer, state, checkpoints = uninterrupted
    resumed = make_trainer(programs)
    loaded = load_newest_checkpoint(checkpoints[place], resumed.state, pytest.fail)
    assert loaded is not None
    resumed.restore(loaded[0], Standing(**loaded[1]))
    events = list(resumed.run())
    assert_equal_states(resumed.state, state)
    assert timeless(resumed.standing.history) == timeless(trainer.standing.history)
    cut = int(place.split()[1])
    steps_done = [event.step for event in events if isinstance(event, StepDone)]
    assert (steps_done[0] - cut <= 4 and steps_done[-1] == 3 * BATCHES) if cut < 3 * BATCHES else events == []


def test_events_and_metrics(
    programs: Programs, uninterrupted: tuple[Trainer, TrainState, dict[str, Path]]
) -> None:
    trainer = make_trainer(programs, epochs=1, schedule="constant")
    *step_events, epoch_event = trainer.run()
    assert isinstance(epoch_event, EpochDone)
    assert epoch_event.improved
    assert not epoch_event.stopping
    assert [event.step for event in step_events] == [1, *range(4, BATCHES, 4), BATCHES]
    assert all((event.epoch, event.batches, event.batch) == (1, BATCHES, event.step) for event in step_events)
    metrics = epoch_event.metrics
    assert (metrics["epoch"], metrics["step"], metrics["learning_rate"]) == (1, BATCHES, pytest.approx(0.01))
    assert step_events[-1].figures == {"loss": metrics["train_loss"], "accuracy": metrics["train_accuracy"]}
    assert metrics["examples_per_second"] == pytest.approx(TRAIN_SIZE / metrics["seconds"])
    assert metrics["grad_norm"] > 0
    assert trainer.standing.best == {"loss": metrics["val_loss"], "accuracy": metrics["val_accuracy"]}
    assert len(bucket_widths(random_split("train", TRAIN_SIZE).lengths, MAX_LENGTH)) == 2
    assert len(programs) <= 4  # two lengths, with gradients and without
    rates = [line["learning_rate"] for line in uninterrupted[0].standing.history]
    progress = (np.arange(1, 4) * BATCHES - 1 - 7) / (3 * BATCHES - 7)  # after 7 steps of warm-up
    assert rates == pytest.approx((0.01 * (1 + np.cos(np.pi * progress)) / 2).tolist(), abs=1e-8)


def test_a_consumer_may_ask_to_be_told_every_few_steps(programs: Programs) -> None:
    """In all epochs, counted from the start of the run."""
    told = {event.step for event in make_trainer(programs, epochs=2).run(7) if isinstance(event, StepDone)}
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
    last = trainer.standing.history[-1]
    assert last["val_loss"] == pytest.approx(loss, abs=1e-5)
    assert last["val_accuracy"] == pytest.approx(accuracy)
    assert 0 in split.lengths


def test_every_epoch_and_every_seed_has_its_own_order(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = []
    plans_of = Classification.plans

    def spy(self: Classification, part: Any, random: Any) -> list[Plan]:
        plans = plans_of(self, part, random)
        if random is not None:  # training, not validation
            orders.append([row for plan in plans for row in plan.rows])
        return plans

    trainers = [
        make_trainer(programs, train=random_split("train", 29), epochs=2, seed=seed) for seed in (0, 1)
    ]
    monkeypatch.setattr(Classification, "plans", spy)
    for trainer in trainers:
        list(trainer.run())
    assert len(orders) == 4
    assert len({tuple(order) for order in orders}) == 4
    assert all(sorted(order) == list(range(29)) for order in orders)


def test_class_weights_count_in_training_only(programs: Programs) -> None:
    trainer = make_trainer(programs, epochs=1, class_weights="balanced")
    plain = make_trainer(programs, epochs=1)
    assert trainer.validate() == plain.validate()
    (weighted_line,), (plain_line,) = (list(run.run())[-1:] for run in (trainer, plain))
    assert weighted_line.metrics["train_loss"] != plain_line.metrics["train_loss"]


def test_two_devices_give_the_curve_of_one(programs: Programs) -> None:
    assert jax.device_count() >= 2
    curves = []
    for number, compiled in enumerate((programs, make_programs(CONFIG, num_devices=2)), start=1):
        trainer = make_trainer(compiled, num_devices=number, epochs=2, batching="full")
        losses = [event.figures["loss"] for event in trainer.run() if isinstance(event, StepDone)]
        curves.append((losses, timeless(trainer.standing.history), trainer.state))
    (one_losses, one_history, _), (two_losses, two_history, state) = curves
    assert len(state.params["output"]["bias"].sharding.device_set) == 2
    np.testing.assert_allclose(two_losses, one_losses, rtol=1e-5)
    for one, two in zip(one_history, two_history, strict=True):
        assert two == pytest.approx(one, rel=1e-5)


def script(trainer: Trainer, monkeypatch: pytest.MonkeyPatch, figures: list[tuple[float, float]]) -> None:
    """Let the validations of a trainer find these losses and accuracies."""
    remaining = iter({"loss": loss, "accuracy": accuracy} for loss, accuracy in figures)
    monkeypatch.setattr(trainer, "validate", lambda: next(remaining))


def test_early_stopping(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Accuracy decides, and the loss where it is equal; a worse epoch costs patience."""
    figures = [(0.6, 0.5), (0.5, 0.5), (0.7, 0.75), (0.1, 0.5), (0.7, 0.75), (0.0, 0.0)]
    few = random_split("train", 7)
    trainer = make_trainer(programs, train=few, epochs=9, early_stopping=2)
    script(trainer, monkeypatch, figures)
    done = [event for event in trainer.run() if isinstance(event, EpochDone)]
    assert [event.improved for event in done] == [True, True, True, False, False]
    assert [event.stopping for event in done] == [False, False, False, False, True]
    assert trainer.finished
    standing = trainer.standing
    assert (standing.best_epoch, standing.best) == (3, {"loss": 0.7, "accuracy": 0.75})

    resumed = make_trainer(programs, train=few, epochs=9, early_stopping=2)
    resumed.restore(snapshot(trainer.state), Standing(**dataclasses.asdict(standing)))
    assert list(resumed.run()) == []

    patient = make_trainer(programs, train=few, epochs=6)
    script(patient, monkeypatch, figures)
    assert len([event for event in patient.run() if isinstance(event, EpochDone)]) == 6


def poison(trainer: Trainer) -> None:
    params = trainer.state.params
    bias = {**params["output"], "bias": params["output"]["bias"] * jnp.nan}
    trainer.restore(trainer.state._replace(params={**params, "output": bias}), trainer.standing)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (EpochDone, rf"step {BATCHES + 1} \(epoch 2\): .*the loss is nan"),
        (StepDone, rf"step {BATCHES} \(epoch 1\): the validation loss is nan"),
    ],
)
def test_divergence_is_an_error_that_names_the_step(
    programs: Programs, kind: type[StepDone | EpochDone], message: str
) -> None:
    """In a step, and after the last step of an epoch, where validation finds it."""
    trainer = make_trainer(programs)
    events = trainer.run()
    next(event for event in events if place_of(event) == f"{kind.__name__} {BATCHES}")
    poison(trainer)
    with pytest.raises(DivergedError, match=message):
        next(events)


@pytest.mark.parametrize(("loss", "grad_norm"), [(math.nan, 1.0), (math.inf, 1.0), (1.0, math.inf)])
def test_a_batch_that_is_not_finite_is_not_counted(loss: float, grad_norm: float) -> None:
    standing = Standing(epoch=3)
    with pytest.raises(DivergedError, match=r"step 17 \(epoch 3\)"):
        standing.add({"loss": loss, "weight": 4.0, "grad_norm": grad_norm}, 17)
    assert standing == Standing(epoch=3)
