"""Predictions as lines: for eyes and shell tools, as JSON, or as CSV."""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from rnncli.data.reading.text_rows import TextRow
from rnncli.diagnostics import symptoms
from rnncli.inference.model_folder import SavedModel
from rnncli.inference.predictions import Prediction, Summary
from rnncli.reporting.formatting import columns, printable, rounded, shortened
from rnncli.settings.choices import OutputFormat
from rnncli.system.files import to_json

FORMAT_VERSION = 1  # of a JSON row

ERROR_LABEL, NO_PROBABILITY = "error", "-"
CUT = {"end": "beginning", "start": "end", "both": "middle"}
WIDEST_LABEL = 24  # longer ones push their line to the right


class PredictionFormat(Protocol):
    """How rows are written."""

    header: str

    def line(self, row: TextRow, prediction: Prediction | None) -> str:
        """The line for one row, its end included; without a prediction it shows the row's error."""


class JsonLines:
    """A JSON object for each row."""

    header = ""

    def line(self, row: TextRow, prediction: Prediction | None) -> str:
        """See `PredictionFormat`."""
        value: dict[str, Any] = {"format_version": FORMAT_VERSION, "index": row.index, "text": row.text}
        if prediction is None:
            value |= {"error": row.error}
        else:
            probabilities = {name: rounded(value) for name, value in prediction.probabilities.items()}
            value |= {
                "label": prediction.label,
                "probability": probabilities[prediction.label],
                "probabilities": probabilities,
                "tokens": prediction.tokens,
                "unknown": prediction.unknown,
                "truncated": prediction.truncated,
            }
        return to_json(value, indent=None) + "\n"


class CsvLines:
    """Comma-separated values with a column ``probability_LABEL`` for each class."""

    def __init__(self, label_names: Sequence[str]) -> None:
        names = [f"probability_{name}" for name in label_names]
        self._blank = [""] * (len(names) + 5)
        self.header = _csv_line(
            ["index", "text", "label", "probability", *names, "tokens", "unknown", "truncated", "error"]
        )

    def line(self, row: TextRow, prediction: Prediction | None) -> str:
        """See `PredictionFormat`."""
        if prediction is None:
            return _csv_line([row.index, "", *self._blank, row.error])
        return _csv_line(
            [
                row.index,
                row.text,
                prediction.label,
                rounded(prediction.probability),
                *map(rounded, prediction.probabilities.values()),
                prediction.tokens,
                prediction.unknown,
                str(prediction.truncated).lower(),
                "",
            ]
        )


class TextLines:
    """Label, probability and text: with tabs between them, or as columns as wide as a terminal."""

    header = ""

    def __init__(self, label_names: Sequence[str], width: int | None) -> None:
        """Fit lines into `width` terminal columns; None writes whole texts after tabs."""
        self._width = width
        widest = max(columns(name) for name in (*label_names, ERROR_LABEL))
        self._label_width = min(widest, WIDEST_LABEL)

    def line(self, row: TextRow, prediction: Prediction | None) -> str:
        """See `PredictionFormat`."""
        if prediction is None:
            label, probability, text = ERROR_LABEL, NO_PROBABILITY, row.error or ""
        else:
            label, probability, text = prediction.label, f"{prediction.probability:.4f}", row.text or ""
        label, text = printable(label), printable(text)
        if self._width is None:
            return f"{label}\t{probability}\t{text}\n"
        label += " " * (self._label_width - columns(label))
        start = f"{label}  {probability:<6}  "
        return start + shortened(text, self._width - columns(start)) + "\n"


def prediction_format(
    format: OutputFormat, label_names: Sequence[str], width: int | None = None
) -> PredictionFormat:
    """The writer of lines in `format`; `width` is that of the terminal, if the lines go to one."""
    if format == "jsonl":
        return JsonLines()
    return CsvLines(label_names) if format == "csv" else TextLines(label_names, width)


def remarks(summary: Summary, model: SavedModel) -> Iterator[str]:
    """What a reader of predictions should know about the texts: cut, unknown to the model, none."""
    if not summary.rows:
        yield "the input has no rows"
    if summary.truncated:
        yield (
            f"{summary.truncated:,} of {summary.scored:,} texts are longer than {model.max_length} tokens; "
            f"their {CUT[model.keep]} is not read"
        )
    if summary.unknown:
        share = summary.unknown / summary.tokens
        yield f"{summary.unknown:,} of {summary.tokens:,} tokens are not in the vocabulary ({share:.1%})"
    if summary.all_unknown and not symptoms.of_texts(summary.all_unknown, summary.scored):
        yield f"texts without any known word: {summary.all_unknown:,} of {summary.scored:,}"


def _csv_line(cells: Sequence[Any]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(cells)  # which has it quote both characters
    return line.getvalue().removesuffix("\r\n") + "\n"
