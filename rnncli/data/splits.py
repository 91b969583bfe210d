"""Dividing examples into splits: stratified by label, never cutting through a group."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import compress
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rnncli.data.copies import EMPTY, Digests, parts
from rnncli.data.examples import SPLITS, Examples
from rnncli.errors import DataError
from rnncli.settings.prepare import PrepareSettings

BEFORE_F = np.uint64(0xEFFF_FFFF_0000_0000)  # where "empty" stands among hexadecimal digits


def assign_splits(
    labels: Sequence[str],
    groups: Digests,
    fractions: Mapping[str, float],
    *,
    seed: int,
) -> NDArray[np.int8]:
    """Divide examples into splits.

    Each split in `fractions` gets that share of every label's examples, as nearly as whole
    groups allow; what remains, at least one example of each label, is ``train``.

    Args:
        labels: The label of each example.
        groups: The number of each example's group; a group stays together.
        fractions: The share of all examples by split.
        seed: Decides which groups go where; the order of the examples does not.

    Returns:
        The split of each example [n]: 0 for ``train``, from 1 on those in `fractions`.
    """
    order, is_first = _members(groups)
    count = np.count_nonzero(is_first) - 1
    starts = np.fromiter(compress(range(len(order)), is_first), np.uint32, count)
    np.random.default_rng(seed).shuffle(starts)
    totals = Counter(labels)
    left = Counter(totals)
    part = np.zeros(len(order), np.int8)
    for number, fraction in enumerate(fractions.values(), 1):
        wanted = Counter(
            {label: min(max(round(fraction * n), 1), left[label] - 1) for label, n in totals.items()}
        )
        for start in starts:
            members = order[start : start + 1 + is_first[start + 1 :].argmax()]
            if part[members[0]]:
                continue
            found = Counter(labels[row] for row in members)
            if found <= wanted:
                wanted -= found
                left -= found
                part[members] = number
                if not wanted:
                    break
    return part


def _members(groups: Digests) -> tuple[NDArray[np.uint32], NDArray[np.bool_]]:
    """The rows of each group, the groups in their own order.

    Five bytes a row, for there may be many.

    Returns:
        The rows [n], and whether each is the first of a group, with a last one that is [n + 1].
    """
    order = np.empty(len(groups), np.uint32)
    is_first = np.ones(len(groups) + 1, bool)
    done = 0
    for rows in parts(groups):
        end = done + len(rows)
        order[done:end] = rows[np.argsort(groups[rows], kind="stable")]
        ordered = groups[order[done:end]]
        is_first[done + 1 : end] = ordered[1:] != ordered[:-1]
        done = end
    return order, is_first


def complete_splits(given: Mapping[str, Examples], config: PrepareSettings) -> dict[str, Examples]:
    """The splits that a source gives, and those it lacks taken from ``train``.

    Without groups of its own, a text and its copies are a group, so that no copy of a training
    text is made a held-out one here.

    Raises:
        DataError: There are no training examples, or too few to share out.
    """
    train = given.get("train")
    if not train:
        raise DataError("no training examples; there must be at least 3 different texts of each label")
    fractions = {"test": config.test_fraction, "validation": config.val_fraction}
    fractions = {split: share for split, share in fractions.items() if split not in given}
    splits = dict(given)
    if fractions:
        labels = train.labels or [""] * len(train)
        groups = _numbered(train.groups) if train.groups else _copies(train.digests)
        part = assign_splits(labels, groups, fractions, seed=config.seed)
        splits |= {split: train.take(part == number) for number, split in enumerate(["train", *fractions])}
        splits["train"].skipped = train.skipped
    return {split: splits[split] for split in SPLITS if split in splits}


def check_splits(splits: Mapping[str, Examples], *, where: str) -> None:
    """Refuse what nothing can be learned from or measured on; `where` names the source.

    Raises:
        DataError: A split is empty, there is one class, or a label is missing from train.
    """
    known = set(splits["train"].labels or ())
    if len(known) < 2:
        found = ", ".join(repr(label) for label in known) or "none"
        raise DataError(f"{where}: a classifier needs at least two labels; the training rows have: {found}")
    if len(known) > max(100, len(splits["train"]) // 2):
        raise DataError(
            f"{where}: {len(known):,} different labels in {len(splits['train']):,} training rows: "
            "are these classes? Name the right column with --label-column"
        )
    for split, examples in splits.items():
        if not examples:
            raise DataError(
                f"{where}: the {split} split is empty: give more rows, at least 3 different texts of "
                "each label, or a larger --val-fraction or --test-fraction"
            )
    for split, examples in splits.items():
        if strange := sorted(set(examples.labels or ()) - known):
            raise DataError(
                f"{where}: the {split} split has a label that no training row has: {strange[0]!r}; "
                "correct it, or add training rows with it"
            )


def names_in(splits: Mapping[str, Examples], kind: Literal["labels", "tags"]) -> tuple[str, ...]:
    """The distinct labels or tags of all splits: in order of number if all are numbers, else by name."""
    names = sorted({value for examples in splits.values() for value in getattr(examples, kind) or ()})
    try:
        numbers = [float(name) for name in names]
    except ValueError:
        return tuple(names)
    if not all(map(math.isfinite, numbers)):
        return tuple(names)
    return tuple(sorted(names, key=float))


def _numbered(groups: Sequence[str]) -> Digests:
    """A number for each group, in the order of their names."""
    return np.unique(list(groups), return_inverse=True)[1].astype(np.uint64)


def _copies(digests: Digests) -> Digests:
    """A group for each text that it shares with its copies; an empty text is a group of its own.

    It is written over `digests`.

    The groups' order decides, with the seed, what goes where: that of the digests in hexadecimal,
    with ``empty 0``, ``empty 1``, … among them.
    """
    empty = np.flatnonzero(digests == EMPTY)
    digests[sorted(empty.tolist(), key=str)] = BEFORE_F + np.arange(len(empty), dtype=np.uint64)
    return digests
