"""Dividing examples into splits: stratified by label, never cutting through a group."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from rnncli.config import PrepareConfig
from rnncli.data.examples import SPLITS, Examples
from rnncli.data.statistics import text_digests
from rnncli.errors import DataError


def assign_splits(
    labels: Sequence[str], groups: Sequence[str], fractions: Mapping[str, float], *, seed: int
) -> list[str]:
    """Name a split for each example.

    Each split in `fractions` gets that share of every label's examples, as nearly as whole
    groups allow; what remains, at least one example of each label, is ``train``.

    Args:
        labels: The label of each example.
        groups: The group of each example; a group stays together.
        fractions: The share of all examples by split.
        seed: Decides which groups go where; the order of the examples does not.
    """
    members: dict[str, list[int]] = {}
    for index, group in enumerate(groups):
        members.setdefault(group, []).append(index)
    group_labels = {group: Counter(labels[i] for i in indices) for group, indices in members.items()}

    names = sorted(members)
    order = np.random.default_rng(seed).permutation(len(names))
    free = [names[i] for i in order]
    left = Counter(labels)
    totals = Counter(labels)
    result = ["train"] * len(labels)
    for split, fraction in fractions.items():
        wanted = Counter(
            {label: min(max(round(fraction * n), 1), left[label] - 1) for label, n in totals.items()}
        )
        kept = []
        for group in free:
            if group_labels[group] <= wanted:
                wanted -= group_labels[group]
                left -= group_labels[group]
                for index in members[group]:
                    result[index] = split
            else:
                kept.append(group)
        free = kept
    return result


def complete_splits(given: Mapping[str, Examples], config: PrepareConfig) -> dict[str, Examples]:
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
        groups = train.groups or _copies(train.texts)
        assigned = assign_splits(labels, groups, fractions, seed=config.seed)
        for split in ("train", *fractions):
            splits[split] = _subset(train, [i for i, name in enumerate(assigned) if name == split])
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


def _copies(texts: list[str]) -> list[str]:
    """A group for each text that it shares with its copies; empty texts are no copies."""
    return [digest.hex() or f"empty {i}" for i, digest in enumerate(text_digests(texts))]


def _subset(examples: Examples, indices: list[int]) -> Examples:
    """The examples at `indices`, in that order."""

    def pick(values: list[str] | None) -> list[str] | None:
        return None if values is None else [values[i] for i in indices]

    return Examples(
        texts=[examples.texts[i] for i in indices],
        labels=pick(examples.labels),
        tags=pick(examples.tags),
        groups=pick(examples.groups),
    )
