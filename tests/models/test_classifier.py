"""The Flax classifier: against its NumPy twin, against textbook equations, and under padding and company."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from itertools import cycle
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict, unflatten_dict

from rnncli.models import cells, numpy_cells, numpy_forward, pooling
from rnncli.models.classifier import Classifier
from rnncli.models.encoder import Encoder
from rnncli.models.layers import Keys
from rnncli.models.numpy_forward import to_probabilities
from rnncli.models.parameters import initial_parameters
from rnncli.settings.model import CELLS, NEURAL_ARCHES, POOLINGS, RECURRENT_ARCHES, ModelShape
from rnncli.text.ngrams import NgramTable, Texts
from rnncli.training.objectives.classification import sums_of
from tests.factories import random_parameters
from tests.models.textbook import VOCAB_SIZE, logits_of, make, ngrams_of, random_texts

TIME = 13
LENGTHS = (13, 1, 0, 7, 4)
POOLING_OF = dict(
    zip(NEURAL_ARCHES, cycle(["last", "last", "mean", "maxmean", "max", "max", "mean"]), strict=False)
)
Params = dict[str, Any]


def random_params(
    arch: str, num_layers: int = 2, pooling: str = "last", num_classes: int = 3, *, evidence: bool = False
) -> tuple[ModelShape, Params]:
    model, learned = make(arch, pooling, num_layers, num_classes, evidence=evidence)
    return model, unflatten_dict(learned, sep=".")


def labels_for(config: ModelShape) -> np.ndarray:
    return np.arange(len(LENGTHS), dtype=np.int32) % config.num_classes


def padded(texts: Sequence[np.ndarray], width: int = TIME, *, side: str = "left") -> np.ndarray:
    token_ids = np.zeros((len(texts), width), np.int32)
    for row, ids in zip(token_ids, texts, strict=True):
        start = width - len(ids) if side == "left" else 0
        row[start : start + len(ids)] = ids
    return token_ids


def padded_evidence(ngrams: NgramTable, token_ids: np.ndarray) -> np.ndarray:
    """The evidence of texts padded to [batch, time]; each is looked up alone."""
    evidence = np.zeros((*token_ids.shape, 3 * ngrams.values.shape[1]), np.float32)
    for row, ids in zip(evidence, token_ids, strict=True):
        row[ids != 0] = ngrams.evidence(Texts.of([ids[ids != 0]]))
    return evidence


@cache
def logits_by_pooling(arch: str, num_layers: int, num_classes: int) -> Callable[..., list[jax.Array]]:
    """Compiled logits, [batch, num_outputs] for each pooling; the compiler joins what is common.

    The program takes the parameters for ``maxmean``; the head of a pooling with fewer vectors reads
    the first rows of its kernel.
    """
    made = [random_params(arch, num_layers, pooling, num_classes) for pooling in POOLINGS]

    def program(params: Params, ids: jax.Array) -> list[jax.Array]:
        logits = []
        for config, own in made:
            rows = len(own["output"]["kernel"])
            head = params["output"] | {"kernel": params["output"]["kernel"][:rows]}
            logits.append(Classifier(config).apply({"params": params | {"output": head}}, ids))
        return logits

    return jax.jit(program)


@pytest.mark.parametrize(("pooling", "num_classes"), [("last", 2), ("maxmean", 3)])
@pytest.mark.parametrize("arch", NEURAL_ARCHES)
def test_init_gives_what_training_starts_from(arch: str, pooling: str, num_classes: int) -> None:
    config, _ = random_params(arch, pooling=pooling, num_classes=num_classes)
    made = Classifier(config, seed=3).init(jax.random.key(0), np.zeros((1, 1), np.int32))["params"]
    found, expected = flatten_dict(made, sep="."), initial_parameters(config, 3)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, strict=True, err_msg=name)


@pytest.mark.parametrize(("num_layers", "num_classes"), [(1, 2), (2, 3)])
@pytest.mark.parametrize("arch", NEURAL_ARCHES)
def test_agrees_with_the_numpy_model(arch: str, num_layers: int, num_classes: int) -> None:
    _, params = random_params(arch, num_layers, "maxmean", num_classes)
    found = logits_by_pooling(arch, num_layers, num_classes)(params, padded(random_texts(LENGTHS)))
    for name, logits in zip(POOLINGS, found, strict=True):
        config, own = random_params(arch, num_layers, name, num_classes)
        own["output"]["kernel"] = params["output"]["kernel"][: len(own["output"]["kernel"])]
        own["output"]["bias"] = params["output"]["bias"]
        expected = numpy_forward.forward(config, flatten_dict(own, sep="."), random_texts(LENGTHS))
        np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("arch", NEURAL_ARCHES)
def test_padding_order_and_company_change_no_probability(arch: str) -> None:
    _, params = random_params(arch, pooling="maxmean")
    program = logits_by_pooling(arch, 2, 3)

    def probabilities(token_ids: np.ndarray) -> np.ndarray:
        """[poolings, batch, num_classes]."""
        return np.stack([to_probabilities(np.asarray(logits)) for logits in program(params, token_ids)])

    texts = random_texts(LENGTHS)
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


@pytest.mark.parametrize("arch", RECURRENT_ARCHES)
def test_evidence_as_the_numpy_model_reads_it_whatever_the_padding(arch: str) -> None:
    config, params = random_params(arch, pooling="maxmean", evidence=True)
    texts = random_texts(LENGTHS)
    ngrams = ngrams_of(config, texts)
    expected = numpy_forward.forward(config, flatten_dict(params, sep="."), texts, ngrams)
    run = jax.jit(Classifier(config).apply)
    for token_ids in (padded(texts), padded(texts, side="right"), padded(texts, 19)):
        found = run({"params": params}, token_ids, evidence=padded_evidence(ngrams, token_ids))
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def textbook_loss(config: ModelShape, learned: dict[str, np.ndarray]) -> np.complexfloating:
    """Mean over the texts of minus the logarithm of the label's probability."""
    losses = []
    ngrams = ngrams_of(config, random_texts(LENGTHS)) if config.evidence else None
    for ids, label in zip(random_texts(LENGTHS), labels_for(config), strict=True):
        logits = logits_of(config, learned, ids, ngrams)
        if config.num_classes == 2:
            logits = np.concatenate([[0], logits])
        losses.append(-np.log(np.exp(logits[label]) / np.exp(logits).sum()))
    return np.mean(losses)


