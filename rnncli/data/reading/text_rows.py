"""The rows to be scored: texts, and places where a text could not be had."""

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


def text_row(index: int, text: str) -> TextRow:
    """The row of a text from elsewhere; what is not UTF-8, as Python writes it in a string, is an error."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return TextRow(index, None, f"text {index + 1} is not UTF-8")
    return TextRow(index, text)
