"""Words, components of their vectors and recurrent weights dropped while training."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import unflatten_dict

from rnncli.models.classifier import Classifier
from rnncli.models.encoder import Encoder
from rnncli.models.layers import GRAMMAR_WORDS, Keys, drop_weights, drop_words
from rnncli.settings.model import ModelShape
from tests.factories import random_parameters

WORDS, SIZE = 2003, 13


def shape(**settings: float) -> ModelShape:
    return ModelShape("lstm", SIZE, 7, vocab_size=WORDS, num_classes=3, **settings)


def dropped(token_ids: np.ndarray, seed: int, **settings: float) -> np.ndarray:
    """Vectors of ones after what a step drops."""
    ones = jnp.ones((len(token_ids), SIZE))
    return np.asarray(drop_words(ones, jnp.asarray(token_ids), shape(**settings), jax.random.key(seed)))


def test_words_are_dropped_whole_but_for_the_most_frequent_ones() -> None:
    found = dropped(np.arange(WORDS), 0, word_dropout=0.6)
    assert set(found.ravel()) == {0, 1}
    whole = found.all(axis=1)
    np.testing.assert_array_equal(found.any(axis=1), whole)
    assert whole[:GRAMMAR_WORDS].all()
    share = whole[GRAMMAR_WORDS:].mean()
    assert abs(share - 0.4) < 4 * (0.24 / (WORDS - GRAMMAR_WORDS)) ** 0.5


def test_a_words_fate_is_its_ids_and_the_steps() -> None:
    """It is neither its place's in the list nor that of the words beside it."""
    some = np.array([5, 1700, 1041, 1003, 5, 1999])
    all_words = dropped(np.arange(WORDS), 1, word_dropout=0.5)
    np.testing.assert_array_equal(dropped(some, 1, word_dropout=0.5), all_words[some])
    assert (dropped(np.arange(WORDS), 2, word_dropout=0.5) != all_words).any()


def test_components_are_dropped_in_all_words() -> None:
    found = dropped(np.arange(WORDS), 3, embedding_dropout=0.3)
    assert (found == found[0]).all()
    assert 0 < (found[0] == 0).sum() < SIZE
    np.testing.assert_allclose(found[0][found[0] > 0], 1 / 0.7, rtol=1e-6)
    means = [dropped(np.arange(1), seed, embedding_dropout=0.3).mean() for seed in range(97)]
    assert abs(np.mean(means) - 1) < 0.1


def test_nothing_is_dropped_without_keys() -> None:
    positions = jnp.array(np.random.default_rng(0).integers(1, WORDS, (5, 11)))
    params = {"params": Classifier(shape()).init(jax.random.key(0), positions)["params"]}
    plain = Classifier(shape(dropout=0.0)).apply(params, positions)
    dropping = Classifier(shape(dropout=0.0, word_dropout=0.6, embedding_dropout=0.3))
    np.testing.assert_array_equal(dropping.apply(params, positions), plain)
    keys = Keys(jax.random.split(jax.random.key(1), 5), jax.random.key(2))
    assert not np.allclose(dropping.apply(params, positions, keys=keys), plain)


def test_weights_are_dropped_and_the_rest_scaled_up() -> None:
    kernel = jnp.asarray(np.random.default_rng(0).standard_normal((2, 29, 31)), jnp.float32)
    found = np.asarray(drop_weights(kernel, 0.3, jax.random.key(0)))
    kept = found != 0
    np.testing.assert_allclose(found[kept], np.asarray(kernel)[kept] / 0.7, rtol=1e-6)
    assert abs(kept.mean() - 0.7) < 4 * (0.21 / kernel.size) ** 0.5
    assert not np.array_equal(kept[0], kept[1])


@pytest.mark.parametrize("arch", ["gru", "bilstm"])
def test_all_texts_of_a_step_lose_the_same_weights(arch: str) -> None:
    """And nobody loses any but in training."""
    settings = {"embedding_size": SIZE, "hidden_size": 7, "vocab_size": WORDS, "num_classes": 3}
    plain, dropping = (
        ModelShape(arch, dropout=0.0, num_layers=2, weight_dropout=rate, **settings) for rate in (0.0, 0.4)
    )
    params = {"params": unflatten_dict(random_parameters(plain), sep=".")["encoder"]}
    vectors = jnp.asarray(np.random.default_rng(0).standard_normal((11, 1, SIZE)), jnp.float32)
    vectors, valid = jnp.tile(vectors, (1, 3, 1)), jnp.ones((11, 3, 1), bool)

    def states(shape: ModelShape, step: int | None) -> np.ndarray:
        keys = None if step is None else Keys(jax.random.split(jax.random.key(9), 3), jax.random.key(step))
        return np.asarray(Encoder(shape).apply(params, vectors, None, valid, keys)[0])

    found = states(dropping, 0)
    np.testing.assert_allclose(found[:, 1:], found[:, :1].repeat(2, axis=1), rtol=1e-6)
    np.testing.assert_array_equal(states(dropping, 0), found)
    assert not np.allclose(states(dropping, 1), found)
    assert not np.allclose(states(plain, 0), found)
    np.testing.assert_array_equal(states(dropping, None), states(plain, None))
