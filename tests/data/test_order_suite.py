"""The suite of short statements: beyond what the sample trains on, balanced, varied, in true pairs."""

import re
from collections import Counter
from itertools import chain

import pytest

from rnncli.data.sample.generate import normalized
from rnncli.data.sample.grammar import LEXICON, NEUTRAL, TEMPLATES, read_grammar
from rnncli.data.sample.order import KINDS, Statement, negate, order_suite

SLOT = re.compile(r"\{[+-]?([a-z']+)\d*\}")
WORDS, FRAMES = read_grammar("order.toml")


@pytest.fixture(scope="module")
def suite() -> list[Statement]:
    return order_suite()


def normal(frame: str) -> str:
    """A frame without the signs and numbers of its slots, and without punctuation."""
    return " ".join(re.sub(r"[^\w'{} ]", " ", SLOT.sub(r"{\1}", frame)).split()).lower()


def spelled_out(frame: str) -> list[str]:
    """The frame with each negator that the sample's grammar may put for ``{not}``."""
    return [normal(frame.replace("{not}", negator)) for negator in NEUTRAL["not"]]


def test_there_are_many_statements_and_each_kind_has_as_many_of_either_label(suite: list[Statement]) -> None:
    assert len(suite) >= 300
    counts = Counter((statement.kind, statement.label) for statement in suite)
    for kind in KINDS:
        assert counts[kind, "neg"] == counts[kind, "pos"] >= 30
    assert len({normalized(statement.text) for statement in suite}) == len(suite)
    assert order_suite() == suite


def test_no_sentiment_word_is_one_of_the_sample() -> None:
    of_sample = " ".join(
        [
            *chain.from_iterable(TEMPLATES.values()),
            *chain.from_iterable(NEUTRAL.values()),
            *chain.from_iterable(LEXICON.parts.values()),
            *(
                word
                for kinds in (LEXICON.sentiment, LEXICON.unseen)
                for kind in kinds.values()
                for words in kind.values()
                for word in words
            ),
        ]
    )
    known = set(normalized(SLOT.sub(" ", of_sample)).split())
    phrases = {word for kind in WORDS.sentiment.values() for words in kind.values() for word in words}
    assert [phrase for phrase in sorted(phrases) if set(normalized(phrase).split()) <= known] == []


def test_no_frame_is_one_of_the_sample() -> None:
    of_sample = {form for frame in chain.from_iterable(TEMPLATES.values()) for form in spelled_out(frame)}
    for kind in KINDS:
        frames = chain.from_iterable(FRAMES[kind].values()) if kind == "negated" else FRAMES[kind]
        for frame in frames:
            for negated in (False, True):
                assert normal(negate(frame, negated=negated)) not in of_sample, frame


def test_twins_share_all_but_the_negation(suite: list[Statement]) -> None:
    negated = [statement for statement in suite if statement.kind == "negated"]
    assert len({statement.frame for statement in negated}) >= 12
    for plain, turned in zip(negated[::2], negated[1::2], strict=True):
        assert (plain.pair, plain.frame) == (turned.pair, turned.frame)
        assert {plain.label, turned.label} == {"neg", "pos"}
        found = re.search(r"\[([^|\]]*)\|?([^\]]*)\]", plain.frame)
        assert found
        by, instead = (normalized(part) for part in found.groups())
        ours, theirs = (f" {normalized(statement.text)} " for statement in (turned, plain))
        assert f" {by} " in ours
        rest = ours.replace(f" {by} ", f" {instead} " if instead else " ", 1)
        assert re.sub(r" an? ", " a ", rest) == re.sub(r" an? ", " a ", theirs)
