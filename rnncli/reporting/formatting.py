"""How numbers and foreign texts are written: short, and safe on a terminal."""

import unicodedata
from collections.abc import Sequence

# Characters that would break a line, move the cursor, change the terminal's state or the direction
# in which it writes.
_CONTROLS = dict.fromkeys(
    [*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A)], " "
)


def printable(text: str) -> str:
    """`text` as part of one line of a terminal: blanks in place of control characters."""
    return text.translate(_CONTROLS)


def text_width(text: str) -> int:
    """Columns of a terminal that `text` takes."""
    return len(text) if text.isascii() else sum(map(_character_columns, text))


def shortened(text: str, width: int) -> str:
    """`text`, or as much of its beginning as fits into `width` columns before an ellipsis."""
    used = fitting = 0
    for end, character in enumerate(text, start=1):
        used += _character_columns(character)
        if used > width:
            return text[:fitting] + "…"
        if used < width:
            fitting = end
    return text


def rounded(probability: float) -> float:
    """A probability with as many digits as single precision gives."""
    return float(f"{probability:.7g}")


def fraction(value: float | None) -> str:
    """A share or loss with four decimals; a dash where it is undefined."""
    return "-" if value is None else f"{value:.4f}"


def interval(bounds: Sequence[float] | None) -> str:
    """The bounds of an interval; a dash where it is undefined."""
    return "-" if bounds is None else f"{bounds[0]:.4f} to {bounds[1]:.4f}"


def duration(seconds: float) -> str:
    """Seconds in readable units."""
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


def _character_columns(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
