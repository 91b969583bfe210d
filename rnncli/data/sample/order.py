"""The suite "order": short statements whose words and frames the sample's training texts do not use."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rnncli.data.sample.grammar import Dice, Lexicon, fill, negate, punctuate, read_grammar, render

KINDS = ("plain", "negated", "contrasted", "intensified")
PAIRS_EACH = {"both": 4, "pos": 6, "neg": 6}
"""Pairs of each negation frame and label, by the labels that the frame serves."""
STATEMENTS_EACH = 4
"""Statements of each other frame and label."""


@dataclass(frozen=True)
class Statement:
    """A short text beyond doubt.

    Attributes:
        text: One sentence.
        label: "neg" or "pos".
        kind: One of `KINDS`.
        frame: The sentence before its slots were filled.
        pair: What it shares with its twin, from which only a negation tells it; None without a twin.
    """

    text: str
    label: str
    kind: str
    frame: str
    pair: int | None = None


def order_suite() -> list[Statement]:
    """The statements by kind, always the same; two that follow each other with one `pair` are twins."""
    lexicon, frames = read_grammar("order.toml")
    dice = Dice(0)
    pairs = twins(frames["negated"], lexicon, dice)
    negated = [
        Statement(text, label, "negated", frame, number)
        for number, (frame, members) in enumerate(pairs)
        for text, label in members
    ]
    others = {
        kind: [
            Statement(punctuate([sentence]), label, kind, frame)
            for frame in frames[kind]
            for label in ("neg", "pos")
            for sentence in _distinct(frame, label, dice, lexicon, STATEMENTS_EACH)
        ]
        for kind in KINDS
        if kind != "negated"
    }
    return [statement for kind in KINDS for statement in others.get(kind, negated)]


def twins(
    frames: Mapping[str, Sequence[str]], lexicon: Lexicon, dice: Dice
) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Each frame with the two texts and labels of a pair, the negated one last."""
    for labels, members in frames.items():
        for frame in members:
            for label in ("neg", "pos") if labels == "both" else (labels,):
                for sentence in _distinct(frame, label, dice, lexicon, PAIRS_EACH[labels]):
                    yield (
                        frame,
                        [
                            (punctuate([negate(sentence, negated=False)]), label),
                            (punctuate([negate(sentence, negated=True)]), "neg" if label == "pos" else "pos"),
                        ],
                    )


def _distinct(frame: str, label: str, dice: Dice, lexicon: Lexicon, count: int) -> Iterable[str]:
    """Different sentences of one frame."""
    found: dict[str, None] = {}
    while len(found) < count:
        found[render(frame, fill(frame, label, dice, lexicon=lexicon))] = None
    return found