def textbook_derivative(model: ModelShape, learned: Any, name: str, direction: np.ndarray) -> float:
    """How the loss changes with one parameter along a direction, exact but for rounding.

    For an analytic f, the imaginary part of f(x + i t d) / t tends to the derivative with the square
    of t, and no difference cancels digits (Squire & Trapp 1998).
    """
    moved = learned | {name: learned[name] + 1e-30j * direction}
    return float(textbook_loss(model, moved).imag / 1e-30)


@cache
def loss_and_gradients(config: ModelShape) -> Callable[..., Any]:
    """The compiled training loss of a batch without dropout, and its gradients."""

    def loss(
        params: Params,
        positions: jax.Array,
        words: jax.Array | None,
        labels: jax.Array,
        evidence: jax.Array | None = None,
    ) -> jax.Array:
        logits = Classifier(config).apply({"params": params}, positions, words, evidence=evidence)
        weights = jnp.ones(len(labels), logits.dtype)
        targets = jax.nn.one_hot(labels, config.num_classes, dtype=logits.dtype)
        sums = sums_of(logits, targets, weights)
        return sums["loss"] / sums["weight"]

    # What is compared is mathematics; leaving the machine code as it comes saves half the time.
    return jax.jit(jax.value_and_grad(loss), compiler_options={"xla_backend_optimization_level": 0})


