"""A user's own table as a source: which columns are meant, and which rows are bad."""

import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from rnncli.data.examples import Examples, StoredTexts
from rnncli.data.reading.lines import Row
from rnncli.data.reading.tables import TEXT_NAMES, format_of, iter_rows, usual_column
from rnncli.errors import DataError
from rnncli.system.files import named_failures
from rnncli.system.progress import Report, reported

LABEL_NAMES = ("label", "sentiment", "class", "category", "target", "intent", "rating", "stars", "polarity")

Columns = tuple[str, str]
"""The names of the columns of texts and of labels."""


def read_table(
    path: Path, file: BinaryIO, report: Report, *, test: Path | None = None, **options: Any
) -> dict[str, Examples]:
    """Read the training rows of `path` and the test rows of `test`, if any; see `Reader`.

    Raises:
        DataError: A table, a column or a row cannot be used.
        OSError: A table cannot be opened.
    """
    splits = {"train": read_examples(path, file, report, **options)}
    if test:
        known_labels = set(splits["train"].labels or ())
        splits["test"] = read_examples(test, file, report, known_labels, **options)
    return splits


def read_examples(
    table: Path,
    file: BinaryIO,
    report: Report,
    known_labels: Collection[str] | None = None,
    *,
    text_column: str | None = None,
    label_column: str | None = None,
    encoding: str = "utf-8",
    skip_bad_rows: bool = False,
) -> Examples:
    """The examples of one table: rows with a text and a label, which is one of `known_labels` if given.

    For the options see `rnncli.workflows.prepare.prepare`.
    """
    columns: Columns | None = None
    texts = StoredTexts(file)
    labels: list[str] = []
    first_bad, skipped = "", 0
    if format_of(table) == "text":
        raise DataError(f"{table}: plain text has no labels; use a table or a folder split/label/*.txt")
    for row in reported(filled_rows(table, encoding), f"Reading {table.name}", report):
        error = row.error
        if error is None and columns is None:
            columns, error = find_columns(row.values, text_column, label_column)
            if error and not skip_bad_rows:
                raise DataError(f"{table}: {error}")
        if error is None and columns is not None:
            error = _fault(row, columns, known_labels)
            if error is None:
                texts.append(row.values[columns[0]])
                labels.append(sys.intern(row.values[columns[1]]))
                continue
        skipped += 1
        first_bad = first_bad or f"{table}: line {row.line}: {error}"
        if not skip_bad_rows:
            raise DataError(f"{first_bad}; or leave out such rows with --skip-bad-rows")
    if not texts:
        first = f"; the first of {skipped} bad rows: {first_bad}" if skipped else ""
        raise DataError(f"{table}: no rows to learn from: each needs a text and a label{first}")
    return Examples(texts, labels=labels, skipped=skipped)


def find_columns(
    names: Collection[str], text: str | None, label: str | None
) -> tuple[Columns | None, str | None]:
    """Choose among the column `names`: those asked for, else usual names, else the other one of two.

    Returns:
        The columns, or why they cannot be told; that lists the columns there are.
    """
    found_text = text or usual_column(names, TEXT_NAMES)
    found_label = label or usual_column(names, LABEL_NAMES)
    if len(names) == 2:
        other = dict(zip(names, reversed(list(names)), strict=True))
        found_text = found_text or other.get(found_label or "")
        found_label = found_label or other.get(found_text or "")
    there_are = f"the columns are: {', '.join(map(repr, names))}"
    if found_text is None or found_text not in names:
        return None, f"no column '{text or 'text'}'; {there_are}; name the texts' with --text-column"
    if found_label is None or found_label not in names:
        return None, f"no column '{label or 'label'}'; {there_are}; name the labels' with --label-column"
    if found_text == found_label:
        return None, f"text and label are the same column '{found_text}'; {there_are}"
    return (found_text, found_label), None


def filled_rows(path: Path, encoding: str) -> Iterator[Row]:
    """The rows of a file that are not blank."""
    with named_failures(path), path.open("rb") as stream:
        for row in iter_rows(stream, format_of(path), where=str(path), encoding=encoding):
            if not row.is_blank:
                yield row


def _fault(row: Row, columns: Columns, known_labels: Collection[str] | None) -> str | None:
    """Why a row cannot be used; None if it can."""
    for column in columns:
        if column not in row.values:
            return f"no text or number in the column '{column}'"
    label = row.values[columns[1]]
    if not label.strip():
        return f"no label in the column '{columns[1]}'"
    if known_labels is not None and label not in known_labels:
        return f"the label {label!r} does not occur among the training rows"
    return None
