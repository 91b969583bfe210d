"""Finding texts that occur more than once."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from rnncli.text.tokenizer import normalise

Digests = NDArray[np.uint64]
EMPTY = 0


def text_digest(text: str) -> int:
    """A number of 64 bits, blind to case, markup and white space; `EMPTY` for an empty text.

    Among ten million different texts, two have the same number with a probability of 3 in a million.
    """
    words = normalise(text).split()
    content = " ".join(words).encode()
    return int.from_bytes(hashlib.blake2b(content, digest_size=16).digest()[:8], "big") if words else EMPTY


def count_copies(digests: Digests) -> int:
    """How many of the texts repeat an earlier one; empty ones are no copies."""
    ordered = np.sort(digests[digests != EMPTY])
    return int(np.count_nonzero(ordered[1:] == ordered[:-1]))


def count_known(digests: Digests, known: Digests) -> int:
    """How many of the texts also occur among the `known` ones, empty ones left out."""
    ordered = np.sort(known)
    wanted = digests[digests != EMPTY]
    places = np.searchsorted(ordered, wanted)
    return int(np.count_nonzero(ordered[np.minimum(places, len(ordered) - 1)] == wanted))
