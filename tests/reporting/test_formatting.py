"""Texts from elsewhere do no harm on a terminal and fit."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from rnncli.reporting.formatting import duration, printable, rounded, shortened, text_width


def test_names_are_shown_as_they_are_but_harmless() -> None:
    assert printable("naïve [b] 映画 👨‍👩‍👧") == "naïve [b] 映画 👨‍👩‍👧"
    assert printable("a\x1b[2J\n\u202e\u2028b\x9b") == "a [2J   b "


@given(st.text(), st.integers(1, 60))
def test_a_text_is_cut_only_where_it_does_not_fit(text: str, width: int) -> None:
    shown = shortened(text, width)
    if text_width(text) <= width:
        assert shown == text
    else:
        assert shown.endswith("…")
        assert text.startswith(shown[:-1])
        assert text_width(shown) <= width
        assert text_width(text[: len(shown)]) > width - 1


def test_columns_count_marks_and_wide_characters() -> None:
    assert [text_width(text) for text in ("abc", "e\u0301", "否定", "🙂", "\u200d", "")] == [3, 1, 4, 2, 0, 0]
    marks = [chr(code) for code in range(0x300) if unicodedata.combining(chr(code))]
    assert text_width("".join(marks)) == 0


def test_probabilities_have_the_digits_of_single_precision() -> None:
    assert rounded(0.123456789) == 0.1234568
    assert rounded(1.23456789e-9) == 1.234568e-9


def test_durations_are_in_the_units_that_people_use() -> None:
    short = {0.0123: "0.0123 s", 59.94: "59.9 s", 60: "1 min 00 s", 3599.4: "59 min 59 s"}
    values = short | {3600: "1 h 00 min", 90_061: "25 h 01 min"}
    assert {value: duration(value) for value in values} == values