def in_double_precision(params: Params) -> Params:
    """To be called, like what uses its result, under ``jax.enable_x64``."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float64), params)


def solve(arch: str, *, evidence: bool = False) -> tuple[ModelShape, Params, float, Params]:
    """A model with its loss and gradients by name, in double precision."""
    config, params = random_params(
        arch, pooling=POOLING_OF[arch], num_classes=3 if arch.startswith("bi") else 2, evidence=evidence
    )
    texts = random_texts(LENGTHS)
    token_ids = padded(texts)
    found = padded_evidence(ngrams_of(config, texts), token_ids) if evidence else None
    with jax.enable_x64(True):
        loss, gradients = loss_and_gradients(config)(
            in_double_precision(params), token_ids, None, labels_for(config), found
        )
    named = flatten_dict(gradients, sep=".")
    return config, params, float(loss), {name: np.asarray(value) for name, value in named.items()}


@pytest.mark.parametrize(
    ("arch", "evidence"),
    [*((arch, False) for arch in NEURAL_ARCHES), *((arch, True) for arch in RECURRENT_ARCHES)],
)
def test_loss_and_gradients_are_the_textbook_s(arch: str, *, evidence: bool) -> None:
    config, params, loss, gradients = solve(arch, evidence=evidence)
    weights = {name: value.astype(np.float64) for name, value in flatten_dict(params, sep=".").items()}
    assert loss == pytest.approx(textbook_loss(config, weights).real, rel=1e-12)
    random = np.random.default_rng(3)
    for name, gradient in gradients.items():
        for _ in range(3):
            direction = random.standard_normal(gradient.shape)
            expected = textbook_derivative(config, weights, name, direction)
            assert float((gradient * direction).sum()) == pytest.approx(expected, rel=1e-9), name


@pytest.mark.parametrize("arch", NEURAL_ARCHES)
def test_every_parameter_receives_a_gradient(arch: str) -> None:
    _, _, _, gradients = solve(arch)
    table = gradients.pop("embedding.table")
    used = np.unique(np.concatenate(random_texts(LENGTHS)))
    assert np.flatnonzero(np.abs(table).min(axis=1) > 1e-9).tolist() == used.tolist()
    assert not np.delete(table, used, axis=0).any()
    for name, gradient in gradients.items():
        sizes = np.abs(gradient)
        # In the bag of words, a unit that is below zero for every text has none.
        assert (sizes.max() if arch == "bow" else sizes.min()) > 1e-9, name


@pytest.mark.parametrize("arch", ["bow", "lstm", "bigru"])
def test_naming_each_word_once_changes_nothing(arch: str) -> None:
    config, params = random_params(
        arch, pooling=POOLING_OF[arch], num_classes=3 if arch.startswith("bi") else 2
    )
    token_ids, labels = padded(random_texts(LENGTHS)), labels_for(config)
    words, positions = np.unique(token_ids, return_inverse=True)
    assert words[0] == 0
    words = np.concatenate([words, np.zeros(4, words.dtype)])  # filled up as batches are
    with jax.enable_x64(True):
        params = in_double_precision(params)
        plain = loss_and_gradients(config)(params, token_ids, None, labels)
        by_word = loss_and_gradients(config)(params, positions.astype(np.int32), words, labels)
    assert float(by_word[0]) == pytest.approx(float(plain[0]), rel=1e-12)
    for ours, theirs in zip(jax.tree.leaves(by_word[1]), jax.tree.leaves(plain[1]), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12 * float(np.abs(theirs).max()))


def test_a_batch_of_empty_texts_has_finite_gradients() -> None:
    config, params = random_params("bilstm", pooling="max")
    with jax.enable_x64(True):
        loss, gradients = loss_and_gradients(config)(
            in_double_precision(params), padded(random_texts((0,) * 5)), None, labels_for(config)
        )
    assert np.isfinite(loss)
    named = flatten_dict(gradients, sep=".")
    assert all(np.isfinite(gradient).all() for gradient in named.values())
    assert {name for name, gradient in named.items() if np.any(gradient)} == {"output.bias"}


def test_every_registered_name_exists_in_both_worlds() -> None:
    for name, kind in CELLS.items():
        assert issubclass(getattr(cells, kind.class_name), cells.Cell)
        assert callable(getattr(numpy_cells, name))
    for name in {function for functions in POOLINGS.values() for function in functions}:
        assert callable(getattr(pooling, name))
        assert callable(getattr(numpy_forward.Packed, name))


def test_pooling_by_hand() -> None:
    with jax.numpy_rank_promotion("raise"):
        states = jnp.array([[-1.0, 5], [-3, 9], [7, 7]])[:, None].repeat(2, axis=1)
        valid = jnp.array([[1, 0], [1, 0], [0, 0]], bool)[:, :, None]
        assert pooling.maximum(states, valid).tolist() == [[-1, 9], [0, 0]]
        assert pooling.mean(states, valid).tolist() == [[-2, 7], [0, 0]]
        for pooled in (pooling.maximum, pooling.mean):
            gradient = jax.grad(lambda states, pooled=pooled: pooled(states, valid).sum())(states)
            assert not np.any(np.where(valid, 0, gradient))
            assert np.isfinite(gradient).all()


def test_dropout_before_the_output() -> None:
    """Through an output layer that hands the pooled vector on, each number is dropped or divided by 1 - p."""
    config = ModelShape(
        "bow", vocab_size=VOCAB_SIZE, num_classes=101, embedding_size=5, hidden_size=101, dropout=0.75
    )
    params = unflatten_dict(random_parameters(config), sep=".")
    params["output"] = {"kernel": jnp.eye(101), "bias": jnp.zeros(101)}
    token_ids = padded(random_texts((5, 7)))
    run = jax.jit(Classifier(config).apply)
    plain = np.asarray(run({"params": params}, token_ids))
    keys = (Keys(jax.random.split(jax.random.key(k), 2), jax.random.key(0)) for k in (1, 1, 2))
    first, again, other = (np.asarray(run({"params": params}, token_ids, None, each)) for each in keys)
    alive = (plain != 0).all(axis=0)
    assert not np.array_equal(first[0, alive] == 0, first[1, alive] == 0)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    kept = first != 0
    np.testing.assert_allclose(first[kept], 4 * plain[kept], rtol=1e-6)
    assert 0.1 < kept[plain != 0].mean() < 0.4


@pytest.mark.parametrize("num_layers", [1, 2])
def test_dropout_between_layers_only(num_layers: int) -> None:
    config, params = random_params("rnn", num_layers)
    vectors = jnp.asarray(np.random.default_rng(0).standard_normal((2, 1, 5)), jnp.float32)
    valid = jnp.ones((2, 1, 1), bool)
    run = jax.jit(Encoder(replace(config, dropout=0.5)).apply)
    with_dropout, without = (
        run({"params": params["encoder"]}, vectors, None, valid, keys)
        for keys in (Keys(jax.random.split(jax.random.key(3), 1), jax.random.key(4)), None)
    )
    assert np.array_equal(with_dropout[0], without[0]) == (num_layers == 1)
