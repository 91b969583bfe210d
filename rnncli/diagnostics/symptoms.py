"""Signs that a model has learned nothing, each in a sentence that names the likely cause.

Pure functions of figures that are there anyway; whoever calls them warns the user.
"""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from rnncli.data.dataset import Manifest, Split
    from rnncli.evaluation.measures import Evaluation
    from rnncli.inference.averaged_model import Model

MOST = 0.5  # the share beyond which unknown words are the rule
SAMPLED_TEXTS, TEXTS_AT_ONCE = 1024, 64  # looked at to see whether all get the same label
UNBALANCED = 0.6  # the share of a class from which on weights help
NOT_LEARNED = "try another --learning-rate or more --epochs, and see that texts and labels belong together"


def most_frequent(counts: Mapping[str, int]) -> tuple[str, float]:
    """The most frequent label and its share: the accuracy of always answering it, reading nothing."""
    label = max(counts, key=lambda name: counts[name])
    return label, counts[label] / sum(counts.values())


def blind_loss(train: Mapping[str, int], found: Mapping[str, int]) -> float:
    """Mean negative log-likelihood, in nats, of answering each text with the shares of the labels.

    Args:
        train: examples of the training split by label, which give the shares.
        found: examples by label of the split that is answered.
    """
    surprises = {name: math.log(sum(train.values()) / count) for name, count in train.items() if count}
    losses = [count * surprises.get(name, math.inf) for name, count in found.items() if count]
    return sum(losses) / sum(found.values())


def of_data(manifest: "Manifest") -> list[str]:
    """What a prepared dataset shows before any training: texts whose words are mostly unknown."""
    splits = manifest.splits
    if splits["train"].unknown > MOST:
        return [
            f"{splits['train'].unknown:.0%} of the training split's tokens are not in the vocabulary of "
            f"{manifest.vocab_size:,} words: prepare it with a larger --vocab-size"
        ]
    return [
        f"{split.unknown:.0%} of the {name} split's tokens are not in the vocabulary: its texts use other "
        "words than the training texts do; are they of the same language and kind?"
        for name, split in splits.items()
        if split.unknown > MOST
    ]


def of_training(
    history: Sequence[Mapping[str, Any]],
    train: Mapping[str, int],
    validation: Mapping[str, int],
    *,
    balanced: bool,
    only_label: str | None,
) -> list[str]:
    """What the figures of a finished run show.

    Args:
        history: the epochs' figures, as in metrics.jsonl.
        train: examples of the training split by label.
        validation: examples of the validation split by label.
        balanced: whether classes were weighted: a guess by their shares is then no yardstick.
        only_label: the label that the best model gives every validation text, if it does.
    """
    if _num_labels(validation) < 2:
        return []
    common, share = most_frequent(validation)
    if only_label is not None:
        remedy = _remedy(common, share, balanced=balanced)
        return [f"every validation text is labelled {only_label!r}: {remedy}"]
    loss = blind_loss(train, validation)
    accuracies = [line["val_accuracy"] for line in history]
    losses = [line["val_loss"] for line in history]
    if not balanced and (max(accuracies) <= share or min(losses) >= loss):
        learned = history[-1]["train_accuracy"] >= (1 + share) / 2
        cause = (
            "were learned by heart: get more texts, or try more --dropout or a smaller --hidden-size"
            if learned
            else f"were not learned either: {NOT_LEARNED}"
        )
        return [
            f"no epoch was better on the validation split than answering {common!r} always "
            f"(accuracy {share:.2%}, loss {loss:.4f}): the training texts {cause}"
        ]
    first_is_best = accuracies[0] == max(accuracies) and losses[0] == min(losses)
    if first_is_best and accuracies[0] < 1 and len(history) > 1:
        return [
            f"validation was best after epoch 1 of {len(history)} and never got better: try a lower "
            "--learning-rate or more --dropout"
        ]
    return []


def only_label(model: "Model", split: "Split", accuracy: float) -> str | None:
    """The label that a model gives every text of a labelled split, if it does.

    It can only do so where its accuracy is the share of a class to the last digit; the rest is a
    look at texts from all over the split, up to the first with another label.
    """
    from rnncli.inference.predictions import Predictor

    if split.labels is None or round(accuracy * len(split)) not in np.bincount(split.labels):
        return None
    rows = np.linspace(0, len(split) - 1, min(SAMPLED_TEXTS, len(split))).astype(int)
    predictor, found = Predictor(model), set[int]()
    for start in range(0, len(rows), TEXTS_AT_ONCE):
        texts = [split[int(row)] for row in rows[start : start + TEXTS_AT_ONCE]]
        found |= set(predictor.probabilities(texts).argmax(axis=1).tolist())
        if len(found) > 1:
            return None
    return model.label_names[found.pop()]


def of_evaluation(evaluation: "Evaluation") -> list[str]:
    """What the figures on a split show."""
    truth = dict(zip(evaluation.labels, map(sum, evaluation.confusion), strict=True))
    answers = dict(zip(evaluation.labels, map(sum, zip(*evaluation.confusion, strict=True)), strict=True))
    if _num_labels(truth) < 2:
        return []
    common, share = most_frequent(truth)
    if _num_labels(answers) == 1:
        (label, _), remedy = most_frequent(answers), _remedy(common, share, balanced=False)
        return [f"every text of the {evaluation.subject.split} split is labelled {label!r}: {remedy}"]
    if evaluation.accuracy <= share:
        return [
            f"accuracy {evaluation.accuracy:.4f} is no better than answering {common!r} always "
            f"({share:.4f}): the model has learned nothing that helps with these texts"
        ]
    return []


def of_texts(all_unknown: int, texts: int) -> list[str]:
    """What the words of scored texts show, of which `all_unknown` hold no known word."""
    if all_unknown <= MOST * texts:
        return []
    return [
        f"{all_unknown:,} of {texts:,} texts hold no word of the vocabulary: what they are labelled means "
        "nothing; do language, column and model belong together?"
    ]


def _num_labels(counts: Mapping[str, int]) -> int:
    return sum(count > 0 for count in counts.values())


def _remedy(common: str, share: float, *, balanced: bool) -> str:
    if share >= UNBALANCED and not balanced:
        return f"{share:.0%} of them are {common!r}; try --class-weights balanced or more --epochs"
    return NOT_LEARNED
