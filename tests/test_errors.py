"""Failures are explained in one line."""

from rnncli.errors import DataError


def test_line_breaks_in_what_is_quoted_become_blanks() -> None:
    assert str(DataError("films.csv: no column\n c\r\nd\u2028e")) == "films.csv: no column  c d e"
