import random
import zlib
from collections import Counter

import numpy as np
import pytest

from rnncli.data.examples import Examples
from rnncli.data.splits import assign_splits, check_splits, complete_splits, names_in
from rnncli.errors import DataError
from rnncli.settings.prepare import PrepareSettings


def assigned(labels: list[str], groups: list[str], fractions: dict[str, float], *, seed: int) -> list[str]:
    """The split of each example."""
    numbers = np.unique(groups, return_inverse=True)[1].astype(np.uint64)
    splits = ["train", *fractions]
    return [splits[number] for number in assign_splits(labels, numbers, fractions, seed=seed)]


def test_shares_are_exact_where_nothing_is_grouped() -> None:
    labels = ["a"] * 503 + ["b"] * 97 + ["c"] * 11
    groups = [str(i) for i in range(len(labels))]
    split = assigned(labels, groups, {"test": 0.2, "validation": 0.1}, seed=3)
    counts = Counter(zip(labels, split, strict=True))
    assert [counts[label, "test"] for label in "abc"] == [101, 19, 2]
    assert [counts[label, "validation"] for label in "abc"] == [50, 10, 1]


def test_groups_stay_whole_and_labels_balanced() -> None:
    dice = random.Random(5)
    groups = [f"film{dice.randrange(307)}" for _ in range(2003)]
    labels = [dice.choice(["neg", "pos"]) for _ in groups]
    split = assigned(labels, groups, {"validation": 0.1}, seed=0)
    sides = {(group, name) for group, name in zip(groups, split, strict=True)}
    assert len(sides) == len(set(groups))
    counts = Counter(zip(labels, split, strict=True))
    for label, total in Counter(labels).items():
        assert abs(counts[label, "validation"] - 0.1 * total) <= 2


def test_the_seed_decides_and_the_order_of_examples_does_not() -> None:
    groups = [f"g{i // 3}" for i in range(211)]
    labels = ["ab"[i % 2] for i in range(211)]
    first = assigned(labels, groups, {"validation": 0.3}, seed=1)
    assert zlib.crc32("".join(first).encode()) == 762049523, "published figures rest on the split of a seed"
    assert first == assigned(labels, groups, {"validation": 0.3}, seed=1)
    assert first != assigned(labels, groups, {"validation": 0.3}, seed=2)
    backwards = assigned(labels[::-1], groups[::-1], {"validation": 0.3}, seed=1)
    assert backwards[::-1] == first


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_each_label_keeps_a_training_row(rows: int) -> None:
    labels = ["rare"] * rows + ["common"] * 50
    split = assigned(labels, [str(i) for i in range(len(labels))], {"test": 0.4, "validation": 0.4}, seed=0)
    assert "train" in split[:rows]


def test_copies_of_a_text_land_on_one_side() -> None:
    texts = [f"text {i // 4}" for i in range(400)]
    splits = complete_splits(
        {"train": Examples(texts, labels=["ab"[i // 4 % 2] for i in range(400)])}, PrepareSettings()
    )
    assert list(splits) == ["train", "validation", "test"]
    sides = [set(examples.texts) for examples in splits.values()]
    assert sum(map(len, sides)) == len(set(texts))
    assert [len(examples) for examples in splits.values()] == [320, 40, 40]


def test_given_splits_are_left_alone() -> None:
    train = Examples([f"t{i}" for i in range(50)], labels=["a", "b"] * 25, tags=["x", "y"] * 25, skipped=7)
    test = Examples(["t"], labels=["a"])
    splits = complete_splits({"test": test, "train": train}, PrepareSettings(val_fraction=0.2))
    assert splits["test"] is test
    assert [len(splits[name]) for name in ("train", "validation")] == [40, 10]
    assert splits["train"].skipped == 7
    assert len(splits["validation"].tags or ()) == 10
    assert len(train) == 50
    whole = {"train": train, "validation": test, "test": test}
    assert complete_splits(whole, PrepareSettings())["train"] is train


@pytest.mark.parametrize(
    ("train", "validation", "message"),
    [
        (["a", "a"], ["a"], "at least two labels; the training rows have: 'a'"),
        (["a", "b"], [], "the validation split is empty"),
        (["a", "b"], ["c"], "the validation split has a label that no training row has: 'c'"),
        ([str(i) for i in range(150)], ["1"], "150 different labels in 150 training rows"),
    ],
)
def test_useless_splits_are_refused(train: list[str], validation: list[str], message: str) -> None:
    splits = {
        "train": Examples([""] * len(train), labels=train),
        "validation": Examples([""] * len(validation), labels=validation),
    }
    with pytest.raises(DataError, match=f"here: .*{message}"):
        check_splits(splits, where="here")


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["10", "9", "1"], ("1", "9", "10")),
        (["pos", "neg", "10", "9"], ("10", "9", "neg", "pos")),
        (["1.0", "1"], ("1", "1.0")),
        (["nan", "9", "10", "inf"], ("10", "9", "inf", "nan")),
    ],
)
def test_numbers_are_sorted_as_numbers(labels: list[str], expected: tuple[str, ...]) -> None:
    assert names_in({"train": Examples([""] * len(labels), labels=labels)}, "labels") == expected
    assert names_in({"train": Examples(["a"], labels=labels)}, "tags") == ()
