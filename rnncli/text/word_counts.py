"""How often words occur, counted in bounded memory."""

from collections import Counter
from collections.abc import Callable, Iterable

MOST_WORDS = 2**18
MOST_PIECES = 2**16


class WordCounts:
    """Counts the words of texts that come in pieces.

    The counts are exact while there are no more than `MOST_WORDS` different words, or four times
    the number asked for if that is more. Beyond that the rarer half is forgotten whenever the
    bound is passed, so that a word may have been met a little more often than it is counted:
    this can change which of the rarest words are kept, and with the order of the texts.
    """

    def __init__(self, split: Callable[[str], list[str]], *, at_least: int) -> None:
        """Count words; `split` gives those of a piece, and `at_least` so many will be asked for."""
        self._split = split
        self._most_words = max(MOST_WORDS, 4 * at_least)
        self._pieces: Counter[str] = Counter()  # not split yet: each is split once, however frequent
        self._words: Counter[str] = Counter()

    def add(self, pieces: Iterable[str]) -> None:
        """Count the words of `pieces`."""
        self._pieces.update(pieces)
        if len(self._pieces) > MOST_PIECES:
            self._flush()

    def most_frequent(self, count: int) -> list[str]:
        """At most `count` words, the most frequent ones first, ties in alphabetical order."""
        self._flush()
        return sorted(self._words, key=lambda word: (-self._words[word], word))[:count]

    def _flush(self) -> None:
        """Split the pieces that were met so far."""
        for piece, times in self._pieces.items():
            for word in self._split(piece):
                self._words[word] += times
        self._pieces.clear()
        if len(self._words) > self._most_words:
            frequent = sorted(self._words, key=self._words.__getitem__, reverse=True)
            self._words = Counter({word: self._words[word] for word in frequent[: self._most_words // 2]})
