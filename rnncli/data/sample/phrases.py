"""Short statements to learn from: what negation, contrast and emphasis do to a word's opinion.

Their frames are in ``phrases.toml``, their words there and in ``words.toml``. The suite "order", which
measures what was learned, has frames and words of its own.
"""

from collections.abc import Mapping, Sequence

from rnncli.data.examples import Examples
from rnncli.data.sample.generate import LABELS, normalized
from rnncli.data.sample.grammar import LEXICON, Dice, Lexicon, fill, negate, punctuate, read_grammar, render

ROWS = {"plain": 4000, "negated": 10_000, "contrasted": 3000, "intensified": 3000}
_ENDS = (".", ".", "!", "")


def generate_phrases(seed: int = 0) -> Examples:
    """Write 20,000 statements, labelled ``neg`` and ``pos``, tagged with their kind, in random order.

    Half of them are twins that only a negation tells apart, such as "Not dull." and "Dull.". No two
    statements have the same words; equal seeds give equal ones on every platform.
    """
    own, frames = read_grammar("phrases.toml")
    lexicon = Lexicon(LEXICON.sentiment | own.sentiment, LEXICON.neutral, LEXICON.parts)
    dice, seen = Dice(seed), set[str]()
    rows = list[tuple[str, str, str]]()
    for kind, size in ROWS.items():
        draw = _twins if kind == "negated" else _single
        end = len(rows) + size
        while len(rows) < end:
            statements = draw(frames[kind], LABELS[len(rows) // 2 % 2], lexicon, dice)
            words = [normalized(text) for text, _ in statements]
            if seen.isdisjoint(words):
                seen.update(words)
                rows += [(punctuate([text], dice.pick(_ENDS)), label, kind) for text, label in statements]
    dice.shuffle(rows)
    texts, labels, tags = (list(column) for column in zip(*rows, strict=True))
    return Examples(texts=texts, labels=labels, tags=tags)


def _single(frames: Sequence[str], label: str, lexicon: Lexicon, dice: Dice) -> list[tuple[str, str]]:
    """One sentence of this label."""
    frame = dice.pick(frames)
    return [(render(frame, fill(frame, label, dice, lexicon=lexicon)), label)]


def _twins(
    frames: Mapping[str, Sequence[str]], label: str, lexicon: Lexicon, dice: Dice
) -> list[tuple[str, str]]:
    """A sentence of this label, and the one of the other label that a negation makes of it."""
    ((sentence, _),) = _single([*frames["both"], *frames[label]], label, lexicon, dice)
    other = LABELS[1 - LABELS.index(label)]
    return [(negate(sentence, negated=False), label), (negate(sentence, negated=True), other)]
