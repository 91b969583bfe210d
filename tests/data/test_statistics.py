import numpy as np

from rnncli.data.examples import Examples
from rnncli.data.statistics import count_shared, summarise


def test_shared_texts_are_counted_in_the_later_split() -> None:
    splits = {"train": ["a", "b", "b", ""], "validation": ["c", ""], "test": ["b", "b", "c", "d", ""]}
    examples = {name: Examples(texts) for name, texts in splits.items()}
    assert count_shared(examples) == {"train/test": 2, "validation/test": 1}


def test_a_summary() -> None:
    examples = Examples(
        ["a b c", "A b  c", "", "d"], labels=["y", "x", "y", "y"], tags=["t", "t", "t", "u"], skipped=3
    )
    summary = summarise(examples, lengths=np.array([3, 3, 0, 1]), max_length=2, unknown_tokens=1)
    assert (summary.rows, summary.skipped_rows, summary.empty, summary.duplicates) == (4, 3, 1, 1)
    assert summary.label_counts == {"x": 1, "y": 3}
    assert summary.tag_counts == {"t": 3, "u": 1}
    assert summary.lengths == {"mean": 1.75, "p50": 1, "p90": 3, "p99": 3, "max": 3}
    assert summary.truncated == 0.5
    assert summary.unknown == 1 / 5


def test_the_digest_of_the_content_sees_texts_labels_and_their_order() -> None:
    def digest(texts: list[str], labels: list[str] | None) -> str:
        arguments = {"lengths": np.ones(2), "unknown_tokens": 0}
        return summarise(Examples(texts, labels=labels), max_length=1, **arguments).texts_sha256

    digests = [
        digest(["a", "b"], None),
        digest(["a", "b"], ["x", "y"]),
        digest(["b", "a"], ["x", "y"]),
        digest(["a", "b"], ["y", "x"]),
        digest(["ab", ""], ["x", "y"]),
        digest(["A", "b"], ["x", "y"]),
    ]
    assert len(set(digests)) == len(digests)
