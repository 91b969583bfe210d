"""Word vectors from texts alone: words that stand in like company have like vectors.

How often a word stands near another one, against chance, is their pointwise mutual information; the
matrix of its positive values, factorised, gives vectors as good as those of networks that are trained for
it (Levy & Goldberg 2014; Levy, Goldberg & Dagan 2015), in seconds.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnncli.text.ngrams import Floats, Texts
from rnncli.text.tokenizer import RESERVED_IDS

WINDOW = 4  # words on either side that count as near, the farther ones less
CONTEXTS = 15_000  # the most frequent words, which the others are near to
SMOOTHING = 0.75  # of the contexts' frequencies: rare ones would seem to mean too much
OVERSAMPLING, ITERATIONS = 16, 4
NORM = 3.0  # of each vector: several times the random ones', so that training keeps what they say
CHUNK = 1 << 22  # tokens counted at a time


def word_vectors(texts: Texts, vocab_size: int, size: int, seed: int = 0) -> Floats:
    """A vector for each word of the vocabulary, [vocab_size, size].

    Args:
        texts: to learn from.
        vocab_size: all token ids are below it; the lower the id, the more frequent the word.
        size: of a vector.
        seed: of the factorisation.

    Returns:
        Vectors of equal length, but for words without a neighbour, whose vectors are zeros.
    """
    matrix = _positive_information(_near(texts, vocab_size))
    left = _left_factors(matrix, size, seed)
    vectors = np.zeros((vocab_size, size))
    known = np.flatnonzero(matrix.getnnz(axis=1))
    vectors[known, : left.shape[1]] = left[known]
    vectors[known] -= vectors.sum(axis=0) / max(len(known), 1)  # what all words have in common
    lengths = np.linalg.norm(vectors[known], axis=1, keepdims=True)
    vectors[known] *= NORM / np.maximum(lengths, 1e-12)
    return vectors.astype(np.float32)


def _near(texts: Texts, vocab_size: int) -> Any:
    """How often each word stands near each context, nearer ones counting more, [words, contexts]."""
    from scipy.sparse import csr_matrix

    shape = (vocab_size, min(vocab_size, CONTEXTS))
    counts = csr_matrix(shape, dtype=np.float32)
    words, numbers = texts.token_ids, texts.numbers
    for distance in range(1, WINDOW + 1):
        weight = np.float32(1 - (distance - 1) / WINDOW)
        for start in range(0, len(words) - distance, CHUNK):
            here = slice(start, min(start + CHUNK, len(words) - distance))
            there = slice(here.start + distance, here.stop + distance)
            first, second = words[here], words[there]
            known = (first >= RESERVED_IDS) & (second >= RESERVED_IDS) & (numbers[here] == numbers[there])
            for word, context in ((first, second), (second, first)):
                pairs = np.flatnonzero(known & (context < shape[1]))
                ones = np.full(len(pairs), weight)
                counts = counts + csr_matrix((ones, (word[pairs], context[pairs])), shape)
    return counts


def _positive_information(counts: Any) -> Any:
    """``max(0, log(p(word, context) / (p(word) p(context))))`` of counts [words, contexts]."""
    from scipy.sparse import csr_matrix

    pairs = counts.tocoo()
    of_words = np.bincount(pairs.row, pairs.data, counts.shape[0])
    of_contexts = np.bincount(pairs.col, pairs.data, counts.shape[1]) ** SMOOTHING
    of_contexts /= max(of_contexts.sum(), 1e-12)
    information = np.log(pairs.data / (of_words[pairs.row] * of_contexts[pairs.col])).astype(np.float32)
    kept = information > 0
    return csr_matrix((information[kept], (pairs.row[kept], pairs.col[kept])), counts.shape)


def _left_factors(matrix: Any, size: int, seed: int) -> NDArray[np.floating]:
    """``U √S`` of the matrix's largest singular values, [rows, size], by random projection.

    Halko, Martinsson & Tropp (2011), algorithm 4.4.
    """
    transposed = matrix.T.tocsr()  # products with it take a fraction of the time of those with a view
    width = min(size + OVERSAMPLING, *matrix.shape)
    basis = np.random.default_rng([seed, 4]).standard_normal((matrix.shape[1], width), np.float32)
    for _ in range(ITERATIONS):
        rows, _ = np.linalg.qr(matrix @ basis)
        basis, _ = np.linalg.qr(transposed @ rows)
    left, values, _ = np.linalg.svd(matrix @ basis, full_matrices=False)
    return left[:, :size] * np.sqrt(values[:size])
