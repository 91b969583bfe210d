"""Texts without labels, to learn from with a teacher."""

from pathlib import Path
from typing import BinaryIO

from rnncli.data.examples import Examples, StoredTexts
from rnncli.data.reading.tables import TEXT_NAMES, format_of, usual_column
from rnncli.data.sources.folder import read_files
from rnncli.data.sources.table import filled_rows
from rnncli.errors import DataError
from rnncli.system.progress import Report, reported


def read_unlabelled(
    path: Path,
    file: BinaryIO,
    report: Report,
    *,
    text_column: str | None = None,
    encoding: str = "utf-8",
    skip_bad_rows: bool = False,
) -> dict[str, Examples]:
    """Read a table's texts, the lines of a text file, or the text files of a folder; see `Reader`.

    For the options see `rnncli.workflows.prepare.prepare`; lines of text have no columns.

    Raises:
        DataError: There are no texts, or a row or a file cannot be read.
        OSError: The file cannot be opened.
    """
    examples = Examples(StoredTexts(file))
    if path.is_dir():
        read_files(path, examples, report, encoding=encoding, skip_bad_rows=skip_bad_rows)
    else:
        _read_rows(path, examples, report, text_column, encoding=encoding, skip_bad_rows=skip_bad_rows)
    if not examples:
        raise DataError(
            f"{path}: no texts in it; give a table, a file with one text a line, or a folder of .txt"
        )
    return {"unlabelled": examples}


def _read_rows(
    path: Path,
    examples: Examples,
    report: Report,
    column: str | None,
    *,
    encoding: str,
    skip_bad_rows: bool,
) -> None:
    """Add the text of each row to `examples`."""
    if format_of(path) == "text":
        column = "text"
    for row in reported(filled_rows(path, encoding), f"Reading {path.name}", report):
        if column is None and row.error is None:
            column = usual_column(row.values, TEXT_NAMES)
        if row.error is None and column in row.values:
            if row.values[column].strip():  # an empty text teaches nothing
                examples.texts.append(row.values[column])
            continue
        missing = f"no text in the column '{column or 'text'}'; the columns are: {', '.join(row.values)}"
        if not skip_bad_rows:
            raise DataError(
                f"{path}: line {row.line}: {row.error or missing}; name the texts' column with "
                "--text-column, or leave out such rows with --skip-bad-rows"
            )
        examples.skipped += 1
