import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnncli.errors import DataError
from rnncli.text.tokenizer import PAD_ID, RESERVED_IDS, UNKNOWN_ID, Tokenizer, _count_words, normalise


def words_of(text: str) -> list[str]:
    """How `text` is split: each token is looked up in a vocabulary of its own words."""
    tokenizer = Tokenizer.train([text], 1000)
    names = {index: word for word, index in tokenizer._backend.get_vocab().items()}
    return [names[i] for i in tokenizer.encode([text])[0].tolist()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Great MOVIE!", "great movie !"),
        ("I don't, won't; isn’t", "i do n't , wo n't ; is n't"),
        ("the film's good, they're fine, I'd go", "the film 's good , they 're fine , i 'd go"),
        ("the 'so-called' plot", "the ' so - called ' plot"),
        ("one<br /><br/>two<BR>three", "one two three"),
        ("_really_ good", "_ really _ good"),
        ("10/10", "10 / 10"),
        ("Cafe\u0301 café", "café café"),
        ("映画が好き ok", "映 画 が 好 き ok"),
        ("שלום עולם", "שלום עולם"),
        ("nice 👍🏽!", "nice 👍 🏽 !"),
        ("<pad> <unk>", "< pad > < unk >"),
        ("n't", "n't"),
    ],
)
def test_words_and_punctuation(text: str, expected: str) -> None:
    assert words_of(text) == expected.split()


def test_the_most_frequent_words_are_kept_and_ties_go_by_name() -> None:
    tokenizer = Tokenizer.train(["b a d c b", "c b e"], vocab_size=5)
    assert tokenizer.vocab_size == 5
    assert tokenizer.encode(["b c a d"])[0].tolist() == [2, 3, 4, UNKNOWN_ID]


def test_the_order_of_texts_does_not_change_the_bytes() -> None:
    words = [f"w{i}" for i in range(997)]
    texts = [" ".join(random.Random(i).choices(words, k=31)) for i in range(211)]
    expected = Tokenizer.train(texts, 503).to_bytes()
    random.Random(0).shuffle(texts)
    assert Tokenizer.train(texts, 503).to_bytes() == expected


def test_memory_for_rare_words_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnncli.text.tokenizer._MOST_REMEMBERED", 13)
    texts = [f"often {'too' if i % 2 else 'don’t'} once{i}" for i in range(997)]
    words = _count_words(texts, 31)
    assert words.most_common(4) == [("often", 997), ("do", 499), ("n't", 499), ("too", 498)]
    assert len(words) <= 31 + 14
    assert len(_count_words(texts, 10**6)) == 1001


def test_encoding_gives_an_array_for_each_text_in_order() -> None:
    tokenizer = Tokenizer.train(["a b"], 10)
    encoded = tokenizer.encode(["b a", "", "a \ud800 b", " \n\t"])
    assert [ids.tolist() for ids in encoded] == [[3, 2], [], [2, UNKNOWN_ID, 3], []]
    assert all(ids.dtype == np.int32 for ids in encoded)
    assert tokenizer.encode([]) == []


def test_a_megabyte_of_one_word_is_one_token() -> None:
    tokenizer = Tokenizer.train(["a"], 10)
    assert tokenizer.encode(["a" * 3_000_000])[0].tolist() == [UNKNOWN_ID]


@pytest.mark.parametrize("most", [2, 13, 10**6])
def test_words_are_counted_and_encoded_however_many_pieces_are_kept(
    monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr("rnncli.text.tokenizer._MOST_REMEMBERED", most)
    dice = random.Random(0)
    words = ["a映b", "映画", "don't", "c", "é'd", "x" * 1000, *(f"w{i}" for i in range(31))]
    texts = [" ".join(dice.choices(words, k=11)) for _ in range(97)]
    tokenizer = Tokenizer.train(texts, 1000)
    whole = tokenizer._backend.encode_batch([normalise(text) for text in texts])
    assert [ids.tolist() for ids in tokenizer.encode(texts)] == [encoding.ids for encoding in whole]
    counts = Counter(token for encoding in whole for token in encoding.ids)
    by_frequency = [counts[token] for token in range(RESERVED_IDS, tokenizer.vocab_size)]
    assert by_frequency == sorted(by_frequency, reverse=True)
    assert counts[UNKNOWN_ID] == 0
    assert 0 < len(tokenizer._ids_of_pieces) <= most
    assert "x" * 1000 not in tokenizer._ids_of_pieces


@given(st.text(max_size=97))
def test_no_text_is_refused_or_gives_padding(text: str) -> None:
    tokenizer = Tokenizer.train(["the film", text], 7)
    ids = tokenizer.encode([text])[0]
    np.testing.assert_array_equal(ids, tokenizer.encode([normalise(text)])[0])
    assert PAD_ID not in ids
    assert ids.size == 0 or ids.max() < 7


AWKWARD = st.text(st.sampled_from("ant'’sdmrelv__ .,-!<>br/\t\v\x1c\x85\xa0\u2028\u200b\u0301é映の٣²👍"))
LIBRARY = Tokenizer.train(["don't it's ' _ . , a n t é 映 ٣", "ant's dant"], 1000)


@given(st.lists(st.text() | AWKWARD))
def test_pieces_give_the_tokens_that_the_library_finds_in_the_whole_text(texts: list[str]) -> None:
    whole = LIBRARY._backend.encode_batch([normalise(text) for text in texts])
    assert [ids.tolist() for ids in LIBRARY.encode(texts)] == [encoding.ids for encoding in whole]


@pytest.mark.parametrize(
    "content", [b"", b"{}", b'{"model": 1}', b"\xff\xfe", b"[]", b'{"version": "two\\nlines"}']
)
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"^[^\n]*tokenizer\.json: not a tokenizer[^\n]*\Z"):
        Tokenizer.load(path)


def test_forking_after_use_gives_no_warning() -> None:
    program = (
        "import os; from rnncli.text.tokenizer import Tokenizer;"
        "t = Tokenizer.train(['a b'] * 99, 9); t.encode(['a'] * 99); os.fork() or os._exit(0); os.wait()"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""


@pytest.mark.parametrize("unknown", ["the", "nothing", "<pad>"])
def test_a_file_with_another_unknown_word_is_refused(tmp_path: Path, unknown: str) -> None:
    path = tmp_path / "tokenizer.json"
    content = Tokenizer.train(["the film"], 100).to_bytes()
    path.write_bytes(content.replace(b'"unk_token":"<unk>"', b'"unk_token":"%s"' % unknown.encode()))
    assert path.read_bytes() != content
    with pytest.raises(DataError, match=r"tokenizer\.json: .* unknown words should have the id 1"):
        Tokenizer.load(path)
