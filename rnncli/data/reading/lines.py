"""Lines of text, and the rows of tables, each with its error if it has one."""

import codecs
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from rnncli.errors import DataError

MAX_LINE = 2**26  # bytes; a longer "line" is not text, and reading on would fill the memory

# The longer marks first: that of UTF-16 begins that of UTF-32.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


@dataclass(frozen=True)
class Line:
    """One line without its ending, and what is wrong with it."""

    number: int  # from 1
    text: str  # replacement signs stand for what could not be decoded
    error: str | None = None


@dataclass(frozen=True)
class Row:
    """One row of a table, or why it could not be read."""

    line: int  # on which it starts, from 1; in Parquet the row's number
    values: dict[str, str]  # by column name; empty where the row could not be read, or is blank
    error: str | None = None

    @property
    def is_blank(self) -> bool:
        """Whether it is an empty line between or after rows."""
        return not self.values and self.error is None


def cells_of(values: Mapping[str, Any]) -> dict[str, str]:
    """The cells of a row as text: nulls are empty, nested and binary values are left out."""
    cells = {}
    for name, value in values.items():
        if isinstance(value, bool):
            cells[name] = str(value).lower()
        elif not isinstance(value, dict | list | bytes):
            cells[name] = "" if value is None else str(value)
    return cells


def read_lines(stream: BinaryIO, *, where: str, encoding: str) -> Iterator[Line]:
    r"""Yield the lines of `stream`, which end in ``\n`` or ``\r\n``; a byte-order mark is dropped.

    Raises:
        DataError: The encoding is unknown or another one than the byte-order mark says, a line is
            endless, or, in encodings that give a line's end other bytes than ASCII does, a
            character cannot be decoded.
    """
    try:
        plain = "\n".encode(encoding) == b"\n"
    except (LookupError, ValueError):
        raise DataError(
            f"unknown encoding '{encoding}'; try --encoding utf-8, cp1252, latin-1 or utf-16"
        ) from None
    return _plain_lines(stream, where, encoding) if plain else _wide_lines(stream, where, encoding)


def decode(content: bytes, encoding: str, *, position: int = 0) -> tuple[str, str | None]:
    """The characters of `content` and what is wrong with them.

    Args:
        content: A whole line or text.
        encoding: Character encoding.
        position: Where `content` starts in its file, in bytes, for the message.
    """
    try:
        text = content.decode(encoding)
    except UnicodeError as error:
        start = position + getattr(error, "start", 0)  # a few rare codecs do not say where
        fault = f"byte {start} is not {encoding}; give the file's --encoding, such as cp1252 or latin-1"
        return content.decode("ascii", "replace"), fault
    if "\0" in text:
        start = position + content.find(0)
        return text, f"byte {start} is NUL, which text never holds: is it UTF-16 (--encoding utf-16-le)?"
    return text, None


def _plain_lines(stream: BinaryIO, where: str, encoding: str) -> Iterator[Line]:
    """Lines of encodings in which a line ends with the byte 10."""
    position = number = 0
    while content := stream.readline(MAX_LINE + 1):
        number += 1
        if len(content) > MAX_LINE:
            raise DataError(f"{where}: line {number} is longer than {MAX_LINE:,} bytes; is it a text file?")
        start = position
        position += len(content)
        if number == 1:
            for mark, name in _MARKS.items():
                if content.startswith(mark):
                    raise DataError(f"{where}: is encoded as {name}, not {encoding}: use --encoding {name}")
            content = content.removeprefix(codecs.BOM_UTF8)
            start = position - len(content)
        text, error = decode(content, encoding, position=start)
        yield Line(number, _without_ending(text), error)


def _wide_lines(stream: BinaryIO, where: str, encoding: str) -> Iterator[Line]:
    """Lines of encodings such as UTF-16, where a fault leaves no way to tell the next line."""
    lines = io.TextIOWrapper(stream, encoding=encoding, newline="\n")
    number = 0
    try:
        while text := lines.readline(MAX_LINE + 1):
            number += 1
            if len(text) > MAX_LINE:
                raise DataError(f"{where}: line {number} is longer than {MAX_LINE:,} characters")
            text = text.removeprefix("\ufeff") if number == 1 else text
            error = "a NUL character, which text never holds" if "\0" in text else None
            yield Line(number, _without_ending(text), error)
    except UnicodeError as fault:
        raise DataError(
            f"{where}: not {encoding} after line {number} ({fault}); give the file's --encoding"
        ) from fault
    finally:
        if not stream.closed:  # by a reader that has given up
            lines.detach()


def _without_ending(text: str) -> str:
    return text.removesuffix("\n").removesuffix("\r")
