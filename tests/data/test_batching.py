"""Batches: every text once, in an order that only the seed decides, with few shapes."""

from itertools import combinations

import numpy as np
import pytest

from rnncli.data import batching
from rnncli.data.batching import (
    LENGTH_MULTIPLE,
    MOST_WIDTHS,
    Plan,
    bucket_widths,
    distinct_words,
    pad,
    plan_epoch,
    room_for_words,
    round_up,
)

BATCH_SIZE = 7


@pytest.fixture(autouse=True)
def _several_widths_for_few_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "TOKENS_PER_WIDTH", 1000)


def random_lengths(size: int, seed: int = 0, longest: int = 101) -> np.ndarray:
    """Mostly short ones, empty ones included."""
    lengths = np.random.default_rng(seed).geometric(0.05, size) - 1
    return np.minimum(lengths, longest).astype(np.int32)


def plans_of(
    lengths: np.ndarray, seed: int | None = 0, epoch: int = 1, batch_size: int = BATCH_SIZE
) -> list[Plan]:
    widths = bucket_widths(lengths, 101)
    rng = None if seed is None else np.random.default_rng([seed, epoch])
    return plan_epoch(lengths, batch_size, widths, rng)


def values_of(plans: list[Plan]) -> list[tuple[list[int], int]]:
    return [(plan.rows.tolist(), plan.width) for plan in plans]


