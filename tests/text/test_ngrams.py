"""N-grams against plain counting, and evidence that must not tell a training text's own label."""

from collections import Counter, defaultdict
from itertools import pairwise

import numpy as np
import pytest

from rnncli.errors import UsageError
from rnncli.text.ngrams import MIN_TEXTS, NgramTable, Texts, count_ngrams, crossfitted_evidence
from rnncli.text.tokenizer import RESERVED_IDS, UNKNOWN_ID

VOCAB_SIZE = 17
Gram = tuple[int, ...]


def random_texts(
    num_texts: int, num_classes: int, *, vocab_size: int = VOCAB_SIZE, longest: int = 13, seed: int = 0
) -> tuple[Texts, np.ndarray]:
    """Texts of random words, some unknown and some texts empty, and random labels."""
    random = np.random.default_rng(seed)
    lengths = random.integers(0, longest, num_texts)
    ids = random.integers(UNKNOWN_ID, vocab_size, lengths.sum()).astype(np.int32)
    return Texts(ids, np.concatenate([[0], np.cumsum(lengths)])), random.integers(0, num_classes, num_texts)


def grams_at_tokens(texts: Texts) -> list[list[Gram]]:
    """By text, the word, the pair and the triple that end at each of its tokens; () where there is none."""
    found = []
    for start, stop in pairwise(texts.offsets.tolist()):
        ids = texts.token_ids[start:stop].tolist()
        grams = [
            tuple(ids[end - order : end]) if end >= order else ()
            for end in range(1, len(ids) + 1)
            for order in (1, 2, 3)
        ]
        found.append([() if UNKNOWN_ID in gram else gram for gram in grams])
    return found


def plain_ratios(texts: Texts, labels: np.ndarray, num_classes: int) -> dict[Gram, np.ndarray]:
    """Log-count ratios by the book, of the n-grams of at least two texts."""
    counts: dict[Gram, Counter[int]] = defaultdict(Counter)
    for label, grams in zip(labels.tolist(), grams_at_tokens(texts), strict=True):
        for gram in set(grams) - {()}:
            counts[gram][label] += 1
    counts = {gram: count for gram, count in counts.items() if count.total() >= 2}
    ratios = {gram: np.zeros(num_classes) for gram in counts}
    for label in range(num_classes):
        own = {gram: count[label] + 1 for gram, count in counts.items()}
        rest = {gram: count.total() - count[label] + 1 for gram, count in counts.items()}
        for gram in counts:
            p, q = own[gram] / sum(own.values()), rest[gram] / sum(rest.values())
            ratios[gram][label] = np.log(p / q)
    return {gram: ratio[1:] if num_classes == 2 else ratio for gram, ratio in ratios.items()}


def counted(texts: Texts, labels: np.ndarray, num_classes: int, vocab_size: int = VOCAB_SIZE) -> NgramTable:
    return count_ngrams(texts, labels, num_classes=num_classes, vocab_size=vocab_size)


@pytest.mark.parametrize("num_classes", [2, 5])
def test_ratios_are_those_of_plain_counting(num_classes: int) -> None:
    texts, labels = random_texts(211, num_classes)
    table, expected = counted(texts, labels, num_classes), plain_ratios(texts, labels, num_classes)
    assert {len(gram) for gram in expected} == {1, 2, 3}
    assert len(table.codes) == len(expected)
    assert np.all(np.diff(table.codes) > 0)

    zeros = np.zeros(1 if num_classes == 2 else num_classes)
    for known in (texts, random_texts(97, num_classes, seed=1)[0]):  # those counted, and new ones
        rows = [expected.get(gram, zeros) for grams in grams_at_tokens(known) for gram in grams]
        evidence = table.evidence(known)
        assert evidence.dtype == np.float32
        np.testing.assert_allclose(evidence, np.reshape(rows, (len(known.token_ids), -1)), atol=1e-6)


def test_places_are_rows_and_minus_one_is_unknown() -> None:
    texts, labels = random_texts(211, 2)
    table = counted(texts, labels, 2)
    known = set(plain_ratios(texts, labels, 2))
    grams = [gram for text in grams_at_tokens(texts) for gram in text]
    places = table.places(texts).ravel()
    assert [place >= 0 for place in places] == [gram in known for gram in grams]
    row_of = {gram: place for gram, place in zip(grams, places, strict=True) if place >= 0}
    assert all(row_of[gram] == place for gram, place in zip(grams, places, strict=True) if place >= 0)
    assert sorted(row_of.values()) == list(range(len(table.codes)))
    assert all(tuple(table.words(row)) == gram for gram, row in row_of.items())


@pytest.mark.parametrize("ids", [[], [UNKNOWN_ID], [RESERVED_IDS, UNKNOWN_ID, RESERVED_IDS]])
def test_texts_without_a_token_or_a_known_word(ids: list[int]) -> None:
    texts = Texts(np.array(ids * 2, np.int32), np.array([0, len(ids), 2 * len(ids)]))
    table = counted(texts, np.array([0, 1]), 2)
    assert len(table.codes) == (len(ids) == 3)
    assert not table.evidence(texts).any()  # the word speaks for both classes alike


