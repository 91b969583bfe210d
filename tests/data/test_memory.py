"""What `prepare` holds in memory hardly grows with the corpus."""

from pathlib import Path

import pytest

from tests.benchmarks import memory

MEGABYTES = (6, 24)  # what is remembered of words is full by the first


def test_preparing_four_times_as_much_takes_hardly_more_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "VOCABULARY", 1000)  # so that both corpora hold all of it
    monkeypatch.setattr(memory, "DRAWN_WORDS", 100_000)
    own = []
    for megabytes in MEGABYTES:
        memory.write_corpus(tmp_path / "corpus.csv", megabytes)
        own.append(memory.measure(["prepare", str(tmp_path / "corpus.csv")], tmp_path)[1])
    assert own[1] - own[0] < 0.6 * (MEGABYTES[1] - MEGABYTES[0])
