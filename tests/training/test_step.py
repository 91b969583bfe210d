"""One training step: what it changes, what it depends on, and what it does not depend on."""

from typing import get_args

import jax
import numpy as np
from flax.traverse_util import flatten_dict

from rnncli.data.batching import round_up
from rnncli.models.parameters import initial_parameters
from rnncli.settings.train import Precision
from rnncli.training.objectives.base import Batch
from rnncli.training.step import Programs, TrainState
from tests.training.toys import (
    CONFIG,
    MAX_LENGTH,
    NUM_CLASSES,
    VOCAB_SIZE,
    assert_equal_states,
    change,
    make_objective,
    make_programs,
    snapshot,
)


def random_batch(programs: Programs, fill_seed: int) -> Batch:
    """Three examples and a row that fills the batch with anything."""
    random, garbage = np.random.default_rng(2), np.random.default_rng(fill_seed)
    words = np.zeros((1, 256), np.int32)
    words[0, 1:] = random.choice(np.arange(1, VOCAB_SIZE), 255, replace=False)
    positions = random.integers(0, 256, (CONFIG.data.batch_size, round_up(MAX_LENGTH)), dtype=np.int32)
    positions[3] = garbage.integers(0, 256, positions.shape[1])
    targets = np.eye(NUM_CLASSES, dtype=np.float32)[[2, 0, 1, garbage.integers(NUM_CLASSES)]]
    weights = np.array([1, 0.5, 2, 0], np.float32)
    return programs.place_batch(
        {"positions": positions, "words": words, "evidence": None, "targets": targets, "weights": weights}
    )


def start_of(programs: Programs, seed: int) -> TrainState:
    return programs.initial_state(make_objective(CONFIG).initial_params(seed))


def test_rows_that_fill_a_batch_change_nothing(programs: Programs) -> None:
    """Neither the sums nor any parameter, whatever stands in them."""
    key = jax.random.key(0)
    start = snapshot(start_of(programs, 0))

    def after_two_steps(fill_seed: int) -> tuple[TrainState, list[float]]:
        batch, state = random_batch(programs, fill_seed), programs.place_state(start)
        evaluated = programs.evaluate(state.params, batch)
        for _ in range(2):  # the learning rate warms up: the first step is one of length 0
            state, trained = programs.train(state, batch, key)
        return snapshot(state), [float(value) for value in (*evaluated.values(), *trained.values())]

    state, sums = after_two_steps(0)
    assert int(state.step) == 2
    assert np.abs(state.params["output"]["bias"] - start.params["output"]["bias"]).min() > 0
    for seed in (1, 2):
        other_state, other_sums = after_two_steps(seed)
        assert_equal_states(other_state, state)
        assert other_sums == sums


def test_what_is_dropped_depends_on_the_run_s_key_and_the_step(programs: Programs) -> None:
    batch = random_batch(programs, 0)
    start = snapshot(start_of(programs, 0))

    def loss(seed: int, step: int) -> float:
        state = programs.place_state(start._replace(step=np.int32(step)))
        return float(programs.train(state, batch, jax.random.key(seed))[1]["loss"])

    assert loss(0, 0) == loss(0, 0)
    # With three units a few masks may be equal.
    assert len({loss(0, step) for step in range(7)}) > 3
    assert len({loss(seed, 0) for seed in range(7)}) > 3


def test_the_initial_state(programs: Programs) -> None:
    """`initial_parameters`, as parameters, with nothing in the optimizer's state."""
    state = snapshot(start_of(programs, 5))
    found = flatten_dict(state.params, sep=".")
    model_config = CONFIG.model.shape(vocab_size=VOCAB_SIZE, num_classes=NUM_CLASSES)
    expected = initial_parameters(model_config, 5)
    assert found.keys() == expected.keys()
    for name, weight in expected.items():
        np.testing.assert_array_equal(found[name], weight)
    assert all((leaf == 0).all() for leaf in jax.tree.leaves((state.opt_state, state.step)))


def test_bfloat16_rounds_products_and_nothing_else() -> None:
    """Close to float32, not equal to it; parameters and the optimizer's state stay float32."""
    found = {}
    for precision in get_args(Precision):
        config = change(arch="gru", precision=precision, hidden_size=11, warmup_steps=0)
        programs = make_programs(config)
        state = programs.initial_state(make_objective(config).initial_params(3))
        state, sums = programs.train(state, random_batch(programs, 0), jax.random.key(3))
        assert {leaf.dtype for leaf in jax.tree.leaves(state.params)} == {np.dtype("float32")}
        found[precision] = np.array([float(sums["loss"]), float(sums["grad_norm"])])
    exact, rounded = found["float32"], found["bfloat16"]
    assert (rounded != exact).all()
    np.testing.assert_allclose(rounded, exact, rtol=1e-2)
