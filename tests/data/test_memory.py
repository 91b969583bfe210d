"""What `prepare` and `train` hold in memory hardly grows with the corpus."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rnncli.data.names import Names

from rnncli.data.batching import bucket_widths, plan_epoch
from rnncli.data.examples import Examples
from rnncli.data.splits import complete_splits
from rnncli.data.statistics import count_shared, summarise
from rnncli.data.stored_texts import StoredTexts, TextStore
from rnncli.settings.prepare import PrepareSettings
from tests.benchmarks import memory

MEGABYTES = (2, 16)
TEXTS = (20_000, 100_000)


def test_preparing_eight_times_as_much_takes_hardly_more_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "VOCABULARY", 1000)  # so that both corpora hold all of it
    peaks = []
    for megabytes in MEGABYTES:
        memory.write_corpus(tmp_path / "corpus.csv", megabytes)
        peaks.append(memory.measure(["prepare", str(tmp_path / "corpus.csv")], tmp_path))
    small, large = peaks
    assert large.own - small.own < 0.6 * (MEGABYTES[1] - MEGABYTES[0])


def bytes_a_text(work: Callable[[int], object]) -> float:
    """By how much the peak of what Python and NumPy allocate grows with each text more."""
    work(1000)  # what the first call alone takes
    peaks = []
    for texts in TEXTS:
        tracemalloc.start()
        try:
            work(texts)
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    return (peaks[1] - peaks[0]) / (TEXTS[1] - TEXTS[0])


def test_a_text_that_is_read_and_divided_takes_few_bytes(tmp_path: Path) -> None:
    def divide(count: int) -> None:
        with TextStore(tmp_path) as store:
            texts, labels = StoredTexts(store), Names()
            for row in range(count):
                texts.append(f"text {row}")
                labels.append("ab"[row % 2])
            complete_splits({"train": Examples(texts, labels=labels)}, PrepareSettings())

    assert bytes_a_text(divide) < 16


def test_counting_the_copies_of_a_text_takes_few_bytes(tmp_path: Path) -> None:
    def count_copies(count: int) -> None:
        with TextStore(tmp_path) as store:
            texts = StoredTexts(store)
            for row in range(count):
                texts.append(f"text {row // 2}")
            splits = {"train": Examples(texts), "test": Examples(texts[: count // 10])}
            assert count_shared(splits) == {"train/test": count // 10}
            lengths = np.ones(count, np.int32)
            summary = summarise(splits["train"], lengths=lengths, max_length=1, unknown_tokens=0)
            assert summary.duplicates == count // 2

    assert bytes_a_text(count_copies) < 14


def test_planning_an_epoch_takes_few_bytes_a_text() -> None:
    def plan(count: int) -> None:
        lengths = np.arange(count, dtype=np.int32) % 97
        plan_epoch(lengths, 128, bucket_widths(lengths, 97), np.random.default_rng(0))

    assert bytes_a_text(plan) < 16
