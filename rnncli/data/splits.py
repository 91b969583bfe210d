"""Dividing examples into splits: stratified by label, never cutting through a group."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rnncli.data.examples import EMPTY, SPLITS, Examples
from rnncli.errors import DataError
from rnncli.settings.prepare import PrepareSettings


def assign_splits(
    labels: Sequence[str], groups: NDArray[np.integer], fractions: Mapping[str, float], *, seed: int
) -> NDArray[np.int8]:
    """Divide examples into splits.

    Each split in `fractions` gets that share of every label's examples, as nearly as whole
    groups allow; what remains, at least one example of each label, is ``train``.

    Args:
        labels: The label of each example.
        groups: The number of each example's group [n]; a group stays together.
        fractions: The share of all examples by split.
        seed: Decides which groups go where; the order of the examples does not.

    Returns:
        The split of each example [n]: 0 for ``train``, from 1 on those in `fractions`.
    """
    order = np.argsort(groups, kind="stable")
    ordered = groups[order]
    bounds = np.concatenate([[0], 1 + np.flatnonzero(ordered[1:] != ordered[:-1]), [len(order)]])
    shuffled = np.random.default_rng(seed).permutation(len(bounds) - 1)
    totals = Counter(labels)
    left = Counter(totals)
    part = np.zeros(len(order), np.int8)
    for number, fraction in enumerate(fractions.values(), 1):
        wanted = Counter(
            {label: min(max(round(fraction * n), 1), left[label] - 1) for label, n in totals.items()}
        )
        for group in shuffled:
            members = order[bounds[group] : bounds[group + 1]]
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


def complete_splits(given: Mapping[str, Examples], config: PrepareSettings) -> dict[str, Examples]:
    """The splits that a source gives, and the missing ones taken from ``train``.

    Without groups of its own, a text and its copies are a group, so that no copy of a training
    text ends up in another split.

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
        part = assign_splits(train.labels or [], _groups(train), fractions, seed=config.seed)
        for number, split in enumerate(["train", *fractions]):
            splits[split] = train.take(np.flatnonzero(part == number))
        splits["train"].skipped = train.skipped
    return {split: splits[split] for split in SPLITS if split in splits}


def check_splits(splits: Mapping[str, Examples], *, where: str) -> None:
    """Refuse splits that cannot be trained or measured on; `where` names the source.

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
        if strange := sorted(set(examples.labels or ()) - known):
            raise DataError(
                f"{where}: the {split} split has a label that no training row has: {strange[0]!r}; "
                "correct it, or add training rows with it"
            )


def join_splits(
    splits: Mapping[str, Examples], further: Mapping[str, Examples], *, where: str
) -> dict[str, Examples]:
    """The splits with `further` examples in the parts that those are for; `where` names their source.

    Raises:
        DataError: One of them has a label that the training examples do not have.
    """
    known = set(splits["train"].labels or ())
    joined = dict(splits)
    for split, examples in further.items():
        if strange := sorted(set(examples.labels or ()) - known):
            raise DataError(
                f"{where}: its label {strange[0]!r} is none of the dataset's, which are "
                f"{', '.join(map(repr, sorted(known)))}; correct it, or leave such rows out"
            )
        joined[split] = joined[split].with_further(examples) if split in joined else examples
    return {split: joined[split] for split in SPLITS if split in joined}


def names_in(splits: Mapping[str, Examples], kind: Literal["labels", "tags"]) -> tuple[str, ...]:
    """The distinct labels or tags of all splits: in order of number if all are numbers, else by name."""
    names = sorted({value for examples in splits.values() for value in getattr(examples, kind) or ()})
    try:
        are_numbers = all(math.isfinite(float(name)) for name in names)
    except ValueError:
        are_numbers = False
    return tuple(sorted(names, key=float) if are_numbers else names)


def _groups(examples: Examples) -> NDArray[np.integer]:
    """The number of each example's group [n]: a text and its copies, where the source has no groups."""
    if examples.groups is not None:
        return np.unique(examples.groups, return_inverse=True)[1]
    groups = examples.digests.copy()
    empty = np.flatnonzero(groups == EMPTY)
    groups[empty] = np.arange(len(empty))  # an empty text is a group of its own
    return groups
