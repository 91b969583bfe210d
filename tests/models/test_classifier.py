"""The Flax classifier: against its NumPy twin, against textbook equations, and under padding and company."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict, unflatten_dict

from rnncli.models import numpy_forward
from rnncli.models.classifier import Classifier, pool, to_probabilities
from rnncli.models.encoder import Encoder, Inputs
from rnncli.models.parameters import expected_shapes
from rnncli.settings.model import ARCHES, POOLINGS, ModelShape
from rnncli.training.objectives.classification import sums_of
from tests.factories import random_weights

VOCAB_SIZE, TIME = 37, 13
LENGTHS = (13, 1, 0, 7, 4)
ARCHS = ARCHES
POOLING_OF = dict(zip(ARCHS, ["last", "last", "mean", "last", "max", "max", "mean"], strict=True))
Params = dict[str, Any]


def make(
    arch: str, num_layers: int = 2, pooling: str = "last", num_classes: int = 3
) -> tuple[ModelShape, Params]:
    config = ModelShape(
        arch,
        vocab_size=VOCAB_SIZE,
        num_classes=num_classes,
        embedding_size=5,
        hidden_size=7,
        num_layers=num_layers,
        pooling=pooling,
    )
    return config, unflatten_dict(random_weights(config), sep=".")


def random_texts(lengths: Sequence[int] = LENGTHS, seed: int = 1) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [random.integers(1, VOCAB_SIZE, length, dtype=np.int32) for length in lengths]


def labels_for(config: ModelShape) -> np.ndarray:
    return np.arange(len(LENGTHS), dtype=np.int32) % config.num_classes


def padded(texts: Sequence[np.ndarray], width: int = TIME, *, side: str = "left") -> np.ndarray:
    token_ids = np.zeros((len(texts), width), np.int32)
    for row, ids in zip(token_ids, texts, strict=True):
        start = width - len(ids) if side == "left" else 0
        row[start : start + len(ids)] = ids
    return token_ids


@cache
def logits_by_pooling(arch: str, num_layers: int, num_classes: int) -> Callable[..., list[jax.Array]]:
    """Compiled logits, [batch, num_outputs] for each pooling; the compiler joins what is common."""
    configs = [make(arch, num_layers, pooling, num_classes)[0] for pooling in POOLINGS]
    return jax.jit(
        lambda params, ids: [Classifier(config).apply({"params": params}, ids) for config in configs]
    )


@pytest.mark.parametrize("num_classes", [2, 3])
@pytest.mark.parametrize("arch", ARCHS)
def test_parameters_are_those_of_a_saved_model(arch: str, num_classes: int) -> None:
    config, _ = make(arch, num_classes=num_classes)
    model, token_ids = Classifier(config), jnp.zeros((1, 1), jnp.int32)
    made = jax.eval_shape(model.init, jax.random.key(0), token_ids)["params"]
    found = {name: (leaf.shape, leaf.dtype) for name, leaf in flatten_dict(made, sep=".").items()}
    assert found == {name: (shape, np.float32) for name, shape in expected_shapes(config).items()}


@pytest.mark.parametrize(("num_layers", "num_classes"), [(1, 2), (2, 3)])
@pytest.mark.parametrize("arch", ARCHS)
def test_agrees_with_the_numpy_model(arch: str, num_layers: int, num_classes: int) -> None:
    _, params = make(arch, num_layers, num_classes=num_classes)
    found = logits_by_pooling(arch, num_layers, num_classes)(params, padded(random_texts()))
    for pooling, logits in zip(POOLINGS, found, strict=True):
        config, _ = make(arch, num_layers, pooling, num_classes)
        expected = numpy_forward.forward(config, random_weights(config), random_texts())
        np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-5)
        np.testing.assert_allclose(
            to_probabilities(logits), numpy_forward.to_probabilities(expected), rtol=0, atol=1e-6
        )


@pytest.mark.parametrize("arch", ARCHS)
def test_padding_order_and_company_change_no_probability(arch: str) -> None:
    _, params = make(arch)
    program = logits_by_pooling(arch, 2, 3)

    def probabilities(token_ids: np.ndarray) -> np.ndarray:
        """[poolings, batch, num_classes]."""
        return np.stack([to_probabilities(logits) for logits in program(params, token_ids)])

    texts = random_texts()
    expected = probabilities(padded(texts))
    others = random_texts((13, 0, 2, 11), seed=2)
    order = [3, 0, 4, 2, 1]
    wide = [probabilities(padded([text], 29, side=side)) for text in texts for side in ("left", "right")]
    for name, found in {
        "side": probabilities(padded(texts, side="right")),
        "order": probabilities(padded([texts[row] for row in order]))[:, np.argsort(order)],
        "company": np.concatenate([probabilities(padded([text, *others]))[:, :1] for text in texts], axis=1),
        "alone, more padding on the left": np.concatenate(wide[0::2], axis=1),
        "alone, more padding on the right": np.concatenate(wide[1::2], axis=1),
    }.items():
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("arch", ARCHS)
def test_an_empty_text_is_pooled_to_zeros(arch: str) -> None:
    _, params = make(arch)
    pooled = np.zeros(params["output"]["kernel"].shape[0], np.float32)
    if arch == "bow":
        pooled = np.maximum(params["hidden"]["bias"], 0)
    expected = pooled @ params["output"]["kernel"] + params["output"]["bias"]
    for logits in logits_by_pooling(arch, 2, 3)(params, padded(random_texts())):
        np.testing.assert_allclose(logits[LENGTHS.index(0)], expected, rtol=0, atol=1e-6)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def textbook_states(cell: str, w: Params, inputs: np.ndarray) -> np.ndarray:
    """The state after each of `inputs`, [time, hidden], as textbooks write the cells."""
    size = w["recurrent_kernel"].shape[0]
    h, c, states = np.zeros(size), np.zeros(size), []
    for x in inputs:
        from_x, from_h = x @ w["input_kernel"] + w["bias"], h @ w["recurrent_kernel"]
        if cell == "rnn":
            h = np.tanh(from_x + from_h)
        elif cell == "lstm":
            i, f, g, o = np.split(from_x + from_h, 4)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
        else:
            (xr, xz, xn), (hr, hz, hn) = np.split(from_x, 3), np.split(from_h, 3)
            candidate = np.tanh(xn + sigmoid(xr + hr) * (hn + w["recurrent_bias"]))
            h = (1 - sigmoid(xz + hz)) * candidate + sigmoid(xz + hz) * h
        states.append(h)
    return np.stack(states)


def textbook_pooled(config: ModelShape, params: Params, ids: np.ndarray) -> np.ndarray:
    """What the output layer reads of one text without padding."""
    inputs = params["embedding"]["table"][ids]  # [time, embedding]
    if config.arch == "bow":
        mean = inputs.sum(axis=0) / max(1, len(ids))
        hidden = mean @ params["hidden"]["kernel"] + params["hidden"]["bias"]
        return np.where(hidden.real > 0, hidden, 0)
    if len(ids) == 0:
        return np.zeros(config.hidden_size * config.num_directions)
    for layer in params["encoder"].values():
        states = [textbook_states(config.cell, layer["forward"], inputs)]
        if "backward" in layer:
            states.append(textbook_states(config.cell, layer["backward"], inputs[::-1])[::-1])
        inputs = np.concatenate(states, axis=1)
    if config.pooling == "last":
        return np.concatenate([states[0][-1], *(backward[0] for backward in states[1:])])
    if config.pooling == "max":
        return inputs[inputs.real.argmax(axis=0), np.arange(inputs.shape[1])]
    return inputs.mean(axis=0)


def textbook_loss(config: ModelShape, params: Params) -> np.complexfloating:
    """Mean over the texts of minus the logarithm of the label's probability."""
    losses = []
    for ids, label in zip(random_texts(), labels_for(config), strict=True):
        pooled = textbook_pooled(config, params, ids)
        logits = pooled @ params["output"]["kernel"] + params["output"]["bias"]
        if config.num_classes == 2:
            logits = np.concatenate([[0], logits])
        losses.append(-np.log(np.exp(logits[label]) / np.exp(logits).sum()))
    return np.mean(losses)


