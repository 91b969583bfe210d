"""The linear model of n-grams: what is fitted is the minimum of what is said to be minimised."""

import numpy as np
import pytest

from rnncli.models.numpy_forward import to_probabilities
from rnncli.text.ngrams import Texts, count_ngrams
from rnncli.training.ngram_model import STRENGTHS, fits

VOCAB_SIZE = 31


def labelled_texts(num_classes: int, num_texts: int = 211) -> tuple[Texts, np.ndarray]:
    """Random texts, of which a word of the label's own and a word of any label are part."""
    random = np.random.default_rng(0)
    labels = random.integers(0, num_classes, num_texts)
    words = random.integers(2 + num_classes, VOCAB_SIZE, (num_texts, 7))
    words[:, 3] = 2 + labels
    words[:, 5] = 2 + random.integers(0, num_classes, num_texts)
    return Texts(words.ravel(), np.arange(num_texts + 1) * 7), labels


@pytest.mark.parametrize("num_classes", [2, 5])
def test_the_gradient_of_the_loss_is_zero_where_it_ends(num_classes: int) -> None:
    """There w = C Σ (y - p) x over the texts, and Σ (y - p) = 0, with x = r where a text holds an n-gram."""
    texts, labels = labelled_texts(num_classes)
    sizes = {"num_classes": num_classes, "vocab_size": VOCAB_SIZE}
    table = count_ngrams(texts, labels, **sizes)
    holds = np.zeros((len(labels), len(table.codes)))
    holds[table.held(texts)] = 1
    outputs = table.values.shape[1]
    truth = np.eye(num_classes)[labels][:, -outputs:]
    found = list(fits(texts, labels, **sizes))
    assert [fit.strength for fit in found] == list(STRENGTHS)
    for fit in found:
        np.testing.assert_array_equal(fit.ngrams.codes, table.codes)
        values = fit.ngrams.values.astype(np.float64)  # r w
        error = truth - to_probabilities(holds @ values + fit.bias)[:, -outputs:]
        expected = fit.strength * table.values.astype(np.float64) ** 2 * (holds.T @ error)
        np.testing.assert_allclose(values, expected, atol=2e-3 * np.abs(values).max())
        np.testing.assert_allclose(error.sum(axis=0), 0, atol=2e-3 * len(labels))


def test_the_weaker_the_regularisation_the_surer_the_model() -> None:
    texts, labels = labelled_texts(2)
    norms = [
        np.abs(fit.ngrams.values).sum() for fit in fits(texts, labels, num_classes=2, vocab_size=VOCAB_SIZE)
    ]
    assert norms == sorted(norms)
    assert norms[-1] > 2 * norms[0]
