"""Finding texts that occur more than once."""

import hashlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from rnncli.text.tokenizer import normalise

Digests = NDArray[np.uint64]
EMPTY = 0
PART = 2**60  # a sixteenth of all the digests there can be


def text_digest(text: str) -> int:
    """A number of 64 bits, blind to case, markup and white space; `EMPTY` for an empty text.

    Among ten million different texts, two have the same number with a probability of 3 in a million.
    """
    words = normalise(text).split()
    content = " ".join(words).encode()
    return int.from_bytes(hashlib.blake2b(content, digest_size=16).digest()[:8], "big") if words else EMPTY


def parts(digests: Digests) -> Iterator[NDArray[np.int64]]:
    """The rows by digest, a part of the digests' range at a time, in ascending order of the parts.

    There may be many rows: what is done part by part takes a sixteenth of the memory.
    """
    for low in range(0, 2**64, PART):
        yield np.flatnonzero((digests >= low) & (digests <= low + PART - 1))


def count_copies(digests: Digests) -> int:
    """How many of the texts repeat an earlier one; empty ones are no copies."""
    copies = 0
    for rows in parts(digests):
        ordered = np.sort(digests[rows])
        copies += int(np.count_nonzero((ordered[1:] == ordered[:-1]) & (ordered[1:] != EMPTY)))
    return copies


def count_known(digests: Digests, known: Digests) -> int:
    """How many of the texts also occur among the `known` ones, empty ones left out."""
    count = 0
    for rows, known_rows in zip(parts(digests), parts(known), strict=True):
        wanted = digests[rows]
        count += int(np.count_nonzero(np.isin(wanted, known[known_rows]) & (wanted != EMPTY)))
    return count
