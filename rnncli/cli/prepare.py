"""`rnncli prepare`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from rnncli.cli import console
from rnncli.cli.options import RUNS_DIR, Debug, Json, Quiet, RunsDir, TextColumn, with_settings
from rnncli.errors import UsageError
from rnncli.settings.prepare import PrepareSettings


def _refuse_truncate(value: str | None) -> None:
    if value is not None:
        raise UsageError(
            "--truncate named what is cut, --keep names what is kept: use --keep end for head, "
            "--keep start for tail, and --keep both for the first and the last tokens"
        )


@with_settings(PrepareSettings)
def prepare(
    source: Annotated[
        str,
        typer.Argument(
            help="sample or phrases (bundled), imdb, a CSV, TSV, JSONL or Parquet file, or a folder "
            "split/label/*.txt."
        ),
    ] = "sample",
    *,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name of the dataset. [default: the source's]")
    ] = None,
    archive: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="For imdb: read a local aclImdb_v1.tar.gz, or its unpacked folder, and download nothing.",
        ),
    ] = None,
    text_column: TextColumn = None,
    label_column: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Column of the labels. [default: the first with a usual name, such as label]"
        ),
    ] = None,
    test: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Take the test split from this table, not from SOURCE."),
    ] = None,
    also: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SOURCE",
            help="Add the training texts of this source, too; their labels must be among those of the first. "
            "Validation and test stay as they are.",
        ),
    ] = None,
    unlabelled: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Add texts without labels, for train --teacher: a table, a .txt file with one text a line, "
            "or a folder of .txt files.",
        ),
    ] = None,
    encoding: Annotated[
        str, typer.Option(metavar="NAME", help="Character encoding of tables and text files.")
    ] = "utf-8",
    skip_bad_rows: Annotated[
        bool, typer.Option("--skip-bad-rows", help="Leave out rows that cannot be read, and count them.")
    ] = False,
    truncate: Annotated[  # noqa: ARG001 - refused when it is parsed
        str | None, typer.Option(hidden=True, callback=_refuse_truncate)
    ] = None,
    given: dict[str, Any],
    runs_dir: RunsDir = RUNS_DIR,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,  # noqa: ARG001 - acted on when it is parsed
) -> None:
    """Turn texts into a dataset: splits, vocabulary and token ids."""
    from rnncli.diagnostics import symptoms
    from rnncli.reporting.prepare_report import prepare_report
    from rnncli.reporting.progress import stage_progress
    from rnncli.workflows import prepare as workflow

    with stage_progress(console.stderr_console(quiet=quiet)) as report:
        dataset = workflow.prepare(
            source,
            name=name,
            runs_dir=runs_dir,
            archive=archive,
            text_column=text_column,
            label_column=label_column,
            test=test,
            also=also or (),
            unlabelled=unlabelled,
            encoding=encoding,
            skip_bad_rows=skip_bad_rows,
            report=report,
            **given,
        )
    manifest = dataset.manifest
    warnings = symptoms.of_data(manifest)
    console.show(lambda _: prepare_report(manifest), json=json, quiet=quiet)
    console.warn(*warnings)
    if json:
        about = {"dataset": manifest.name, "path": str(dataset.path), "fingerprint": dataset.fingerprint}
        console.out_json(about | {"warnings": warnings} | manifest.to_dict())
    elif not quiet:
        option = "" if runs_dir == RUNS_DIR else f" --runs-dir {runs_dir}"
        console.out(f"data    {dataset.path}/\nnext    rnncli train --dataset {manifest.name}{option}")
