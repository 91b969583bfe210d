import numpy as np

from rnncli.data.copies import EMPTY, PART, count_copies, count_known, parts, text_digest


def digests(*texts: str) -> np.ndarray:
    return np.array([text_digest(text) for text in texts], np.uint64)


def test_copies_are_found_whatever_their_case_markup_and_spacing() -> None:
    first, second, other, *empty = digests("A  film.", "a<br />film.\n", "another film.", "", "  ")
    assert first == second != other
    assert empty == [EMPTY, EMPTY]


def test_each_text_after_the_first_of_its_kind_is_a_copy() -> None:
    assert count_copies(digests("a", "b", "A", "", "a ", "", "c")) == 2
    assert count_copies(digests()) == count_copies(digests("", "")) == 0


def test_known_texts_are_counted_as_often_as_they_occur() -> None:
    assert count_known(digests("a", "A", "b", "", "z"), digests("c", "a", "b", "")) == 3
    assert count_known(digests("", "a"), digests("")) == 0
    assert count_known(digests(), digests("a")) == 0


def test_digests_of_the_whole_range_are_counted() -> None:
    random = np.random.default_rng(0)
    known, others = random.integers(0, 2**64, 997, np.uint64), random.integers(0, 2**64, 499, np.uint64)
    ends = np.array([1, PART - 1, PART, 2**64 - PART, 2**64 - 1], np.uint64)
    found = np.concatenate([ends, others, known[::3], ends])
    assert count_copies(random.permutation(found)) == len(ends)
    known = np.concatenate([known, ends])
    assert count_known(random.permutation(found), random.permutation(known)) == 2 * len(ends) + 333
    assert sorted(np.concatenate(list(parts(found)))) == list(range(len(found)))
