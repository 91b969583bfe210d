"""Predictions as lines of text, JSON or CSV, and remarks on all of them."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from rnncli.data.reading.text_input import TextRow
from rnncli.diagnostics import symptoms
from rnncli.inference.averaged_model import Model
from rnncli.inference.predictions import Prediction
from rnncli.reporting.formatting import printable, rounded, shortened, text_width
from rnncli.settings.choices import OutputFormat
from rnncli.system.files import to_json

FORMAT_VERSION = 1  # of a JSON row
ERROR_LABEL, NO_LABEL, NO_PROBABILITY = "error", "-", "-"
NOT_READ = {"end": "beginning", "start": "end", "both": "middle"}  # by the part that is kept

Line = Callable[[TextRow, Prediction | None], str]


def header_of(format: OutputFormat, label_names: Sequence[str]) -> str:
    """The header line of `format`; empty where it has none."""
    if format != "csv":
        return ""
    probabilities = (f"probability_{name}" for name in label_names)
    counts = ("tokens", "unknown", "truncated", "error")
    return _csv_line(["index", "text", "label", "probability", *probabilities, *counts])


def line_of(format: OutputFormat, label_names: Sequence[str], width: int | None = None) -> Line:
    """The function that writes a row and its prediction, or else its error, as a line of `format`.

    Args:
        format: how lines look; those of ``text`` have tabs in them, or columns on a terminal.
        label_names: all labels.
        width: columns of the terminal, if the lines go to one.
    """
    if format == "jsonl":
        return _json_row
    if format == "csv":
        return partial(_csv_row, num_classes=len(label_names))
    if width is None:
        return _tabbed_row
    widest = max(text_width(printable(name)) for name in (*label_names, ERROR_LABEL))
    return partial(_terminal_row, label_width=min(widest, width // 3), width=width)


def _json_row(row: TextRow, prediction: Prediction | None) -> str:
    value: dict[str, Any] = {"format_version": FORMAT_VERSION, "index": row.index, "text": row.text}
    if prediction is None:
        value |= {"error": row.error}
    else:
        probabilities = {name: rounded(value) for name, value in prediction.probabilities.items()}
        value |= {
            "label": prediction.label,
            "abstained": prediction.abstained,
            "probability": rounded(prediction.probability),
            "probabilities": probabilities,
            "tokens": prediction.tokens,
            "unknown": prediction.unknown,
            "truncated": prediction.truncated,
        }
    return to_json(value, indent=None) + "\n"


def _csv_row(row: TextRow, prediction: Prediction | None, *, num_classes: int) -> str:
    if prediction is None:
        return _csv_line([row.index, *[""] * (num_classes + 6), row.error])
    probabilities = map(rounded, (prediction.probability, *prediction.probabilities.values()))
    counts = (prediction.tokens, prediction.unknown, str(prediction.truncated).lower())
    return _csv_line([row.index, row.text, prediction.label, *probabilities, *counts, ""])


def _csv_line(cells: Sequence[Any]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(cells)  # so it quotes cells with either character
    return line.getvalue().removesuffix("\r\n") + "\n"


def _tabbed_row(row: TextRow, prediction: Prediction | None) -> str:
    return "\t".join(_shown(row, prediction)) + "\n"


def _terminal_row(row: TextRow, prediction: Prediction | None, *, label_width: int, width: int) -> str:
    label, probability, text = _shown(row, prediction)
    label = shortened(label, label_width)
    start = f"{label}{' ' * (label_width - text_width(label))}  {probability:<6}  "
    return start + shortened(text, width - text_width(start)) + "\n"


def _shown(row: TextRow, prediction: Prediction | None) -> tuple[str, str, str]:
    """Label, probability and text, each safe to show."""
    if prediction is None:
        return ERROR_LABEL, NO_PROBABILITY, printable(row.error or "")
    label = NO_LABEL if prediction.label is None else printable(prediction.label)
    return label, f"{prediction.probability:.4f}", printable(row.text or "")


@dataclass
class Summary:
    """Counts over all rows of an input."""

    rows: int = 0
    errors: int = 0
    first_error: str = ""
    truncated: int = 0
    tokens: int = 0
    unknown: int = 0
    all_unknown: int = 0  # texts in which no word is known
    abstained: int = 0  # texts without a label

    @property
    def scored(self) -> int:
        """Rows that have a prediction."""
        return self.rows - self.errors

    def add(self, scored: Iterable[tuple[TextRow, Prediction | None]]) -> None:
        """Count rows."""
        for row, prediction in scored:
            self.rows += 1
            if prediction is None:
                self.errors += 1
                self.first_error = self.first_error or row.error or ""
                continue
            self.truncated += prediction.truncated
            self.tokens += prediction.tokens
            self.unknown += prediction.unknown
            self.abstained += prediction.abstained
            self.all_unknown += 0 < prediction.tokens == prediction.unknown


def remarks(summary: Summary, model: Model) -> Iterator[str]:
    """Remarks on the texts: how many have no label or are truncated, which share of the tokens is unknown."""
    if not summary.rows:
        yield "the input has no rows"
    if summary.abstained:
        yield f"{summary.abstained:,} of {summary.scored:,} texts have no label: the model is not sure enough"
    if summary.truncated:
        yield (
            f"{summary.truncated:,} of {summary.scored:,} texts are longer than {model.max_length} tokens; "
            f"their {NOT_READ[model.keep]} is not read"
        )
    if summary.unknown:
        share = summary.unknown / summary.tokens
        yield f"{summary.unknown:,} of {summary.tokens:,} tokens are not in the vocabulary ({share:.1%})"
    if summary.all_unknown and not symptoms.of_texts(summary.all_unknown, summary.scored):
        yield f"texts without any known word: {summary.all_unknown:,} of {summary.scored:,}"
