"""The rows to be scored: texts, and places where a text could not be had."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class TextRow:
    """A row of the input.

    Attributes:
        index: Its number, from 0.
        text: The text to score; None where there is none.
        error: Why there is none.
    """

    index: int
    text: str | None
    error: str | None = None


def argument_rows(texts: Iterable[str]) -> Iterator[TextRow]:
    """The rows of texts given as arguments; a byte that is no UTF-8 makes a row an error."""
    for index, text in enumerate(texts):
        try:
            text.encode()
        except UnicodeEncodeError:
            yield TextRow(index, None, f"text {index + 1} is not UTF-8")
        else:
            yield TextRow(index, text)
