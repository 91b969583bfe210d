"""Texts to token ids: lower-cased words and punctuation marks, numbered by frequency."""

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Self

import numpy as np
import tokenizers
from tokenizers import Regex, models, pre_tokenizers

from rnncli.errors import DataError
from rnncli.settings.prepare import Keep

PAD_ID = 0
UNKNOWN_ID = 1
RESERVED_IDS = 2

# Neither can be met in a text: the pattern below splits off the brackets.
_RESERVED = {"<pad>": PAD_ID, "<unk>": UNKNOWN_ID}

# Scripts written without spaces give one token a character, or each sentence would be unknown.
_NO_SPACES = r"\p{Han}\p{Hiragana}\p{Katakana}"
_LETTERS = rf"[\w&&[^_{_NO_SPACES}]]+"
# "don't" becomes "do" and "n't", so that one token stands for the negation in all contractions
# of its kind; "film's" becomes "film" and "'s".
_TOKEN = rf"{_LETTERS}?(?=n't\b)|n't\b|'(?:s|m|re|ve|ll|d)\b|{_LETTERS}|[{_NO_SPACES}]|[^\w\s]|_"

# No token goes across a blank or an ASCII mark other than the apostrophe and the underscore, which
# decide how the letters beside them are split. So a piece, a mark or what stands between such
# marks and blanks, gives the same tokens wherever it stands.
_PIECE = re.compile(r"[^ \t-\r!-&(-/:-@\[-^`{-~]+|[!-&(-/:-@\[-^`{-~]")
_MOST_REMEMBERED = 2**16  # pieces
_MOST_COUNTED = 2**17  # words
_LONGEST_REMEMBERED = 64  # characters

_LINE_BREAK = re.compile(r"<br\s*/?>")

# The library warns at every later fork of the process unless this is set, either way.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")


def normalise(text: str) -> str:
    """`text` as the tokenizer reads it.

    Lower case, composed characters, plain apostrophes, no line-break markup (``<br />``); half
    of a surrogate pair, which no UTF-8 can hold, becomes a question mark.
    """
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode().replace("’", "'")
        text = unicodedata.normalize("NFC", text)
    return _LINE_BREAK.sub(" ", text.lower())


class Tokenizer:
    """Splits texts into lower-cased words and punctuation marks and numbers them.

    Contractions are split where their second word begins. Id 0 is padding and never comes out
    of a text; id 1 stands for every word that is not in the vocabulary.
    """

    def __init__(self, backend: tokenizers.Tokenizer) -> None:
        self._backend = backend
        self._ids_of_pieces = _PieceIds(backend)
        self.vocab_size: int = backend.get_vocab_size()

    @classmethod
    def train(cls, texts: Iterable[str], vocab_size: int) -> Self:
        """Make the vocabulary: the most frequent words of `texts`, ties in alphabetical order.

        Args:
            texts: The training texts, which are read once. Beyond 131,072 different words, or four
                times `vocab_size`, the rarest met so far are forgotten, so that memory is bounded.
            vocab_size: The most entries to keep, padding and unknown included.
        """
        words = _count_words(texts, max(_MOST_COUNTED, 4 * vocab_size))
        most = sorted(words, key=lambda word: (-words[word], word))[: vocab_size - RESERVED_IDS]
        return cls(_backend(_RESERVED | {word: index for index, word in enumerate(most, RESERVED_IDS)}))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `to_bytes` gave from the file `path`.

        Raises:
            DataError: The file is damaged.
        """
        content = path.read_bytes()
        try:
            backend = tokenizers.Tokenizer.from_str(content.decode())
            unknown = getattr(backend.model, "unk_token", None)
            if unknown is None or backend.token_to_id(unknown) != UNKNOWN_ID:
                raise ValueError(f"unknown words should have the id {UNKNOWN_ID}")
            return cls(backend)
        except Exception as error:  # the library raises nothing more specific
            reason = " ".join(str(error).split())
            raise DataError(f"{path}: not a tokenizer, or a damaged one: {reason}") from error

    def to_bytes(self) -> bytes:
        """The content of ``tokenizer.json``: equal for equal vocabularies."""
        content: str = self._backend.to_str()
        return content.encode() + b"\n"

    def ids_by_word(self) -> dict[str, int]:
        """The vocabulary: the id of every entry, padding and unknown included."""
        ids: dict[str, int] = self._backend.get_vocab()
        return ids

    def encode(self, texts: Iterable[str]) -> list[np.ndarray]:
        """The token ids of each text, int32 [length], not truncated; an empty text gives none."""
        ids_of = self._ids_of_pieces.__getitem__
        return [np.frombuffer(b"".join(map(ids_of, _pieces(text))), np.int32) for text in texts]


class _PieceIds(dict[str, bytes]):
    """The token ids of pieces, as bytes of int32; the usual ones are remembered.

    Texts repeat few different pieces: to look them up takes a fraction of the time that the
    library needs for whole texts.
    """

    def __init__(self, backend: tokenizers.Tokenizer) -> None:
        self._backend = backend

    def __missing__(self, piece: str) -> bytes:
        if _is_word(piece):
            known: int | None = self._backend.token_to_id(piece)
            token_ids = [UNKNOWN_ID if known is None else known]
        else:
            token_ids = self._backend.encode(piece).ids
        content = np.array(token_ids, np.int32).tobytes()
        if len(piece) <= _LONGEST_REMEMBERED:
            if len(self) >= _MOST_REMEMBERED:
                self.clear()
            self[piece] = content
        return content


def _count_words(texts: Iterable[str], most: int) -> Counter[str]:
    """How often each word occurs; a piece is split once for all the times that it was met.

    Whenever there are more than `most` different words, the rarer ones are forgotten down to half
    as many: they may then have been met a little more often than they are counted.
    """
    splitter = _backend({}).pre_tokenizer
    words: Counter[str] = Counter()
    pieces: Counter[str] = Counter()

    def split_pieces() -> None:
        for piece, times in pieces.items():
            found = [piece] if _is_word(piece) else [word for word, _ in splitter.pre_tokenize_str(piece)]
            for word in found:
                words[word] += times
        pieces.clear()
        if len(words) > most:
            rarest = sorted(words, key=words.__getitem__)[: len(words) - most // 2]
            for word in rarest:
                del words[word]

    for text in texts:
        pieces.update(_pieces(text))
        if len(pieces) > _MOST_REMEMBERED:  # without blanks, whole sentences are pieces
            split_pieces()
    split_pieces()
    return words


def _pieces(text: str) -> list[str]:
    return _PIECE.findall(normalise(text))


def _is_word(piece: str) -> bool:
    """Whether `piece` is a single token for certain: letters and digits alone, as most are."""
    return piece.isascii() and piece.isalnum()


def truncate(token_ids: np.ndarray, max_length: int, keep: Keep) -> np.ndarray:
    """At most `max_length` of `token_ids` [length]: the last of them, the first, or half of each.

    Of an odd number, ``both`` keeps one more of the first.
    """
    if len(token_ids) <= max_length:
        return token_ids
    first = {"end": 0, "start": max_length, "both": (max_length + 1) // 2}[keep]
    last = len(token_ids) - (max_length - first)
    return np.concatenate([token_ids[:first], token_ids[last:]])


def _backend(vocabulary: dict[str, int]) -> tokenizers.Tokenizer:
    """The library's tokenizer with our splitting and this `vocabulary`."""
    backend = tokenizers.Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Split(Regex(_TOKEN), behavior="removed", invert=True)
    return backend
