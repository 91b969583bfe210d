"""What `prepare` reports of the texts that it read."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from rnncli.data.dataset import SplitStatistics
from rnncli.data.examples import EMPTY, Examples


def count_shared(splits: Mapping[str, Examples]) -> dict[str, int]:
    """Texts of a split that also occur in an earlier one, by ``EARLIER/SPLIT``; zeros left out."""
    digests = {split: np.sort(_without_empty(examples)) for split, examples in splits.items()}
    counts = {}
    for first, second in combinations(splits, 2):
        starts, ends = (np.searchsorted(digests[first], digests[second], side) for side in ("left", "right"))
        counts[f"{first}/{second}"] = int(np.count_nonzero(starts < ends))
    return {pair: count for pair, count in counts.items() if count}


def summarise(
    examples: Examples, *, lengths: np.ndarray, max_length: int, unknown_tokens: int
) -> SplitStatistics:
    """Describe one split.

    Args:
        examples: Its texts.
        lengths: Tokens of each text before truncation, [n].
        max_length: The most tokens kept of a text.
        unknown_tokens: Tokens kept that are not in the vocabulary.
    """
    kept = int(np.minimum(lengths, max_length).sum())
    digests = _without_empty(examples)
    digests.sort()
    p50, p90, p99 = np.percentile(lengths, [50, 90, 99], method="inverted_cdf").tolist()
    mean = round(float(lengths.mean()), 2)
    return SplitStatistics(
        rows=len(examples),
        skipped_rows=examples.skipped,
        label_counts=dict(sorted(Counter(examples.labels or ()).items())),
        tag_counts=dict(sorted(Counter(examples.tags or ()).items())),
        lengths={"mean": mean, "p50": p50, "p90": p90, "p99": p99, "max": int(lengths.max())},
        truncated=float(np.mean(lengths > max_length)),
        unknown=unknown_tokens / kept if kept else 0.0,
        empty=int(np.sum(lengths == 0)),
        duplicates=int(np.count_nonzero(digests[1:] == digests[:-1])),
        texts_sha256=_content_digest(examples),
        further=examples.further,
    )


def _without_empty(examples: Examples) -> NDArray[np.uint64]:
    """The digests of the texts that hold a word: empty texts are no copies of one another."""
    return examples.digests[examples.digests != EMPTY]


def _content_digest(examples: Examples) -> str:
    digest = hashlib.sha256()
    for values in (examples.texts, examples.labels or ()):
        for value in values:
            content = value.encode("utf-8", "replace")
            digest.update(len(content).to_bytes(8, "little"))
            digest.update(content)
    return digest.hexdigest()
