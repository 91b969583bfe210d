from tempfile import TemporaryFile

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rnncli.data.examples import EMPTY, Examples, StoredTexts, text_digest

ANY_TEXT = st.text(st.characters(exclude_categories=()))  # half surrogate pairs too


@given(st.lists(ANY_TEXT), st.lists(ANY_TEXT), st.randoms())
def test_texts_in_a_file_come_back_in_any_order(some: list[str], others: list[str], dice) -> None:  # noqa: ANN001
    with TemporaryFile() as file:
        first, second = StoredTexts(file), StoredTexts(file)
        for text in some:
            first.append(text)
            assert list(first)[-1] == text  # reading and writing take turns
        for text in others:
            second.append(text)
        assert (list(first), len(first), list(second)) == (some, len(some), others)
        rows = dice.choices(range(len(some)), k=7) if some else []
        taken = Examples(first, labels=[str(row) for row in range(len(some))]).take(np.array(rows, int))
        assert list(taken.texts) == [some[row] for row in rows]
        assert taken.labels == [str(row) for row in rows]
        assert taken.digests.tolist() == [text_digest(some[row]) for row in rows]
        assert taken.tags is None


def test_copies_are_told_whatever_their_case_markup_and_spacing() -> None:
    texts = ["A  film.", "a<br />film.\n", "another film.", "", "  "]
    first, second, other, *empty = Examples(texts).digests.tolist()
    assert first == second != other
    assert empty == [EMPTY, EMPTY]
