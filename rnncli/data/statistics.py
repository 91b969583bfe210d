"""What `prepare` reports of the texts that it read."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import combinations

import numpy as np

from rnncli.data.copies import count_copies, count_known
from rnncli.data.dataset import SplitStatistics
from rnncli.data.examples import Examples


def count_shared(splits: Mapping[str, Examples]) -> dict[str, int]:
    """Texts of a split that also occur in an earlier one, by ``EARLIER/SPLIT``; zeros left out."""
    counts = {
        f"{first}/{second}": count_known(splits[second].digests, splits[first].digests)
        for first, second in combinations(splits, 2)
    }
    return {pair: count for pair, count in counts.items() if count}


def summarise(
    examples: Examples,
    *,
    lengths: np.ndarray,
    max_length: int,
    unknown_tokens: int,
) -> SplitStatistics:
    """Describe one split.

    Args:
        examples: Its texts.
        lengths: Tokens of each text before truncation, [n].
        max_length: The most tokens kept of a text.
        unknown_tokens: Tokens kept that are not in the vocabulary.
    """
    kept = int(np.minimum(lengths, max_length).sum())
    return SplitStatistics(
        rows=len(examples),
        skipped_rows=examples.skipped,
        label_counts=_counts(examples.labels),
        tag_counts=_counts(examples.tags),
        lengths=_length_summary(lengths),
        truncated=float(np.mean(lengths > max_length)),
        unknown=unknown_tokens / kept if kept else 0.0,
        empty=int(np.sum(lengths == 0)),
        duplicates=count_copies(examples.digests),
        texts_sha256=_content_digest(examples),
    )


def _counts(values: Iterable[str] | None) -> dict[str, int]:
    return dict(sorted(Counter(values or ()).items()))


def _length_summary(lengths: np.ndarray) -> dict[str, float]:
    p50, p90, p99 = np.percentile(lengths, [50, 90, 99], method="inverted_cdf")
    return {
        "mean": round(float(lengths.mean()), 2),
        "p50": int(p50),
        "p90": int(p90),
        "p99": int(p99),
        "max": int(lengths.max()),
    }


def _content_digest(examples: Examples) -> str:
    digest = hashlib.sha256()
    for values in (examples.texts, examples.labels or ()):
        for value in values:
            content = value.encode("utf-8", "replace")
            digest.update(len(content).to_bytes(8, "little"))
            digest.update(content)
    return digest.hexdigest()