def textbook_derivative(
    config: ModelShape, weights: dict[str, np.ndarray], name: str, direction: np.ndarray
) -> float:
    """How the loss changes with one tensor along a direction, exact but for rounding.

    For an analytic f, the imaginary part of f(x + i t d) / t tends to the derivative with the square
    of t, and no difference cancels digits (Squire & Trapp 1998).
    """
    step = 1e-30
    moved = weights | {name: weights[name] + 1j * step * direction}
    return float(textbook_loss(config, unflatten_dict(moved, sep=".")).imag / step)


@cache
def loss_and_gradients(config: ModelShape) -> Callable[..., Any]:
    """The compiled training loss of a batch without dropout, and its gradients."""

    def loss(params: Params, positions: jax.Array, words: jax.Array | None, labels: jax.Array) -> jax.Array:
        logits = Classifier(config).apply({"params": params}, positions, words)
        weights = jnp.ones(len(labels), logits.dtype)
        sums = sums_of(logits, labels, weights)
        return sums["loss"] / sums["weight"]

    # What is compared is mathematics; leaving the machine code as it comes saves half the time.
    return jax.jit(jax.value_and_grad(loss), compiler_options={"xla_backend_optimization_level": 0})


def in_double_precision(params: Params) -> Params:
    """To be called, like what uses its result, under ``jax.enable_x64``."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float64), params)


def assert_close(found: tuple[Any, Params], expected: tuple[Any, Params], tolerance: float) -> None:
    """Equal losses, and gradients that differ little relative to the greatest of each tensor."""
    assert float(found[0]) == pytest.approx(float(expected[0]), rel=tolerance)
    ours, theirs = flatten_dict(found[1], sep="."), flatten_dict(expected[1], sep=".")
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        scale = float(np.abs(value).max())
        np.testing.assert_allclose(ours[name], value, rtol=0, atol=tolerance * scale, err_msg=name)


def solve(arch: str) -> tuple[ModelShape, Params, float, Params]:
    """A model with its loss and gradients by name, in double precision."""
    config, params = make(arch, pooling=POOLING_OF[arch], num_classes=3 if arch.startswith("bi") else 2)
    with jax.enable_x64(True):
        loss, gradients = loss_and_gradients(config)(
            in_double_precision(params), padded(random_texts()), None, labels_for(config)
        )
    named = flatten_dict(gradients, sep=".")
    return config, params, float(loss), {name: np.asarray(value) for name, value in named.items()}


@pytest.mark.parametrize("arch", ARCHS)
def test_loss_and_gradients_are_the_textbook_s(arch: str) -> None:
    config, params, loss, gradients = solve(arch)
    weights = {name: value.astype(np.float64) for name, value in flatten_dict(params, sep=".").items()}
    assert loss == pytest.approx(textbook_loss(config, unflatten_dict(weights, sep=".")).real, rel=1e-12)
    random = np.random.default_rng(3)
    for name, gradient in gradients.items():
        for _ in range(3):
            direction = random.standard_normal(gradient.shape)
            expected = textbook_derivative(config, weights, name, direction)
            assert float((gradient * direction).sum()) == pytest.approx(expected, rel=1e-9), name


@pytest.mark.parametrize("arch", ARCHS)
def test_every_parameter_receives_a_gradient(arch: str) -> None:
    _, _, _, gradients = solve(arch)
    table = gradients.pop("embedding.table")
    used = np.unique(np.concatenate(random_texts()))
    assert np.flatnonzero(np.abs(table).min(axis=1) > 1e-9).tolist() == used.tolist()
    assert not np.delete(table, used, axis=0).any()
    for name, gradient in gradients.items():
        sizes = np.abs(gradient)
        # In the bag of words, a unit that is below zero for every text has none.
        assert (sizes.max() if arch == "bow" else sizes.min()) > 1e-9, name


@pytest.mark.parametrize("arch", ["bow", "lstm", "bigru"])
def test_naming_each_word_once_changes_nothing(arch: str) -> None:
    config, params = make(arch, pooling=POOLING_OF[arch], num_classes=3 if arch.startswith("bi") else 2)
    token_ids, labels = padded(random_texts()), labels_for(config)
    words, positions = np.unique(token_ids, return_inverse=True)
    assert words[0] == 0
    words = np.concatenate([words, np.zeros(4, words.dtype)])  # filled up as batches are
    with jax.enable_x64(True):
        params = in_double_precision(params)
        plain = loss_and_gradients(config)(params, token_ids, None, labels)
        by_word = loss_and_gradients(config)(params, positions.astype(np.int32), words, labels)
        assert_close(by_word, plain, 1e-12)


def test_a_batch_of_empty_texts_has_finite_gradients() -> None:
    config, params = make("bilstm", pooling="max")
    with jax.enable_x64(True):
        loss, gradients = loss_and_gradients(config)(
            in_double_precision(params), padded(random_texts((0,) * 5)), None, labels_for(config)
        )
    assert np.isfinite(loss)
    named = flatten_dict(gradients, sep=".")
    assert all(np.isfinite(gradient).all() for gradient in named.values())
    assert {name for name, gradient in named.items() if np.any(gradient)} == {"output.bias"}


def test_pooling_by_hand() -> None:
    with jax.numpy_rank_promotion("raise"):
        states = jnp.array([[-1.0, 5], [-3, 9], [7, 7]])[:, None].repeat(2, axis=1)
        valid = jnp.array([[1, 0], [1, 0], [0, 0]], bool)[:, :, None]
        assert pool(states, valid, "max").tolist() == [[-1, 9], [0, 0]]
        assert pool(states, valid, "mean").tolist() == [[-2, 7], [0, 0]]
        for pooling in ("max", "mean"):
            gradient = jax.grad(lambda states, how=pooling: pool(states, valid, how).sum())(states)
            assert not np.any(np.where(valid, 0, gradient))
            assert np.isfinite(gradient).all()


def test_probabilities_by_hand() -> None:
    two = to_probabilities(jnp.array([[0.0], [np.log(3)], [-1000.0], [1000.0]]))
    np.testing.assert_allclose(two, [[0.5, 0.5], [0.25, 0.75], [1, 0], [0, 1]], atol=1e-7)
    three = to_probabilities(jnp.array([[0, np.log(2), np.log(5)], [-1e4, 1e4, 0]]))
    np.testing.assert_allclose(three, [[1 / 8, 2 / 8, 5 / 8], [0, 1, 0]], atol=1e-7)


def test_dropout_before_the_output() -> None:
    """Through an output layer that hands the pooled vector on, each number is dropped or divided by 1 - p."""
    config = ModelShape(
        "bow", vocab_size=VOCAB_SIZE, num_classes=101, embedding_size=5, hidden_size=101, dropout=0.75
    )
    params = unflatten_dict(random_weights(config), sep=".")
    params["output"] = {"kernel": jnp.eye(101), "bias": jnp.zeros(101)}
    token_ids = padded(random_texts((5, 7)))
    run = jax.jit(Classifier(config).apply)
    plain = np.asarray(run({"params": params}, token_ids))
    first, again, other = (
        np.asarray(run({"params": params}, token_ids, None, jax.random.split(jax.random.key(k), 2)))
        for k in (1, 1, 2)
    )
    alive = (plain != 0).all(axis=0)
    assert not np.array_equal(first[0, alive] == 0, first[1, alive] == 0)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    kept = first != 0
    np.testing.assert_allclose(first[kept], 4 * plain[kept], rtol=1e-6)
    assert 0.1 < kept[plain != 0].mean() < 0.4


@pytest.mark.parametrize("num_layers", [1, 2])
def test_dropout_between_layers_only(num_layers: int) -> None:
    encoder = Encoder("rnn", 7, num_layers, bidirectional=False, dropout=0.5)
    config, _ = make("rnn", num_layers)
    params = unflatten_dict(random_weights(config), sep=".")["encoder"]
    inputs = Inputs(jnp.asarray(np.random.default_rng(0).standard_normal((2, 1, 5)), jnp.float32))
    valid = jnp.ones((2, 1, 1), bool)
    run = jax.jit(encoder.apply)
    with_dropout, without = (
        run({"params": params}, inputs, valid, keys)
        for keys in (jax.random.split(jax.random.key(3), 1), None)
    )
    assert np.array_equal(with_dropout[0], without[0]) == (num_layers == 1)
