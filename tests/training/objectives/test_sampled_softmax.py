"""The sampled softmax: its loss, its gradient and the words that it draws, against their definitions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnncli.training.objectives import sampled_softmax
from rnncli.training.objectives.sampled_softmax import Sampler, sampled_cross_entropy

TOKENS, NEGATIVES, SIZE, WORDS = 11, 13, 5, 17


def by_definition(
    expected: jax.Array,
    scores: jax.Array,
    vectors: jax.Array,
    bias: jax.Array,
    answers: jax.Array,
    negatives: jax.Array,
    weights: jax.Array,
) -> jax.Array:
    """One token and one negative after the other."""
    loss = jnp.zeros(())
    for token in range(TOKENS):
        total = jnp.exp(scores[token])
        for number, negative in enumerate(negatives):
            if negative != answers[token]:
                total += jnp.exp(expected[token] @ vectors[number] + bias[number])
        loss += weights[token] * (jnp.log(total) - scores[token])
    return loss


@pytest.mark.parametrize("chunk", [3, 11, 512])
def test_loss_and_gradient_are_by_definition(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With answers among the negatives, negatives drawn twice, tokens that do not count, and any chunk."""
    monkeypatch.setattr(sampled_softmax, "CHUNK", chunk)
    random = np.random.default_rng(0)
    learned = [
        jnp.asarray(random.standard_normal(shape), jnp.float32)
        for shape in ((TOKENS, SIZE), (TOKENS,), (NEGATIVES, SIZE), (NEGATIVES,))
    ]
    answers, negatives = random.integers(0, WORDS, TOKENS), random.integers(0, WORDS, NEGATIVES)
    assert set(answers) & set(negatives)
    assert len(set(negatives)) < NEGATIVES
    weights = jnp.asarray(random.integers(0, 2, TOKENS), jnp.float32)
    ours, theirs = (
        jax.value_and_grad(lambda *args, of=of: 3 * of(*args), argnums=(0, 1, 2))(
            *learned, answers, negatives, weights
        )
        for of in (sampled_cross_entropy, by_definition)
    )
    assert float(ours[0]) == pytest.approx(float(theirs[0]), rel=1e-5)
    for found, wanted in zip(ours[1], theirs[1], strict=True):
        assert np.abs(wanted).max() > 0.1
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_large_scores_do_not_overflow() -> None:
    expected, vectors = jnp.full((1, 1), 100.0), jnp.array([[10.0], [-10.0]])
    for score, loss in ((1000.0, np.log(2)), (2000.0, 0.0), (0.0, 1000.0)):
        found = sampled_cross_entropy(
            expected,
            jnp.array([score]),
            vectors,
            jnp.zeros(2),
            jnp.array([4]),
            jnp.array([6, 9]),
            jnp.ones(1),
        )
        np.testing.assert_allclose(found, loss, rtol=1e-6)


def test_words_are_drawn_as_often_as_is_expected() -> None:
    """By the smoothed frequencies, and never one without a count, such as padding."""
    counts = np.array([0, 1, 16, 81, 0, 256])
    sampler = Sampler(counts, 7)
    drawn = np.stack([sampler.draw(jax.random.key(seed)) for seed in range(997)])
    assert drawn.shape == (997, 7)
    often, wanted = np.bincount(drawn.ravel(), minlength=6) / 997, 7 * np.array([0, 1, 8, 27, 0, 64]) / 100
    np.testing.assert_allclose(often, wanted, atol=0.05)
    assert not often[[0, 4]].any()
    np.testing.assert_allclose(np.exp(sampler.log_expected), wanted, atol=1e-6)
