import hashlib
import re
from collections import Counter, defaultdict

import pytest

from rnncli.data.examples import Examples
from rnncli.data.sample.generate import NEUTRAL_WORDS, generate_sample, normalized
from rnncli.data.sample.grammar import NEUTRAL, PLURAL, SENTIMENT, SINGULAR, UNSEEN, Opposites

TAGS = ("plain", "negation", "contrast", "order", "distance", "intensity", "synonym")
DIGEST = "0641cddaa71f222ffb558ff1efb7e4a68f0a6f53f67537baf88bf77c4e89aa83"


@pytest.fixture(scope="module")
def sample() -> dict[str, Examples]:
    return generate_sample()


@pytest.fixture(scope="module", params=["train", "validation", "test"])
def split(request: pytest.FixtureRequest, sample: dict[str, Examples]) -> Examples:
    return sample[request.param]


def rows(examples: Examples, tag: str | None = None) -> list[tuple[str, str]]:
    """The texts and labels of one tag, or of all."""
    assert examples.labels is not None
    assert examples.tags is not None
    columns = zip(examples.texts, examples.labels, examples.tags, strict=True)
    return [(text, label) for text, label, row_tag in columns if tag in (None, row_tag)]


def digest(sample: dict[str, Examples]) -> str:
    lines = [
        f"{name}\t{tag}\t{label}\t{text}\n"
        for name, examples in sample.items()
        for text, label, tag in zip(examples.texts, examples.labels or (), examples.tags or (), strict=True)
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def words(text: str) -> list[str]:
    return normalized(text).split()


def sentiment_phrases(lexicon: dict[str, Opposites], kinds: set[str]) -> set[str]:
    return {
        phrase.lower() for kind in sorted(kinds) for phrase in (*lexicon[kind]["neg"], *lexicon[kind]["pos"])
    }


OPINIONS = sentiment_phrases(SENTIMENT, set(SENTIMENT) - {"side", "verdict"})
NOVELTIES = sentiment_phrases(UNSEEN, set(UNSEEN))


def test_the_corpus_of_seed_0_is_the_one_that_published_figures_rest_on(sample: dict[str, Examples]) -> None:
    assert digest(sample) == DIGEST


def test_another_seed_gives_other_texts_of_the_same_make(sample: dict[str, Examples]) -> None:
    other = generate_sample(1)
    for name, examples in sample.items():
        assert Counter(other[name].tags) == Counter(examples.tags)
        shared = set(other[name].texts) & set(examples.texts)
        assert len(shared) < 0.1 * len(examples)


def test_sizes(sample: dict[str, Examples]) -> None:
    sizes = {name: len(examples) for name, examples in sample.items()}
    assert sizes == {"train": 8000, "validation": 1000, "test": 1000}


@pytest.mark.parametrize("tag", TAGS)
def test_every_split_has_each_tag_with_both_labels_equally_often(split: Examples, tag: str) -> None:
    labels = Counter(label for _, label in rows(split, tag))
    assert labels["neg"] == labels["pos"] >= 35
    assert set(labels) == {"neg", "pos"}
    assert set(split.tags) == set(TAGS)


def test_no_text_occurs_twice_within_or_across_splits(sample: dict[str, Examples]) -> None:
    texts = Counter(normalized(text) for examples in sample.values() for text in examples.texts)
    assert max(texts.values()) == 1


def test_rows_are_in_random_order(split: Examples) -> None:
    halves = split.labels[: len(split) // 2], split.tags[: len(split) // 2]
    assert 0.45 < halves[0].count("pos") / len(halves[0]) < 0.55
    assert set(halves[1]) == set(TAGS)


def test_order_rows_are_pairs_of_the_same_words_and_opposite_labels(split: Examples) -> None:
    labels = defaultdict(Counter)
    for text, label in rows(split, "order"):
        tokens = Counter(re.findall(r"[\w']+|[^\w\s]", text.lower()))
        labels[frozenset(tokens.items())][label] += 1
    for counts in labels.values():
        assert counts["neg"] == counts["pos"]


def test_distance_rows_have_5_to_60_neutral_words_beside_the_sentence_that_decides(split: Examples) -> None:
    fewest, most = NEUTRAL_WORDS
    lengths = []
    for text, _ in rows(split, "distance"):
        sentences = text.removesuffix(".").split(". ")
        decides = [any(word in OPINIONS for word in words(sentence)) for sentence in sentences]
        assert decides.count(True) == 1, text
        assert decides[0] or decides[-1], text
        neutral = [s for s, opinion in zip(sentences, decides, strict=True) if not opinion]
        lengths.append(sum(len(words(sentence)) for sentence in neutral))
    assert fewest <= min(lengths) <= fewest + 5
    assert most - 5 <= max(lengths) <= most


def test_distance_rows_decide_at_either_end(split: Examples) -> None:
    first = [words(text.split(". ")[0]) for text, _ in rows(split, "distance")]
    share = sum(any(word in OPINIONS for word in sentence) for sentence in first) / len(first)
    assert 0.35 < share < 0.65


def test_synonyms_are_unseen_in_training(sample: dict[str, Examples]) -> None:
    assert not NOVELTIES & {word for text in sample["train"].texts for word in words(text)}


@pytest.mark.parametrize("name", ["validation", "test"])
def test_each_synonym_row_holds_an_unseen_opinion_and_a_known_one(
    sample: dict[str, Examples], name: str
) -> None:
    for text, _ in rows(sample[name], "synonym"):
        assert NOVELTIES & set(words(text)), text
        assert OPINIONS & set(words(text)), text


@pytest.mark.parametrize("name", ["validation", "test"])
def test_unseen_opinions_occur_in_synonym_rows_only(sample: dict[str, Examples], name: str) -> None:
    for tag in set(TAGS) - {"synonym"}:
        for text, _ in rows(sample[name], tag):
            assert not NOVELTIES & set(words(text)), text


@pytest.mark.parametrize("tag", TAGS)
def test_opinions_mean_the_label_except_where_something_turns_them(split: Examples, tag: str) -> None:
    """Plain rows agree with their words; contrast and order rows hold both opinions."""
    known = {word: "neg" for kind in SENTIMENT if kind != "side" for word in SENTIMENT[kind]["neg"]}
    known |= {word: "pos" for kind in SENTIMENT if kind != "side" for word in SENTIMENT[kind]["pos"]}
    for text, label in rows(split, tag):
        opinions = {known[word] for word in words(text) if word in known}
        if tag == "plain":
            assert opinions <= {label}, text
        if tag == "order":
            assert opinions in ({"neg", "pos"}, set()), text


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


def test_short_ordinary_phrases_occur(sample: dict[str, Examples]) -> None:
    train = [normalized(text) for text in sample["train"].texts]
    assert sum(len(text.split()) <= 3 for text in train) > 150
    for word in ("great", "terrible", "loved", "hated", "bad", "good"):
        assert sum(word in text.split() for text in train) > 50


def test_word_lists_do_not_contradict_each_other() -> None:
    sides = {"neg": set(), "pos": set()}
    for kind, opposites in SENTIMENT.items():
        if kind != "side":
            sides["neg"] |= set(opposites["neg"])
            sides["pos"] |= set(opposites["pos"])
    assert not sides["neg"] & sides["pos"]
    assert not NOVELTIES & OPINIONS
    neutral = {word for entries in NEUTRAL.values() for entry in entries for word in words(entry)}
    neutral |= {word for entry in (*SINGULAR, *PLURAL) for word in words(entry)}
    assert not neutral & (OPINIONS | NOVELTIES)
    for kind, opposites in {**SENTIMENT, **{f"new {kind}": value for kind, value in UNSEEN.items()}}.items():
        for phrases in (opposites["neg"], opposites["pos"]):
            assert len(set(phrases)) == len(phrases), kind
