import hashlib
import re
from collections import Counter, defaultdict

import numpy as np
import pytest

from rnncli.data.examples import Examples
from rnncli.data.sample.generate import NEUTRAL_WORDS, generate_sample, normalized
from rnncli.data.sample.grammar import PLURAL, SENTIMENT, SINGULAR, UNSEEN, Opposites

TAGS = ("plain", "negation", "contrast", "order", "distance", "intensity", "synonym")
DIGEST = "0641cddaa71f222ffb558ff1efb7e4a68f0a6f53f67537baf88bf77c4e89aa83"


@pytest.fixture(scope="module")
def sample() -> dict[str, Examples]:
    return generate_sample()


@pytest.fixture(scope="module", params=["train", "validation", "test"])
def split(request: pytest.FixtureRequest, sample: dict[str, Examples]) -> Examples:
    return sample[request.param]


def rows(examples: Examples, tag: str) -> list[tuple[str, str]]:
    """The texts and labels of one tag."""
    columns = zip(examples.texts, examples.labels, examples.tags, strict=True)
    return [(text, label) for text, label, row_tag in columns if tag == row_tag]


def words(text: str) -> list[str]:
    return normalized(text).split()


def sentiment_phrases(lexicon: dict[str, Opposites], kinds: set[str]) -> set[str]:
    return {
        phrase.lower() for kind in sorted(kinds) for phrase in (*lexicon[kind]["neg"], *lexicon[kind]["pos"])
    }


OPINIONS = sentiment_phrases(SENTIMENT, set(SENTIMENT) - {"side", "verdict"})
NOVELTIES = sentiment_phrases(UNSEEN, set(UNSEEN))


def test_the_corpus_of_seed_0_is_the_one_that_published_figures_rest_on(sample: dict[str, Examples]) -> None:
    lines = [
        f"{name}\t{tag}\t{label}\t{text}\n"
        for name, examples in sample.items()
        for text, label, tag in zip(examples.texts, examples.labels, examples.tags, strict=True)
    ]
    assert hashlib.sha256("".join(lines).encode()).hexdigest() == DIGEST


def test_another_seed_gives_other_texts_of_the_same_make(sample: dict[str, Examples]) -> None:
    assert [len(examples) for examples in sample.values()] == [8000, 1000, 1000]
    for name, examples in generate_sample(1).items():
        assert Counter(examples.tags) == Counter(sample[name].tags)
        assert len(set(examples.texts) & set(sample[name].texts)) < 0.1 * len(examples)


def test_each_tag_has_both_labels_equally_often_in_random_order(split: Examples) -> None:
    counts = Counter(zip(split.tags, split.labels, strict=True))
    assert set(counts) == {(tag, label) for tag in TAGS for label in ("neg", "pos")}
    assert all(counts[tag, "neg"] == counts[tag, "pos"] >= 35 for tag in TAGS)
    labels, tags = split.labels[: len(split) // 2], split.tags[: len(split) // 2]
    assert 0.45 < labels.count("pos") / len(labels) < 0.55
    assert set(tags) == set(TAGS)


def test_no_text_occurs_twice_within_or_across_splits(sample: dict[str, Examples]) -> None:
    texts = Counter(normalized(text) for examples in sample.values() for text in examples.texts)
    assert max(texts.values()) == 1


def test_order_rows_are_pairs_of_the_same_words_and_opposite_labels(split: Examples) -> None:
    labels = defaultdict(Counter)
    for text, label in rows(split, "order"):
        tokens = Counter(re.findall(r"[\w']+|[^\w\s]", text.lower()))
        labels[frozenset(tokens.items())][label] += 1
    for counts in labels.values():
        assert counts["neg"] == counts["pos"]


def test_distance_rows_have_5_to_60_neutral_words_beside_the_sentence_that_decides(split: Examples) -> None:
    fewest, most = NEUTRAL_WORDS
    lengths, first = [], []
    for text, _ in rows(split, "distance"):
        sentences = text.removesuffix(".").split(". ")
        decides = [any(word in OPINIONS for word in words(sentence)) for sentence in sentences]
        assert decides.count(True) == 1, text
        assert decides[0] or decides[-1], text
        first.append(decides[0])
        neutral = [s for s, opinion in zip(sentences, decides, strict=True) if not opinion]
        lengths.append(sum(len(words(sentence)) for sentence in neutral))
    assert fewest <= min(lengths) <= fewest + 5
    assert most - 5 <= max(lengths) <= most
    assert 0.35 < np.mean(first) < 0.65


def test_unseen_opinions_occur_in_held_out_synonym_rows_alone(sample: dict[str, Examples]) -> None:
    for name, examples in sample.items():
        for text, tag in zip(examples.texts, examples.tags, strict=True):
            found = set(words(text))
            assert bool(NOVELTIES & found) == (name != "train" and tag == "synonym"), text
            assert tag != "synonym" or OPINIONS & found, text


def test_plain_rows_agree_with_their_words_and_order_rows_hold_both_opinions(split: Examples) -> None:
    kinds = set(SENTIMENT) - {"side"}
    known = {word: label for label in ("neg", "pos") for kind in kinds for word in SENTIMENT[kind][label]}
    for text, label in rows(split, "plain"):
        assert {known[word] for word in words(text) if word in known} <= {label}, text
    for text, _ in rows(split, "order"):
        assert {known[word] for word in words(text) if word in known} in ({"neg", "pos"}, set()), text


def test_indefinite_articles_agree_with_the_next_sound(split: Examples) -> None:
    for text in split.texts:
        for article, following in re.findall(r"\b(an?) ([\w']+)", text, re.IGNORECASE):
            vowel = following[0].lower() in "aeiou" or following in ("honest", "hour")
            assert (article.lower() == "an") == vowel, text


def test_verbs_agree_with_plural_and_singular_subjects(split: Examples) -> None:
    subjects = "|".join(sorted((*SINGULAR, *PLURAL), key=len, reverse=True))
    pattern = re.compile(
        rf"(?<!and )(?<!about )\bthe ({subjects}) (is|was|are|were)(?:n't)?\b", re.IGNORECASE
    )
    found = [match for text in split.texts for match in pattern.findall(text)]
    assert len(found) > 300
    for subject, verb in found:
        assert (subject in PLURAL) == (verb in ("are", "were")), (subject, verb)


def test_texts_are_well_formed(split: Examples) -> None:
    for text in split.texts:
        assert text[0].isupper(), text
        assert text.isascii(), text
        assert not re.search(r"[{}+_]|  | [.,!]|\bi\b|[.!] [a-z]", text), text


def test_texts_are_varied(sample: dict[str, Examples]) -> None:
    vocabulary = {word for text in sample["train"].texts for word in words(text)}
    assert 1100 < len(vocabulary) < 3000
    for name in ("validation", "test"):
        new = {word for text in sample[name].texts for word in words(text)} - vocabulary - NOVELTIES
        assert len(new) <= 5, new
