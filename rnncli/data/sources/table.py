"""A user's own table as a source: which columns are meant, and which rows are bad."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from rnncli.data.examples import Examples, Progress, Report
from rnncli.data.names import Names
from rnncli.data.reading.tables import Row, format_of, iter_rows
from rnncli.data.stored_texts import StoredTexts, TextStore
from rnncli.errors import DataError

TEXT_NAMES = ("text", "review", "sentence", "content", "comment", "message", "question", "tweet", "body")
LABEL_NAMES = ("label", "sentiment", "class", "category", "target", "intent", "rating", "stars", "polarity")


@dataclass(frozen=True)
class TableSource:
    """Rows with a text and a label.

    Attributes:
        path: The table that train and, unless there is `test`, the test split are taken from.
        test: A table of test rows.
        text_column: Where the texts are; None looks for a usual name.
        label_column: Where the labels are; None looks for a usual name.
        encoding: Character encoding of both tables.
        skip_bad_rows: Whether rows that cannot be used are left out and counted.
    """

    path: Path
    test: Path | None = None
    text_column: str | None = None
    label_column: str | None = None
    encoding: str = "utf-8"
    skip_bad_rows: bool = False

    @property
    def origin(self) -> str:
        """The tables' names without their folders."""
        return f"{self.path.name} and {self.test.name}" if self.test else self.path.name

    def read(self, store: TextStore, report: Report) -> dict[str, Examples]:
        """Read the table or tables.

        Raises:
            DataError: A table, a column or a row cannot be used.
        """
        splits = {"train": self._examples(self.path, None, store, report)}
        if self.test:
            known_labels = set(splits["train"].labels or ())
            splits["test"] = self._examples(self.test, known_labels, store, report)
        return splits

    def _examples(
        self, path: Path, known_labels: Collection[str] | None, store: TextStore, report: Report
    ) -> Examples:
        """The rows of one table; labels outside `known_labels` are bad."""
        columns: Columns | None = None
        texts = StoredTexts(store)
        labels = Names()
        first_bad, skipped = "", 0
        for row in _rows(path, self.encoding, report):
            error = row.error
            if error is None and columns is None:
                columns, error = find_columns(row.values, self.text_column, self.label_column)
                if error and not self.skip_bad_rows:
                    raise DataError(f"{path}: {error}")
            if error is None and columns is not None:
                error = _fault(row, columns, known_labels)
                if error is None:
                    texts.append(row.values[columns.text])
                    labels.append(row.values[columns.label])
            if error is not None:
                skipped += 1
                first_bad = first_bad or f"{path}: line {row.line}: {error}"
                if not self.skip_bad_rows:
                    raise DataError(f"{first_bad}; or leave out such rows with --skip-bad-rows")
        if not texts:
            first = f"; the first of {skipped} bad rows: {first_bad}" if skipped else ""
            raise DataError(f"{path}: no rows to learn from: each needs a text and a label{first}")
        return Examples(texts, labels=labels, skipped=skipped)


class Columns(NamedTuple):
    """The names of the two columns that are read."""

    text: str
    label: str


def find_columns(
    names: Collection[str], text: str | None, label: str | None
) -> tuple[Columns | None, str | None]:
    """Choose among the column `names`: those asked for, else usual names, else the other one of two.

    Returns:
        The columns, or why they cannot be told; that lists the columns there are.
    """
    found_text = _find(names, text, TEXT_NAMES)
    found_label = _find(names, label, LABEL_NAMES)
    if len(names) == 2:
        other = {name: next(n for n in names if n != name) for name in names}
        if text is None and found_label:
            found_text = found_text or other[found_label]
        if label is None and found_text:
            found_label = found_label or other[found_text]
    there_are = f"the columns are: {', '.join(map(repr, names))}"
    if not found_text:
        return None, f"no column '{text or 'text'}'; {there_are}; name the texts' with --text-column"
    if not found_label:
        return None, f"no column '{label or 'label'}'; {there_are}; name the labels' with --label-column"
    if found_text == found_label:
        return None, f"text and label are the same column '{found_text}'; {there_are}"
    return Columns(found_text, found_label), None


def _find(names: Collection[str], wanted: str | None, usual: tuple[str, ...]) -> str | None:
    if wanted is not None:
        return wanted if wanted in names else None
    by_lower = {name.strip().lower(): name for name in reversed(list(names))}
    return next((by_lower[name] for name in usual if name in by_lower), None)


def _rows(path: Path, encoding: str, report: Report) -> Iterator[Row]:
    """The rows of a file that are not blank, reported every few thousand."""
    table_format = format_of(path)
    if table_format == "text":
        raise DataError(
            f"{path}: plain text has no labels; use CSV, TSV, JSONL, Parquet or split/label/*.txt"
        )
    count = 0
    stage = f"Reading {path.name}"
    try:
        with path.open("rb") as stream:
            for row in iter_rows(stream, table_format, where=str(path), encoding=encoding):
                if not row.is_blank:
                    yield row
                    count += 1
                    if count % 4096 == 0:
                        report(Progress(stage, count, None))
    except OSError as error:
        raise DataError(f"{path}: cannot read it: {error.strerror}") from error
    report(Progress(stage, count, count))


def _fault(row: Row, columns: Columns, known_labels: Collection[str] | None) -> str | None:
    """Why a row cannot be used; None if it can."""
    for column in columns:
        if column not in row.values:
            return f"no text or number in the column '{column}'"
    label = row.values[columns.label]
    if not label.strip():
        return f"no label in the column '{columns.label}'"
    if known_labels is not None and label not in known_labels:
        return f"the label {label!r} does not occur among the training rows"
    return None
