"""N-grams and their evidence: how much a word, a pair or a triple of words speaks for each class.

The log-count ratio of an n-gram says by how much its share among the n-grams of one class exceeds
its share among those of the others (Wang & Manning 2012). Texts come as their token ids end to end,
with the places where each begins.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnncli.settings.base import require
from rnncli.text.tokenizer import UNKNOWN_ID

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]

ORDERS = (1, 2, 3)
MIN_TEXTS = 2  # an n-gram of a single text says nothing about others
SMOOTHING = 1.0  # added to each count
FOLDS = 10
LARGEST_VOCABULARY = 2**20  # the codes of triples of more words might not fit into 64 bits


class Texts(NamedTuple):
    """Texts end to end: text `i` is ``token_ids[offsets[i]:offsets[i + 1]]``."""

    token_ids: NDArray[np.integer]
    offsets: NDArray[np.integer]

    @classmethod
    def of(cls, token_ids: Sequence[NDArray[np.integer]]) -> "Texts":
        """Separate texts, laid end to end."""
        offsets = np.cumsum([0, *map(len, token_ids)])
        return cls(np.concatenate([np.empty(0, np.int64), *token_ids]), offsets)

    @property
    def numbers(self) -> Ints:
        """The number of the text that each token belongs to, [tokens]."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))


@dataclass(frozen=True)
class NgramTable:
    """The n-grams of a training split, and what each of them says.

    Attributes:
        codes: a number for each n-gram, ascending [n]; see `_codes`.
        values: of each [n, outputs]: its log-count ratios, for two classes of the second against the
            first, for more of each against the rest; or those times a linear model's weights.
        vocab_size: all token ids are below it.
    """

    codes: Ints
    values: Floats
    vocab_size: int

    def places(self, texts: Texts) -> NDArray[np.int32]:
        """The row of the n-gram of each order that ends at each token, [tokens, orders].

        It is -1 where the table does not have the n-gram, such as one with an unknown word, or where
        it would begin before its text does.
        """
        return np.stack([_places(self.codes, codes) for codes in _codes(texts, self.vocab_size)], axis=1)

    def evidence(self, texts: Texts) -> Floats:
        """The values of the n-grams that end at each token, [tokens, orders * outputs]; 0 where unknown."""
        return _looked_up(self.values, self.places(texts))

    def sums(self, texts: Texts) -> NDArray[np.float64]:
        """The sum of the values of each text's n-grams, [texts, outputs], each n-gram counted once."""
        number, place = self.held(texts)
        num_texts = len(texts.offsets) - 1
        columns = [np.bincount(number, column[place], num_texts) for column in self.values.T]
        return np.stack(columns, axis=1)

    def words(self, row: int) -> list[int]:
        """The token ids of the n-gram in a row, in their order."""
        code, ids = int(self.codes[row]), list[int]()
        while code >= 0:  # the codes of shorter n-grams, all below, take away 1 at each further digit
            ids.append(code % self.vocab_size)
            code = code // self.vocab_size - 1
        return ids[::-1]

    def held(self, texts: Texts) -> tuple[Ints, Ints]:
        """Which text holds which n-gram, each pair once: numbers of the texts, rows of the table."""
        return _distinct_pairs(self.places(texts), texts)


def count_ngrams(
    texts: Texts, labels: NDArray[np.integer], *, num_classes: int, vocab_size: int, most: int = 0
) -> NgramTable:
    """The n-grams that at least `MIN_TEXTS` of the texts hold, with the ratios of all of them.

    Args:
        texts: of the training split.
        labels: their classes [texts].
        num_classes: how many classes there are.
        vocab_size: all token ids are below it.
        most: how many to keep, those of most texts; 0: all. Chosen by their labels they would leak them:
            an n-gram that is kept because its texts agree agrees with each of them.

    Raises:
        UsageError: the vocabulary is too large for the codes of its n-grams.
    """
    require(
        vocab_size <= LARGEST_VOCABULARY,
        f"n-grams can be counted over {LARGEST_VOCABULARY:,} words at most, not {vocab_size:,}: "
        "prepare the dataset with a smaller --vocab-size",
    )
    found, counts = [], []
    for codes in _codes(texts, vocab_size):
        ordered = np.sort(codes)
        first = np.flatnonzero(np.diff(ordered, prepend=-1))
        often = np.diff(first, append=len(ordered)) >= MIN_TEXTS  # tokens, of which a text may have several
        candidates = ordered[first[often & (ordered[first] >= 0)]]
        text, place = _distinct_pairs(_places(candidates, codes)[:, None], texts)
        counted = _class_counts(place, labels[text], len(candidates), num_classes)
        kept = counted.sum(axis=1) >= MIN_TEXTS
        found.append(candidates[kept])
        counts.append(counted[kept])
    # The codes of longer n-grams are greater, so that one after the other they ascend.
    ascending, counted = np.concatenate(found), np.concatenate(counts)
    if 0 < most < len(ascending):
        kept = np.sort(np.argsort(-counted.sum(axis=1), kind="stable")[:most])
        ascending, counted = ascending[kept], counted[kept]
    return NgramTable(ascending, log_count_ratios(counted), vocab_size)


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
    text, place = table.held(texts)
    whole = _class_counts(place, labels[text], len(table.codes), num_classes)
    read_places, read_numbers = table.places(read), read.numbers
    evidence = np.empty((len(read_numbers), len(ORDERS) * table.values.shape[1]), np.float32)
    for fold in range(FOLDS):
        own = folds[text] == fold
        others = whole - _class_counts(place[own], labels[text[own]], len(table.codes), num_classes)
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


def _distinct_pairs(places: NDArray[np.int32], texts: Texts) -> tuple[Ints, Ints]:
    """Which text holds which n-gram of those at `places` [tokens, any]; see `NgramTable.held`."""
    found = places >= 0
    most = int(places.max(initial=0)) + 1
    # np.unique hashes before it sorts, which takes ten times as long where most pairs are distinct.
    ordered = np.sort((texts.numbers[:, None] * most + places)[found])
    pairs = ordered[np.diff(ordered, prepend=-1) > 0]
    return pairs // most, pairs % most


def _class_counts(places: Ints, labels: NDArray[np.integer], num_ngrams: int, num_classes: int) -> Ints:
    """How many of the pairs of an n-gram's place and a text's label each n-gram and class has."""
    counts = np.bincount(places * num_classes + labels, minlength=num_ngrams * num_classes)
    return counts.reshape(num_ngrams, num_classes)


def _looked_up(ratios: Floats, places: NDArray[np.int32]) -> Floats:
    """The ratios of each token's n-grams side by side; zeros for -1."""
    padded = np.concatenate([ratios, np.zeros((1, ratios.shape[1]), np.float32)])
    return padded[places].reshape(len(places), places.shape[1] * ratios.shape[1])
