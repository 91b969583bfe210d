"""N-grams and their evidence: how much a word, a pair or a triple of words speaks for each class.

The log-count ratio of an n-gram says by how much its share among the n-grams of one class exceeds
its share among those of the others (Wang & Manning 2012). Texts come as their token ids end to end,
with the places where each begins.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnncli.text.tokenizer import UNKNOWN_ID

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]

ORDERS = (1, 2, 3)
MIN_TEXTS = 2  # an n-gram of a single text says nothing about others
SMOOTHING = 1.0  # added to each count
FOLDS = 10
LARGEST_VOCABULARY = 2**20  # triples of more words do not fit into 64 bits beside pairs and words


class Texts(NamedTuple):
    """Texts end to end: text `i` is ``token_ids[offsets[i]:offsets[i + 1]]``."""

    token_ids: NDArray[np.integer]
    offsets: NDArray[np.integer]

    @property
    def numbers(self) -> Ints:
        """The number of the text that each token belongs to, [tokens]."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))


@dataclass(frozen=True)
class NgramTable:
    """The n-grams of a training split with their log-count ratios.

    Attributes:
        codes: a number for each n-gram, ascending [n]; see `_codes`.
        ratios: its log-count ratios [n, outputs]: for two classes of the second against the first,
            for more of each against the rest.
        vocab_size: all token ids are below it.
    """

    codes: Ints
    ratios: Floats
    vocab_size: int

    def places(self, texts: Texts) -> NDArray[np.int32]:
        """The row of the n-gram of each order that ends at each token, [tokens, orders].

        It is -1 where the table does not have the n-gram, such as one with an unknown word, or where
        it would begin before its text does.
        """
        return np.stack([_places(self.codes, codes) for codes in _codes(texts, self.vocab_size)], axis=1)

    def evidence(self, texts: Texts) -> Floats:
        """The ratios of the n-grams that end at each token, [tokens, orders * outputs]; 0 where unknown."""
        return _looked_up(self.ratios, self.places(texts))


def count_ngrams(
    texts: Texts, labels: NDArray[np.integer], *, num_classes: int, vocab_size: int
) -> NgramTable:
    """The n-grams that at least `MIN_TEXTS` of the texts hold, with the ratios of all of them.

    Args:
        texts: of the training split.
        labels: their classes [texts].
        num_classes: how many classes there are.
        vocab_size: all token ids are below it.
    """
    found, counts = [], []
    numbers = texts.numbers
    for codes in _codes(texts, vocab_size):
        ordered = np.sort(codes)
        first = np.flatnonzero(np.diff(ordered, prepend=-1))
        often = np.diff(first, append=len(ordered)) >= MIN_TEXTS  # tokens, of which a text may have several
        candidates = ordered[first[often & (ordered[first] >= 0)]]
        pairs = _distinct_pairs(_places(candidates, codes), numbers, len(labels))
        counted = _class_counts(pairs, labels, len(candidates), num_classes)
        kept = counted.sum(axis=1) >= MIN_TEXTS
        found.append(candidates[kept])
        counts.append(counted[kept])
    # The codes of longer n-grams are greater, so that one after the other they ascend.
    return NgramTable(np.concatenate(found), log_count_ratios(np.concatenate(counts)), vocab_size)


