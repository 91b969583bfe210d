"""The short statements to learn from: balanced, twins told apart by their negation, nothing of the suite."""

from collections import Counter
from itertools import chain

import pytest

from rnncli.data.examples import Examples
from rnncli.data.sample.generate import normalized
from rnncli.data.sample.grammar import negate, read_grammar
from rnncli.data.sample.order import KINDS
from rnncli.data.sample.phrases import ROWS, generate_phrases
from tests.data.test_order_suite import normal, spelled_out

OWN_WORDS, OWN_FRAMES = read_grammar("phrases.toml")
SUITE_WORDS, SUITE_FRAMES = read_grammar("order.toml")


@pytest.fixture(scope="module")
def phrases() -> Examples:
    return generate_phrases()


def test_each_kind_has_as_many_of_either_label_and_no_statement_occurs_twice(phrases: Examples) -> None:
    counts = Counter(zip(phrases.tags or (), phrases.labels or (), strict=True))
    assert counts == {(kind, label): size // 2 for kind, size in ROWS.items() for label in ("neg", "pos")}
    assert len(set(map(normalized, phrases.texts))) == sum(ROWS.values())
    assert generate_phrases() == phrases
    assert generate_phrases(1).texts != phrases.texts


def test_nothing_of_the_suite_is_among_them(phrases: Examples) -> None:
    suite_words = chain.from_iterable(
        words for kind in SUITE_WORDS.sentiment.values() for words in kind.values()
    )
    ours = [f" {normalized(text)} " for text in phrases.texts]
    assert [word for word in suite_words if any(f" {normalized(word)} " in text for text in ours)] == []


@pytest.mark.parametrize("kind", KINDS)
def test_no_frame_of_the_suite_is_one_of_theirs(kind: str) -> None:
    ours, theirs = (
        set(chain.from_iterable(frames[kind].values()) if kind == "negated" else frames[kind])
        for frames in (OWN_FRAMES, SUITE_FRAMES)
    )
    known = {
        form
        for frame in chain.from_iterable(
            chain.from_iterable(frames.values()) if isinstance(frames, dict) else frames
            for frames in OWN_FRAMES.values()
        )
        for negated in (False, True)
        for form in spelled_out(negate(frame, negated=negated))
    }
    assert ours
    for frame in theirs:
        for negated in (False, True):
            assert normal(negate(frame, negated=negated)) not in known, frame
