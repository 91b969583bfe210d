"""Word vectors from texts: words in like company are alike, and nothing else decides."""

import numpy as np
import pytest

from rnncli.text.ngrams import Texts
from rnncli.text.tokenizer import RESERVED_IDS
from rnncli.text.vectors import NORM, word_vectors

CLASSES, MEMBERS = 13, 5
VOCABULARY = RESERVED_IDS + CLASSES * MEMBERS + 2  # two words stand in no text


def class_of(word: np.ndarray) -> np.ndarray:
    return (word - RESERVED_IDS) % CLASSES


@pytest.fixture(scope="module")
def texts() -> Texts:
    """Texts in which a word of class c is always followed by one of class c + 1."""
    random = np.random.default_rng(0)
    made = []
    for _ in range(1009):
        classes = (random.integers(CLASSES) + np.arange(random.integers(1, 13))) % CLASSES
        made.append(RESERVED_IDS + classes + CLASSES * random.integers(0, MEMBERS, len(classes)))
    return Texts.of(made)


def test_words_of_one_class_are_nearest_to_each_other(texts: Texts) -> None:
    vectors = word_vectors(texts, VOCABULARY, 11)
    words = np.arange(RESERVED_IDS, VOCABULARY - 2)
    likeness = vectors[words] @ vectors[words].T
    np.fill_diagonal(likeness, -np.inf)
    nearest = words[np.argsort(-likeness, axis=1)[:, : MEMBERS - 1]]
    assert (class_of(nearest) == class_of(words)[:, None]).all()


def test_vectors_are_of_one_length_and_words_without_neighbours_have_none(texts: Texts) -> None:
    vectors = word_vectors(texts, VOCABULARY, 11)
    assert (vectors.shape, vectors.dtype) == ((VOCABULARY, 11), np.float32)
    lengths = np.linalg.norm(vectors, axis=1)
    np.testing.assert_allclose(lengths[RESERVED_IDS:-2], NORM, rtol=1e-5)
    assert not lengths[:RESERVED_IDS].any()
    assert not lengths[-2:].any()


def test_company_ends_where_a_text_does() -> None:
    """Ends of texts beside each other say nothing: single words have no company at all."""
    alone = Texts.of([np.array([RESERVED_IDS + word]) for word in range(7)])
    assert not word_vectors(alone, RESERVED_IDS + 7, 3).any()


def test_more_components_than_the_texts_can_fill_are_zeros(texts: Texts) -> None:
    vectors = word_vectors(texts, VOCABULARY, 97)
    assert vectors.shape == (VOCABULARY, 97)
    assert not vectors[:, VOCABULARY:].any()
    np.testing.assert_array_equal(word_vectors(texts, VOCABULARY, 97), vectors)