def crossfitted_evidence(
    table: NgramTable,
    texts: Texts,
    labels: NDArray[np.integer],
    read: Texts,
    *,
    num_classes: int,
    seed: int,
) -> Floats:
    """The evidence of training texts, each by ratios that were counted on the other folds alone.

    A ratio that was counted with a text's own label tells the label: of an n-gram that only this text
    and another hold, it says which class the two are of. A model would learn to trust it, and find
    nothing of the kind in new texts.

    Args:
        table: what `count_ngrams` made of the texts.
        texts: of the training split, whole.
        labels: their classes [texts].
        read: the same texts, perhaps cut, for whose tokens the evidence is wanted.
        num_classes: how many classes there are.
        seed: of the folds.

    Returns:
        [tokens of `read`, orders * outputs].
    """
    folds = np.random.default_rng([seed, 2]).permutation(len(labels)) % FOLDS
    places, numbers = table.places(texts), texts.numbers
    orders = [_distinct_pairs(column, numbers, len(labels)) for column in places.T]
    place, text = (np.concatenate(parts) for parts in zip(*orders, strict=True))
    whole = _class_counts((place, text), labels, len(table.codes), num_classes)
    read_places, read_numbers = table.places(read), read.numbers
    evidence = np.empty((len(read_numbers), len(ORDERS) * table.ratios.shape[1]), np.float32)
    for fold in range(FOLDS):
        own = folds[text] == fold
        others = whole - _class_counts((place[own], text[own]), labels, len(table.codes), num_classes)
        tokens = folds[read_numbers] == fold
        evidence[tokens] = _looked_up(log_count_ratios(others), read_places[tokens])
    return evidence


def log_count_ratios(counts: Ints) -> Floats:
    """``log(p / q)`` of each n-gram, from how many texts of each class hold it [n, classes].

    p is the share of the n-gram among all counts of a class, smoothed, and q the same of the other
    classes together (Wang & Manning 2012, eq. 2): for two classes of the second [n, 1], else of each
    [n, classes].
    """
    own = counts[:, 1:] if counts.shape[1] == 2 else counts
    rest = counts.sum(axis=1, keepdims=True) - own
    p, q = own + SMOOTHING, rest + SMOOTHING
    return (np.log(p / p.sum(axis=0)) - np.log(q / q.sum(axis=0))).astype(np.float32)


def _codes(texts: Texts, vocab_size: int) -> list[Ints]:
    """For each order the code of the n-gram that ends at each token, [tokens]; -1 where there is none.

    The code of words a b c is that of digits in base `vocab_size`, above all codes of shorter ones.
    """
    words, numbers = texts.token_ids.astype(np.int64), texts.numbers
    unknown = words == UNKNOWN_ID
    result, code, none, base = list[Ints](), words, unknown, 0
    for order in ORDERS:
        if order > 1:
            before = np.concatenate([np.zeros(1, np.int64), code[:-1] - base])
            began = np.concatenate([np.full(order - 1, -1), numbers[: 1 - order]])[: len(words)]
            # An n-gram begins one token before the shorter one that ends at the token before.
            none = np.concatenate([np.ones(1, bool), none[:-1]]) | unknown | (began != numbers)
            base = base * vocab_size + vocab_size
            code = base + before * vocab_size + words
        result.append(np.where(none, -1, code))
    return result


def _places(known: Ints, codes: Ints) -> NDArray[np.int32]:
    """Where each code stands in `known`, which ascends; -1 where it does not."""
    places = np.searchsorted(known, codes)
    places[places == len(known)] = 0
    found = known[places] == codes if len(known) else np.zeros(len(codes), bool)
    return np.where(found, places, -1).astype(np.int32)


def _distinct_pairs(places: NDArray[np.int32], numbers: Ints, num_texts: int) -> tuple[Ints, Ints]:
    """Which n-gram is in which text, each pair once: rows of the table, numbers of the texts."""
    found = places >= 0
    pairs = np.unique(places[found].astype(np.int64) * num_texts + numbers[found])
    return pairs // num_texts, pairs % num_texts


def _class_counts(
    pairs: tuple[Ints, Ints], labels: NDArray[np.integer], num_ngrams: int, num_classes: int
) -> Ints:
    """How many texts of each class hold each n-gram, [n, classes]."""
    place, text = pairs
    counts = np.bincount(place * num_classes + labels[text], minlength=num_ngrams * num_classes)
    return counts.reshape(num_ngrams, num_classes)


def _looked_up(ratios: Floats, places: NDArray[np.int32]) -> Floats:
    """The ratios of each token's n-grams side by side; zeros for -1."""
    padded = np.concatenate([ratios, np.zeros((1, ratios.shape[1]), np.float32)])
    return padded[places].reshape(len(places), places.shape[1] * ratios.shape[1])
