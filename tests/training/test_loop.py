"""Whole trainings: that they learn, repeat themselves, resume, stop and span devices."""

import dataclasses
import math
from pathlib import Path
from typing import Any, NamedTuple

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
    BATCHES,
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
    random_split,
    snapshot,
    timeless,
)

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
    objective, programs, losses = make_objective(config, train=split), make_programs(config), list[float]()
    state = programs.initial_state(objective.initial_params(0))
    (plan,) = objective.plans("train", None)
    batch = programs.place_batch(objective.batch("train", plan))
    least = math.log(2) / 4 if arch == "bow" else 0.0
    while len(losses) < 200 and (not losses or losses[-1] >= least + 0.05):
        state, sums = programs.train(state, batch, jax.random.key(0))
        losses.append(float(sums["loss"] / sums["weight"]))
    assert losses[0] == pytest.approx(math.log(NUM_CLASSES), abs=0.3)
    assert least <= losses[-1] < least + 0.05


class Finished(NamedTuple):
    """A training that went on to its end.

    Attributes:
        trainer: as it is at the end.
        state: on the host.
        checkpoints: folders of checkpoints written on the way, with the steps done by then.
    """

    trainer: Trainer
    state: TrainState
    checkpoints: list[tuple[int, Path]]


@pytest.fixture(scope="module")
def uninterrupted(programs: Programs, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """Cut in the first epoch, before its validation, in the last epoch, and at the end of each."""
    trainer, checkpoints, compiled_before = make_trainer(programs), [], len(programs)
    for event in trainer.run():
        if isinstance(event, EpochDone) or event.step in (8, BATCHES, 2 * BATCHES + 32):
            checkpoints.append((int(trainer.state.step), tmp_path_factory.mktemp("run")))
            save_checkpoint(checkpoints[-1][1], 0, trainer.state, dataclasses.asdict(trainer.standing))
    assert len(programs) - compiled_before <= 4  # two lengths, with gradients and without
    return Finished(trainer, snapshot(trainer.state), checkpoints)


def test_the_same_seed_gives_the_same_run(programs: Programs, uninterrupted: Finished) -> None:
    again, other = make_trainer(programs), make_trainer(programs, seed=1)
    for run in (again, other):
        list(run.run())
    history = uninterrupted.trainer.standing.history
    assert_equal_states(again.state, uninterrupted.state)
    assert timeless(again.standing.history) == timeless(history)
    assert other.standing.history[-1]["train_loss"] != history[-1]["train_loss"]


def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit(
    programs: Programs, uninterrupted: Finished
) -> None:
    assert len(uninterrupted.checkpoints) == 6
    for cut, folder in uninterrupted.checkpoints:
        resumed = make_trainer(programs)
        loaded = load_newest_checkpoint(folder, resumed.state, pytest.fail)
        assert loaded is not None
        resumed.restore(loaded[0], Standing(**loaded[1]))
        steps = [event.step for event in resumed.run() if isinstance(event, StepDone)]
        assert_equal_states(resumed.state, uninterrupted.state)
        assert timeless(resumed.standing.history) == timeless(uninterrupted.trainer.standing.history)
        assert steps[:1] == ([cut + 1] if cut < 3 * BATCHES else [])


def test_events_and_metrics(programs: Programs, uninterrupted: Finished) -> None:
    trainer = make_trainer(programs, epochs=1, schedule="constant")
    *step_events, epoch_event = trainer.run()
    assert isinstance(epoch_event, EpochDone)
    assert (epoch_event.improved, epoch_event.stopping) == (True, False)
    assert [event.step for event in step_events] == [1, *range(4, BATCHES, 4), BATCHES]
    assert all((event.epoch, event.batches, event.batch) == (1, BATCHES, event.step) for event in step_events)
    metrics = epoch_event.metrics
    assert (metrics["epoch"], metrics["step"], metrics["learning_rate"]) == (1, BATCHES, pytest.approx(0.01))
    assert step_events[-1].figures == {"loss": metrics["train_loss"], "accuracy": metrics["train_accuracy"]}
    assert metrics["examples_per_second"] == pytest.approx(TRAIN_SIZE / metrics["seconds"])
    assert metrics["grad_norm"] > 0
    assert trainer.standing.best == {"loss": metrics["val_loss"], "accuracy": metrics["val_accuracy"]}
    assert len(bucket_widths(random_split("train", TRAIN_SIZE).lengths, MAX_LENGTH)) == 2
    rates = [line["learning_rate"] for line in uninterrupted.trainer.standing.history]
    progress = (np.arange(1, 4) * BATCHES - 1 - 7) / (3 * BATCHES - 7)  # after 7 steps of warm-up
    assert rates == pytest.approx((0.01 * (1 + np.cos(np.pi * progress)) / 2).tolist(), abs=1e-8)


def test_compilation_is_timed_apart(programs: Programs, uninterrupted: Finished) -> None:
    """Also in an epoch that goes on after a break."""
    first, *_, last = uninterrupted.trainer.standing.history
    assert first["compile_seconds"] > 0 == last["compile_seconds"]
    trainer = make_trainer(programs, epochs=1)
    trainer.restore(trainer.state, Standing(seconds=1000.0, compile_seconds=200.0))
    (line,) = (list(trainer.run()), trainer.standing.history)[1]
    assert line["compile_seconds"] == pytest.approx(200)
    assert 1000 < line["seconds"] < 1100


def test_a_consumer_may_ask_to_be_told_every_few_steps(programs: Programs) -> None:
    """In all epochs, counted from the start of the run."""
    told = {event.step for event in make_trainer(programs, epochs=2).run(7) if isinstance(event, StepDone)}
    assert told >= {*range(7, 2 * BATCHES + 1, 7)}
    assert len(told) < BATCHES


def test_validation_figures_are_those_of_the_numpy_model(uninterrupted: Finished) -> None:
    split = random_split("validation", VALIDATION_SIZE)
    config = CONFIG.model.shape(vocab_size=VOCAB_SIZE, num_classes=NUM_CLASSES)
    logits = numpy_forward.forward(
        config, flatten_dict(uninterrupted.state.params, sep="."), [split[row] for row in range(len(split))]
    )
    probabilities = numpy_forward.to_probabilities(logits)
    loss = -np.log(probabilities[np.arange(len(split)), split.labels]).mean()
    accuracy = (logits.argmax(axis=1) == split.labels).mean()
    last = uninterrupted.trainer.standing.history[-1]
    assert last["val_loss"] == pytest.approx(loss, abs=1e-5)
    assert last["val_accuracy"] == pytest.approx(accuracy)
    assert 0 in split.lengths


def test_every_epoch_and_every_seed_has_its_own_order(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = random_split("train", 29)
    trainers = [make_trainer(programs, train=few, epochs=2, seed=seed) for seed in (0, 1)]
    orders: list[list[int]] = []
    plans_of = Classification.plans

    def spy(self: Classification, part: Any, random: np.random.Generator | None) -> list[Plan]:
        plans = plans_of(self, part, random)
        if part == "train":
            orders.append(np.concatenate([plan.rows for plan in plans]).tolist())
        return plans

    monkeypatch.setattr(Classification, "plans", spy)
    for trainer in trainers:
        list(trainer.run())
    assert len({tuple(order) for order in orders}) == len(orders) == 4
    assert all(sorted(order) == list(range(29)) for order in orders)


def test_class_weights_count_in_training_only(programs: Programs) -> None:
    few = random_split("train", 29)
    weighted, plain = (
        make_trainer(programs, train=few, epochs=1, class_weights=how) for how in ("balanced", "none")
    )
    assert weighted.validate() == plain.validate()
    for trainer in (weighted, plain):
        list(trainer.run())
    assert weighted.standing.history[0]["train_loss"] != plain.standing.history[0]["train_loss"]


def test_two_devices_give_the_curve_of_one(programs: Programs) -> None:
    assert jax.device_count() >= 2
    curves = []
    for number, compiled in enumerate((programs, make_programs(CONFIG, num_devices=2)), start=1):
        trainer = make_trainer(compiled, num_devices=number, epochs=1, batching="full")
        losses = [event.figures["loss"] for event in trainer.run() if isinstance(event, StepDone)]
        (line,) = timeless(trainer.standing.history)
        curves.append((losses, line))
    assert len(trainer.state.params["output"]["bias"].sharding.device_set) == 2
    (one_losses, one_line), (two_losses, two_line) = curves
    np.testing.assert_allclose(two_losses, one_losses, rtol=1e-5)
    assert two_line == pytest.approx(one_line, rel=1e-5)


def test_early_stopping(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Accuracy decides, and the loss where it is equal; a worse epoch costs patience."""
    found = iter([(0.6, 0.5), (0.5, 0.5), (0.7, 0.75), (0.1, 0.5), (0.7, 0.75)])
    trainer = make_trainer(
        programs, train=random_split("train", 7), epochs=9, early_stopping=2, average_epochs=1
    )
    monkeypatch.setattr(
        trainer, "validate", lambda: dict(zip(("loss", "accuracy"), next(found), strict=True))
    )
    done = [event for event in trainer.run() if isinstance(event, EpochDone)]
    assert [event.improved for event in done] == [True, True, True, False, False]
    assert [event.stopping for event in done] == [False, False, False, False, True]
    assert (trainer.standing.best_epoch, trainer.standing.best) == (3, {"loss": 0.7, "accuracy": 0.75})
    assert list(trainer.run()) == []


@pytest.mark.parametrize(
    ("kind", "validated", "message"),
    [
        (EpochDone, math.nan, rf"step {BATCHES + 1} \(epoch 2\): .*the loss is nan"),
        (StepDone, math.nan, rf"step {BATCHES} \(epoch 1\): the validation loss is nan"),
        (StepDone, 0.5, rf"step {BATCHES} \(epoch 1\): the parameters 'output.bias' are not finite"),
    ],
)
def test_divergence_is_an_error_that_names_the_step(
    programs: Programs,
    monkeypatch: pytest.MonkeyPatch,
    kind: type[StepDone | EpochDone],
    validated: float,
    message: str,
) -> None:
    """In a step; and after the last step of an epoch, whether validation shows it or not."""
    trainer = make_trainer(programs)
    events = trainer.run()
    next(event for event in events if isinstance(event, kind) and trainer.state.step == BATCHES)
    params = trainer.state.params
    output = params["output"] | {"bias": params["output"]["bias"] * jnp.nan}
    trainer.restore(trainer.state._replace(params=params | {"output": output}), trainer.standing)
    monkeypatch.setattr(trainer, "validate", lambda: {"loss": validated, "accuracy": 1.0})
    with pytest.raises(DivergedError, match=message):
        next(events)


@pytest.mark.parametrize(("loss", "grad_norm"), [(math.nan, 1.0), (math.inf, 1.0), (1.0, math.inf)])
def test_a_batch_that_is_not_finite_is_not_counted(loss: float, grad_norm: float) -> None:
    standing = Standing(history=[{}, {}])
    with pytest.raises(DivergedError, match=r"step 17 \(epoch 3\)"):
        standing.add({"loss": loss, "weight": 4.0, "grad_norm": grad_norm}, 17)
    assert standing == Standing(history=[{}, {}])


def test_the_last_epochs_are_averaged() -> None:
    """Their mean is the model, whatever validation says of it, and the last epoch's line tells of it."""
    trainer = make_trainer(make_programs(CONFIG), epochs=4, average_epochs=3)
    plain = make_trainer(make_programs(CONFIG), epochs=4, average_epochs=1)
    ends = []
    for event in plain.run():
        if isinstance(event, EpochDone):
            ends.append(jax.device_get(plain.state.params))
    events = [event for event in trainer.run() if isinstance(event, EpochDone)]
    history = [event.metrics for event in events]
    assert events[-1].improved
    assert trainer.standing.best["loss"] == history[-1]["val_loss"]
    expected = jax.tree.map(lambda *parts: np.mean(parts, axis=0), *ends[1:])
    jax.tree.map(
        lambda found, wanted: np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6),
        jax.device_get(trainer.state.params),
        expected,
    )
    assert history[-1]["val_loss"] == pytest.approx(trainer.validate()["loss"], rel=1e-6)
    assert history[-1]["val_loss"] != plain.standing.history[-1]["val_loss"]
    assert history[-1]["train_loss"] == plain.standing.history[-1]["train_loss"]