def test_the_largest_vocabulary_has_room_for_its_triples() -> None:
    size = 2**20
    last = np.arange(size - 3, size)
    texts = Texts(np.tile(last, 2).astype(np.int32), np.array([0, 3, 6]))
    table = counted(texts, np.array([0, 1]), 2, size)
    assert len(table.codes) == 6
    assert np.all(np.diff(table.codes) > 0)
    assert table.codes[0] == last[0]
    assert table.words(5) == last.tolist()
    with pytest.raises(UsageError, match="1,048,576 words at most, not 1,048,577: prepare"):
        counted(texts, np.array([0, 1]), 2, size + 1)


def test_crossfitted_evidence_does_not_depend_on_the_texts_own_label() -> None:
    num_texts, num_classes = 61, 3
    texts, labels = random_texts(num_texts, num_classes)
    table = counted(texts, labels, num_classes)

    def evidence(labels: np.ndarray) -> np.ndarray:
        return crossfitted_evidence(table, texts, labels, texts, num_classes=num_classes, seed=5)

    before, reached = evidence(labels), 0
    for number in range(num_texts):
        other = labels.copy()
        other[number] = (labels[number] + 1) % num_classes
        changed = texts.numbers[(evidence(other) != before).any(axis=1)]
        assert number not in changed
        reached += len(changed) > 0
    assert reached > num_texts / 2  # the others' evidence does depend on it


def accuracy(evidence: np.ndarray, texts: Texts, labels: np.ndarray) -> float:
    """Of labelling each text by the sum of its evidence, for two classes."""
    sums = np.bincount(texts.numbers, evidence.sum(axis=1), minlength=len(labels))
    return float(np.mean((sums > 0) == labels))


def test_evidence_leaks_random_labels_unless_it_is_crossfitted() -> None:
    texts, labels = random_texts(1009, 2, vocab_size=101, longest=53)
    table = counted(texts, labels, 2, 101)
    assert accuracy(table.evidence(texts), texts, labels) > 0.9
    fitted = crossfitted_evidence(table, texts, labels, texts, num_classes=2, seed=0)
    assert accuracy(fitted, texts, labels) == pytest.approx(0.5, abs=0.05)  # three standard errors


def test_crossfitted_evidence_finds_what_is_there_and_reads_cut_texts() -> None:
    texts, _ = random_texts(1009, 2, vocab_size=101, longest=53)
    labels = np.bincount(texts.numbers, texts.token_ids == 7, minlength=1009).clip(max=1).astype(np.int64)
    table = counted(texts, labels, 2, 101)
    arguments = {"num_classes": 2, "seed": 0}
    fitted = crossfitted_evidence(table, texts, labels, texts, **arguments)
    word = texts.token_ids == 7
    assert fitted[word, 0].min() > 3
    assert np.abs(fitted[~word & (texts.token_ids != UNKNOWN_ID), 0]).max() < 1

    # The last three tokens of each text: the same evidence, but for n-grams that begin before them.
    lengths = np.diff(texts.offsets).clip(max=3)
    kept = np.concatenate(
        [np.arange(end - n, end) for end, n in zip(texts.offsets[1:], lengths, strict=True)]
    )
    cut = Texts(texts.token_ids[kept], np.concatenate([[0], np.cumsum(lengths)]))
    found = crossfitted_evidence(table, texts, labels, cut, **arguments)
    np.testing.assert_array_equal(found[:, 0], fitted[kept, 0])
    last = cut.offsets[1:][lengths == 3] - 1
    np.testing.assert_array_equal(found[last], fitted[kept[last]])
    assert not found[cut.offsets[:-1][lengths > 0], 1:].any()


def test_ngrams_of_fewer_texts_are_left_out_however_often_one_repeats_them() -> None:
    a, b = RESERVED_IDS, RESERVED_IDS + 1
    texts = Texts(np.array([a, a, a, b, b], np.int32), np.array([0, 3, 4, 5]))
    table = counted(texts, np.array([0, 1, 1]), 2)
    assert MIN_TEXTS == 2
    assert table.codes.tolist() == [b]


def test_sums_count_an_ngram_of_a_text_once() -> None:
    texts, labels = random_texts(211, 3)
    table, ratios = counted(texts, labels, 3), plain_ratios(texts, labels, 3)
    expected = [
        sum((ratios[gram] for gram in set(grams) & ratios.keys()), np.zeros(3))
        for grams in grams_at_tokens(texts)
    ]
    np.testing.assert_allclose(table.sums(texts), expected, atol=1e-5)


def test_the_n_grams_of_most_texts_are_kept() -> None:
    texts, labels = random_texts(211, 3, seed=3)
    whole, kept = (
        count_ngrams(texts, labels, num_classes=3, vocab_size=VOCAB_SIZE, most=most) for most in (0, 41)
    )
    held = Counter(gram for grams in grams_at_tokens(texts) for gram in set(grams) - {()})
    fewest = sorted(held.values())[-41]
    of_kept = [held[tuple(kept.words(row))] for row in range(len(kept.codes))]
    assert (len(of_kept), min(of_kept)) == (41, fewest)
    assert set(kept.codes) < set(whole.codes)
