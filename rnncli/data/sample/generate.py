"""The bundled sample: short film reviews from a seeded grammar, tagged with what each row probes."""

import re
from collections.abc import Callable, Iterator

from rnncli.data.examples import Examples
from rnncli.data.sample.grammar import TEMPLATES, Dice, fill, punctuate, render, swapped

LABELS = ("neg", "pos")
ROWS = {
    "plain": (1400, 180),
    "negation": (1200, 160),
    "contrast": (1000, 160),
    "order": (1100, 180),
    "distance": (2000, 130),
    "intensity": (800, 120),
    "synonym": (500, 70),
}
"""Rows of each tag in the training split, and in the validation and the test split."""
NEUTRAL_WORDS = (5, 60)
"""Fewest and most neutral words beside the deciding sentence of a ``distance`` row."""

_WORD = re.compile(r"[\w']+")
_ENDS = (".", ".", ".", "!", "")

Row = tuple[str, str]
"""A text and its label."""

Writer = Callable[[Dice, bool], list[Row]]
"""Writes rows that belong together: one of each label, from dice and whether to use unseen synonyms."""


def generate_sample(seed: int = 0) -> dict[str, Examples]:
    """Write about 10,000 short film reviews.

    Each row is tagged with what it probes. In each split, each tag has as many negative as
    positive rows; no two rows of the corpus hold the same words in the same order.

    - ``plain``: one to three sentences of one opinion, down to a single word.
    - ``negation``: a negated word decides, alone or beside another that is not negated.
    - ``contrast``: the main clause decides against a clause with "but" or "although".
    - ``order``: pairs of a negative and a positive row with exactly the same words.
    - ``distance``: 5 to 60 neutral words before or after the sentence that decides.
    - ``intensity``: strengthened, weakened and all but denied words; the strong one decides.
    - ``synonym``: in validation and test, some opinion words occur in no training text.

    Args:
        seed: Equal seeds give equal texts on every platform and Python version.

    Returns:
        The splits ``train``, ``validation`` and ``test`` in random order, labels ``neg`` and ``pos``.
    """
    dice = Dice(seed)
    seen: set[str] = set()
    return {
        split: _write_split(dice, seen, train=split == "train") for split in ("train", "validation", "test")
    }


def normalized(text: str) -> str:
    """The words of a text alone: two texts that differ in case or punctuation only count as one."""
    return " ".join(_WORD.findall(text.lower()))


def _write_split(dice: Dice, seen: set[str], *, train: bool) -> Examples:
    """Rows of every tag in random order, none of them in `seen`, to which they are added."""
    rows = [
        (row, tag)
        for tag, writer in _WRITERS.items()
        for row in _write_tag(writer, dice, seen, size=ROWS[tag][0 if train else 1], unseen=not train)
    ]
    dice.shuffle(rows)
    return Examples(
        texts=[text for (text, _), _ in rows],
        labels=[label for (_, label), _ in rows],
        tags=[tag for _, tag in rows],
    )


def _write_tag(writer: Writer, dice: Dice, seen: set[str], *, size: int, unseen: bool) -> Iterator[Row]:
    written = 0
    while written < size:
        rows = writer(dice, unseen)
        keys = [normalized(text) for text, _ in rows]
        if seen.isdisjoint(keys):
            seen.update(keys)
            written += len(rows)
            yield from rows


def _each_label(write: Callable[[str, Dice, bool], str]) -> Writer:
    """A writer of two independent texts, one for each label."""
    return lambda dice, unseen: [(write(label, dice, unseen), label) for label in LABELS]


def _sentence(kind: str, label: str, dice: Dice, *, unseen: bool = False) -> str:
    template = dice.pick(TEMPLATES[kind])
    return render(template, fill(template, label, dice, unseen=unseen))


def _plain(label: str, dice: Dice, _unseen: bool) -> str:
    kind = dice.below(4)
    if kind < 2:
        return punctuate([_sentence("short", label, dice)], dice.pick(_ENDS))
    sentences = [_sentence("plain", label, dice)]
    if kind == 3:
        sentences += [_sentence("verdict" if dice.below(2) else "plain", label, dice)]
    return punctuate(sentences, dice.pick(_ENDS))


def _from(*kinds: str) -> Writer:
    """A writer of single sentences of these kinds, which are drawn where there are several."""

    def write(label: str, dice: Dice, unseen: bool) -> str:
        kind = dice.pick(kinds) if len(kinds) > 1 else kinds[0]
        return punctuate([_sentence(kind, label, dice, unseen=unseen)], dice.pick(_ENDS))

    return _each_label(write)


def _order(dice: Dice, _unseen: bool) -> list[Row]:
    """A positive text and a negative one of the same words."""
    template = dice.pick(TEMPLATES["order"])
    end = dice.pick(_ENDS)
    fillings = fill(template, "pos", dice)
    return [
        (punctuate([render(template, swapped(fillings))], end), "neg"),
        (punctuate([render(template, fillings)], end), "pos"),
    ]


def _distance(label: str, dice: Dice, _unseen: bool) -> str:
    core = _sentence(dice.pick(("plain", "plain", "negation", "contrast")), label, dice)
    fewest, most = NEUTRAL_WORDS
    wanted = fewest + dice.below(most - fewest + 1, low=True)
    templates = list(TEMPLATES["neutral_sentences"])
    dice.shuffle(templates)
    neutral: list[str] = []
    words = 0
    while words < wanted:
        template = templates.pop()
        sentence = render(template, fill(template, label, dice))
        words += len(sentence.split())
        if words > most:
            break
        neutral.append(sentence)
    sentences = [*neutral, core] if dice.below(2) else [core, *neutral]
    return punctuate(sentences)


_WRITERS: dict[str, Writer] = {
    "plain": _each_label(_plain),
    "negation": _from("scope", "scope", "scope", "negation", "negation"),
    "contrast": _from("contrast"),
    "order": _order,
    "distance": _each_label(_distance),
    "intensity": _from("intensity"),
    "synonym": _from("synonym"),
}
