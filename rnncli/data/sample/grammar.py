"""The grammar of the bundled sample corpus: templates become sentences that agree in number and article.

The sentences are in ``templates.toml`` beside this file, the words in ``words.toml``.
"""

import random
import re
import tomllib
from collections.abc import MutableSequence, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
Fillings = dict[str, str]
"""What fills each slot of a template, by the text between the braces."""

Opposites = dict[str, tuple[str, ...]]
"""Words of one kind for the labels ``neg`` and ``pos``, most common first."""


def _read(name: str) -> Any:
    """A file of this folder, with every list of words, whatever its depth, as a tuple."""
    return _listed(tomllib.loads(Path(__file__).with_name(name).read_text(encoding="utf-8")))


def _listed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _listed(inner) for key, inner in value.items()}
    entries = value if isinstance(value, list) else value.split("," if "," in value else None)
    return tuple(" ".join(entry.split()) for entry in entries)


@dataclass(frozen=True)
class Lexicon:
    """The words that fill slots: sentiment words by kind and label, neutral ones by kind, parts of a film."""

    sentiment: dict[str, Opposites]
    neutral: dict[str, tuple[str, ...]]
    parts: dict[str, tuple[str, ...]]
    unseen: dict[str, Opposites] = field(default_factory=dict)


def read_grammar(name: str) -> tuple[Lexicon, Any]:
    """The words, as far as it has its own, and the frames of a file of this folder."""
    content = _read(name)
    words = (content.get(kind, {}) for kind in ("sentiment", "neutral", "parts"))
    return Lexicon(*words), content["frames"]


TEMPLATES: dict[str, tuple[str, ...]] = _read("templates.toml")
LEXICON = Lexicon(**_read("words.toml"))
SENTIMENT, UNSEEN, NEUTRAL = LEXICON.sentiment, LEXICON.unseen, LEXICON.neutral
SINGULAR, PLURAL = LEXICON.parts["singular"], LEXICON.parts["plural"]

_SLOT = re.compile(r"\{([^}]+)\}")
_SENTIMENT_SLOT = re.compile(r"([+-])(new)?([a-z]+)")
_VERB_SLOT = re.compile(r"is(?:n't)?")
_ARTICLE = re.compile(r"\b([Aa]) (?=(?!one\b|uni[tv])[aeiou]|honest|hour)", re.IGNORECASE)
_NEGATION = re.compile(r"\[([^|\]]*)\|?([^\]]*)\] ?")
_SENTENCE_START = re.compile(r"^[a-z]|(?<=[.!?] )[a-z]")


class Dice:
    """Draws that are the same on every platform and Python version.

    They rest on ``Random.random`` and on arithmetic that IEEE 754 rounds exactly.
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def below(self, limit: int, *, low: bool = False) -> int:
        """A whole number from 0 to `limit` - 1; with `low`, 0 is three times as likely as the last."""
        share = self._random.random()
        return int(limit * (share * (1 + share) / 2 if low else share))

    def pick(self, items: Sequence[T], *, early: bool = False) -> T:
        """One of the items; with `early`, the first ones more often."""
        return items[self.below(len(items), low=early)]

    def shuffle(self, items: MutableSequence[T]) -> None:
        """Bring the items into random order, in place (Fisher-Yates)."""
        for last in range(len(items) - 1, 0, -1):
            other = self.below(last + 1)
            items[last], items[other] = items[other], items[last]


def fill(
    template: str, label: str, dice: Dice, *, unseen: bool = False, lexicon: Lexicon = LEXICON
) -> Fillings:
    """Draw what fills the slots of a template so that it means `label` ("neg" or "pos").

    Within a sentence no word is drawn twice. With `unseen`, slots of "new" words draw from
    the synonyms that training never shows, else from the ordinary ones.
    """
    slots = _SLOT.findall(template)
    fillings: Fillings = {}
    past = dice.below(2) == 1
    for slot in slots:
        kind = slot.rstrip("0123456789")
        if _VERB_SLOT.fullmatch(kind):
            plural = (
                fillings.get("part" + slot.removeprefix(kind), "").removeprefix("the ")
                in lexicon.parts["plural"]
            )
            fillings[slot] = ("were" if plural else "was") if past else ("are" if plural else "is")
            fillings[slot] += "n't" if kind == "isn't" else ""
            continue
        while slot not in fillings:
            word = _draw(kind, label, dice, unseen, lexicon)
            if word not in fillings.values():
                fillings[slot] = word
    return fillings


def _draw(kind: str, label: str, dice: Dice, unseen: bool, lexicon: Lexicon) -> str:
    """A word for a slot of this kind."""
    if match := _SENTIMENT_SLOT.fullmatch(kind):
        sign, new, name = match.groups()
        opposites = (lexicon.unseen if new and unseen else lexicon.sentiment)[name]
        positive = (label == "pos") == (sign == "+")
        return dice.pick(opposites["pos" if positive else "neg"], early=True)
    if kind == "part":
        return "the " + dice.pick(lexicon.parts["plural" if dice.below(3) == 0 else "singular"])
    return _SLOT.sub(
        lambda slot: _draw(slot[1], label, dice, unseen, lexicon), dice.pick(lexicon.neutral[kind])
    )


def swapped(fillings: Fillings) -> Fillings:
    """The same words with those that agree with the label and those that contradict it exchanged.

    It turns a sentence into one of the same words and the opposite label, given a template in
    which each ``+`` slot has its ``-`` slot.
    """
    signs = {"+": "-", "-": "+"}
    return {signs.get(slot[0], slot[0]) + slot[1:]: word for slot, word in fillings.items()}


def render(template: str, fillings: Fillings) -> str:
    """The sentence, without capital and full stop, with the right indefinite articles."""
    return _ARTICLE.sub(r"\1n ", _SLOT.sub(lambda slot: fillings[slot[1]], template))


def punctuate(sentences: Sequence[str], end: str = ".") -> str:
    """Join sentences into a text with capitals; `end` closes the last one."""
    text = ". ".join(sentences) + end
    return _SENTENCE_START.sub(lambda start: start[0].upper(), text)


def negate(sentence: str, *, negated: bool) -> str:
    """The sentence with what its brackets hold before the bar, or in the twin's place after it."""
    chosen = _NEGATION.sub(lambda found: f"{found[1 if negated else 2]} ", sentence)
    return " ".join(chosen.split())
