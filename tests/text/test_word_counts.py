import random
from collections import Counter

import pytest

from rnncli.text import word_counts
from rnncli.text.word_counts import WordCounts

DICE = random.Random(0)
PIECES = DICE.choices([f"{a}-{b}" for a in range(23) for b in range(19)], k=5003)
FREQUENT = sorted(Counter(word for piece in PIECES for word in piece.split("-")).items())


def count(pieces: list[str], *, at_least: int) -> WordCounts:
    counts = WordCounts(lambda piece: piece.split("-"), at_least=at_least)
    for start in range(0, len(pieces), 7):
        counts.add(pieces[start : start + 7])
    return counts


@pytest.mark.parametrize("most_pieces", [2, 100, 10**6])
def test_counts_are_exact_however_many_pieces_are_kept(
    monkeypatch: pytest.MonkeyPatch, most_pieces: int
) -> None:
    monkeypatch.setattr(word_counts, "MOST_PIECES", most_pieces)
    expected = [word for word, _ in sorted(FREQUENT, key=lambda item: (-item[1], item[0]))]
    counts = count(PIECES, at_least=11)
    assert counts.most_frequent(100) == expected
    assert counts.most_frequent(11) == expected[:11]


def test_beyond_the_bound_rare_words_are_forgotten_and_frequent_ones_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(word_counts, "MOST_PIECES", 10)
    monkeypatch.setattr(word_counts, "MOST_WORDS", 50)
    pieces = [piece for i in range(20_000) for piece in (f"rare{i}", f"often{i % 9}")]
    counts = count(pieces, at_least=9)
    assert sorted(counts.most_frequent(9)) == [f"often{i}" for i in range(9)]
    assert len(counts._words) <= 50
    assert len(counts._pieces) <= 10
    assert len(count(pieces, at_least=1000).most_frequent(1000)) == 1000
