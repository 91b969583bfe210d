"""`rnncli predict`."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, count, islice, starmap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from rnncli.cli import console
from rnncli.cli.options import A_RUN, RUNS_DIR, Debug, Json, Quiet, RunsDir, TextColumn
from rnncli.errors import DataError, UsageError
from rnncli.settings.choices import OutputFormat, TableFormat
from rnncli.system.files import named_failures, replaced_file

if TYPE_CHECKING:
    from rnncli.data.reading.text_input import TextRow
    from rnncli.inference.averaged_model import Model
    from rnncli.reporting.predictions import Summary

OUTPUT_ENDINGS: dict[str, OutputFormat] = {
    ".txt": "text",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
}


def predict(
    text: Annotated[
        list[str] | None,
        typer.Argument(metavar="TEXT", help="Texts to score. Put -- before one that starts with a dash."),
    ] = None,
    *,
    run: Annotated[
        str, typer.Option(help="A run's name or path, a model's folder, latest or best.", **A_RUN)
    ] = "latest",
    source: Annotated[
        Path | None,
        typer.Option(
            *("--input", "-i"),
            metavar="FILE",
            help="Score the texts in this file; - is standard input.",
            exists=True,
            dir_okay=False,
            allow_dash=True,
        ),
    ] = None,
    table_format: Annotated[
        TableFormat | None,
        typer.Option("--format", help="Format of the input. [default: as the file's ending says, else text]"),
    ] = None,
    text_column: TextColumn = None,
    encoding: Annotated[
        str | None, typer.Option(metavar="NAME", help="Character encoding of the input. [default: utf-8]")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write to this file, not to standard output."),
    ] = None,
    output_format: Annotated[
        OutputFormat | None,
        typer.Option(help="Format of the output. [default: as the file's ending says, else text]"),
    ] = None,
    abstain_below: Annotated[
        float,
        typer.Option(
            metavar="P", min=0, max=1, help="Give no label to a text whose most probable one is below this."
        ),
    ] = 0.0,
    runs_dir: RunsDir = RUNS_DIR,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,  # noqa: ARG001 - acted on when it is parsed
) -> None:
    """Score texts: one row of output for each row of input, in order.

    A row that cannot be scored has an error in its place. If none can be scored, the exit code is 1.
    """
    writing = _output_format(output, output_format, json=json)
    if text and (source or table_format or text_column or encoding):
        raise UsageError(
            "give either texts or --input; --format, --text-column and --encoding describe --input"
        )
    # Threads of the matrix product wait for each other by spinning: on a busy machine that costs
    # several times what they gain. The library reads this when NumPy is imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from rnncli.data.reading.text_input import input_rows, text_row
    from rnncli.reporting.predictions import Summary, header_of, line_of
    from rnncli.runs.finding import BUNDLED
    from rnncli.workflows.predict import answering_run, load, predict_windows

    rows: Iterator[TextRow | None]
    if text:
        rows = map(text_row, count(), text)
        for each in text:
            if " " not in each and len(each) < 256 and Path(each).suffix and Path(each).is_file():
                console.note(f"scored the words '{each}'; for the texts in it: --input {each}", quiet=quiet)
    else:
        if source is None and (sys.stdin is None or sys.stdin.isatty()):
            raise UsageError("no text to score; try: rnncli predict 'great movie', or --input reviews.txt")
        file_or_pipe = None if str(source) == "-" else source
        rows = input_rows(file_or_pipe, table_format, text_column, encoding or "utf-8")
    run = answering_run(run, runs_dir)
    if run == BUNDLED:
        console.note("the bundled model answers: English film reviews, neg or pos", quiet=quiet)
    model = load(run, runs_dir=runs_dir)
    line = line_of(writing, model.label_names, None if output else console.width_of(sys.stdout))
    summary = Summary()
    with _destination(output) as file:
        first = list(islice(rows, 1))  # before the header: a table that cannot be read writes nothing
        file.write(header_of(writing, model.label_names).encode())
        for window in predict_windows(chain(first, rows), model, abstain_below=abstain_below):
            file.write("".join(starmap(line, window)).encode("utf-8", "backslashreplace"))
            file.flush()
            summary.add(window)
            if output and not quiet and sys.stderr.isatty():
                sys.stderr.write(f"\r{summary.rows:,} rows\r")
    _report(summary, model.model, output, quiet=quiet)


def _output_format(output: Path | None, chosen: OutputFormat | None, *, json: bool) -> OutputFormat:
    """The format to write; UsageError where `output` cannot be written or has an unknown ending."""
    if json and chosen not in (None, "jsonl"):
        raise UsageError(f"--json and --output-format {chosen} contradict each other: leave one out")
    if output and not output.parent.is_dir():
        raise UsageError(f"--output {output}: there is no folder {output.parent}")
    if json or chosen:
        return chosen or "jsonl"
    if output is None or (output.exists() and not output.is_file()):
        return "text"
    try:
        return OUTPUT_ENDINGS[output.suffix.lower()]
    except KeyError:
        known = ", ".join(OUTPUT_ENDINGS)
        raise UsageError(
            f"--output {output}: the ending names no format: use {known}, or say --output-format"
        ) from None


@contextmanager
def _destination(output: Path | None) -> Iterator[BinaryIO]:
    """Where rows go: standard output, a device or pipe, or a file that is replaced at the end."""
    if output is None:
        if sys.stdout is None:
            raise UsageError("standard output is closed: name a file with --output")
        with named_failures(console.STDOUT):
            yield sys.stdout.buffer
    elif output.exists() and not output.is_file():
        with output.open("wb") as file:
            yield file
    else:
        with replaced_file(output.resolve()) as file:
            yield file


def _report(summary: "Summary", model: "Model", output: Path | None, *, quiet: bool) -> None:
    """Remarks, warnings and errors about the rows as a whole, on stderr."""
    from rnncli.diagnostics import symptoms
    from rnncli.reporting.predictions import remarks

    for remark in remarks(summary, model):
        console.note(remark, quiet=quiet)
    console.warn(*symptoms.of_texts(summary.all_unknown, summary.scored))
    if output:
        console.note(f"rows written to {output}: {summary.rows:,}", quiet=quiet)
    if summary.errors:
        failed = f"{summary.errors:,} of {summary.rows:,} rows could not be scored"
        what = f"{failed}; first: {summary.first_error}"
        if summary.errors == summary.rows:
            raise DataError(what)
        console.warn(what)