@pytest.mark.parametrize("seed", [None, 0])
@pytest.mark.parametrize("size", [1, BATCH_SIZE - 1, BATCH_SIZE, 32 * BATCH_SIZE, 32 * BATCH_SIZE + 1, 1999])
def test_an_epoch_has_every_row_once_in_full_batches(size: int, seed: int | None) -> None:
    lengths = random_lengths(size)
    plans = plans_of(lengths, seed)
    assert sorted(np.concatenate([plan.rows for plan in plans]).tolist()) == list(range(size))
    assert len(plans) == -(-size // BATCH_SIZE)
    if seed is None:
        rows = np.concatenate([plan.rows for plan in plans])
        assert rows.tolist() == np.argsort(lengths, kind="stable").tolist()
    assert sum(len(plan.rows) < BATCH_SIZE for plan in plans) == (size % BATCH_SIZE > 0)


@pytest.mark.parametrize("seed", [None, 0])
def test_a_batch_is_padded_to_the_smallest_width_that_holds_it(seed: int | None) -> None:
    lengths = random_lengths(1999)
    widths = bucket_widths(lengths, 101)
    plans = plans_of(lengths, seed)
    for plan in plans:
        longest = lengths[plan.rows].max()
        assert plan.width == min(width for width in widths if width >= longest)
    assert {plan.width for plan in plans} == set(widths)
    assert len(widths) == MOST_WIDTHS


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    lengths = random_lengths(1999)
    first = plans_of(lengths, seed=3, epoch=2)
    assert values_of(first) == values_of(plans_of(lengths.copy(), seed=3, epoch=2))
    for other in (plans_of(lengths, seed=3, epoch=3), plans_of(lengths, seed=4, epoch=2)):
        assert {tuple(sorted(plan.rows)) for plan in first}.isdisjoint(
            tuple(sorted(plan.rows)) for plan in other if len(plan.rows) == BATCH_SIZE
        )


def test_rows_are_shuffled_as_numpy_permutes_them() -> None:
    """Equal seeds give equal runs, whatever the type of the rows."""
    rng = np.random.default_rng(5)
    shuffled, size = rng.permutation(1999), 1999 // BATCH_SIZE + 1
    expected = [shuffled[BATCH_SIZE * batch :][:BATCH_SIZE].tolist() for batch in rng.permutation(size)]
    plans = plan_epoch(random_lengths(1999), BATCH_SIZE, (104,), np.random.default_rng(5))
    assert [plan.rows.tolist() for plan in plans] == expected


@pytest.mark.parametrize("longest", [5, 101])
def test_training_sees_lengths_and_rows_in_random_order(longest: int) -> None:
    """Neither short texts first nor rows in their own order, with one width or with several."""
    lengths = random_lengths(1999, longest=longest)
    plans = plans_of(lengths)
    mean_lengths = [lengths[plan.rows].mean() for plan in plans]
    mean_rows = [plan.rows.mean() for plan in plans]
    batches = np.arange(len(plans))
    # Independent sequences of n numbers correlate by about 1 / sqrt(n), here 0.06
    assert abs(np.corrcoef(batches, mean_lengths)[0, 1]) < 0.2
    assert abs(np.corrcoef(mean_lengths[1:], mean_lengths[:-1])[0, 1]) < 0.2
    assert abs(np.corrcoef(batches, mean_rows)[0, 1]) < 0.2


def test_texts_of_similar_length_meet_where_that_saves_padding() -> None:
    lengths = random_lengths(1999)
    padded = sum(plan.width * BATCH_SIZE for plan in plans_of(lengths))
    assert padded < 0.35 * round_up(101) * len(lengths)


@pytest.mark.parametrize("size", [1, 31, 499, 25_013])
def test_widths_are_few_and_hold_every_text(size: int) -> None:
    lengths = random_lengths(size)
    widths = bucket_widths(lengths, 101)
    assert widths == tuple(sorted(set(widths)))
    assert all(width % LENGTH_MULTIPLE == 0 for width in widths)
    assert widths[-1] == round_up(101)
    assert len(widths) <= np.clip(lengths.sum() // 1000, 1, MOST_WIDTHS)
    assert bucket_widths(np.full(size, 200, np.int32), 200) == (200,)
    assert bucket_widths(np.zeros(size, np.int32), 1) == (8,)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("count", range(1, MOST_WIDTHS + 1))
def test_no_other_widths_pad_less(count: int, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    lengths = random_lengths(97, seed, longest=67)
    monkeypatch.setattr(batching, "TOKENS_PER_WIDTH", lengths.sum() // count)

    def tokens(widths: tuple[int, ...]) -> int:
        return sum(min(width for width in widths if width >= length) for length in [*lengths, 67])

    below = range(LENGTH_MULTIPLE, 72, LENGTH_MULTIPLE)
    choices = [(*some, 72) for number in range(count) for some in combinations(below, number)]
    found = bucket_widths(lengths, 67)
    assert len(found) <= count
    assert tokens(found) == min(tokens(choice) for choice in choices)


def test_padding_stands_on_the_left() -> None:
    texts = [np.array(ids, np.uint16) for ids in ([5], [], [2, 3, 4], [7, 8])]
    found = pad(texts, np.array([2, 0, 1]), 4, batch_size=5)
    assert found.dtype == np.int32
    assert found.tolist() == [[0, 2, 3, 4], [0, 0, 0, 5], [0] * 4, [0] * 4, [0] * 4]


@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize("vocab_size", [3, 300, 10_007])
def test_distinct_words_name_the_same_tokens(vocab_size: int, shards: int) -> None:
    random = np.random.default_rng(vocab_size)
    token_ids = random.integers(0, vocab_size, (33, 17)).astype(np.int32)
    token_ids[0, :3] = 0
    room = 607
    batch = distinct_words(token_ids, vocab_size, shards, room)
    assert batch.words is not None
    assert batch.words.shape == (shards, room)
    for part, positions, words in zip(
        np.split(token_ids, shards), np.split(batch.positions, shards), batch.words, strict=True
    ):
        np.testing.assert_array_equal(words[positions], part)
        np.testing.assert_array_equal(positions == 0, part == 0)
        distinct = np.unique([0, *part.ravel()])
        assert words[: len(distinct)].tolist() == distinct.tolist()
        assert not words[len(distinct) :].any()
    assert batch.positions.dtype == batch.words.dtype == np.int32


def test_padding_is_named_though_there_is_none_and_the_vocabulary_serves_where_there_is_no_room() -> None:
    token_ids = np.array([[1, 2, 3], [4, 5, 5]], np.int32)
    batch = distinct_words(token_ids, 1000, 2, 4)
    assert batch.words is not None
    assert batch.words.tolist() == [[0, 1, 2, 3], [0, 4, 5, 0]]
    assert batch.positions.tolist() == [[1, 2, 3], [1, 2, 2]]
    batch = distinct_words(token_ids, 1000, 2, 3)
    assert batch.words is None
    np.testing.assert_array_equal(batch.positions, token_ids)


def test_room_for_words_has_some_slack() -> None:
    batches = [np.arange(count, dtype=np.int32).reshape(2, -1) for count in (2000, 2400)]
    assert room_for_words(batches, 10_000, 1) == 2688  # 1.1 · 2,400 rounded up to a multiple of 128
    assert room_for_words(batches, 10_000, 2) == 1408  # the second shard's 1,200 and padding
    assert room_for_words(batches, 3000, 1) == 0
    assert room_for_words([batch % 100 for batch in batches], 1999, 1) == 0
