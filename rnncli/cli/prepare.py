"""`rnncli prepare`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from rnncli.cli import console
from rnncli.cli.options import RUNS_DIR, Debug, Json, Quiet, RunsDir, with_settings
from rnncli.settings.prepare import PrepareSettings


@with_settings(PrepareSettings)
def prepare(
    source: Annotated[
        str,
        typer.Argument(
            help="sample (bundled), imdb, a CSV, TSV, JSONL or Parquet file, or a folder split/label/*.txt."
        ),
    ] = "sample",
    *,
    name: Annotated[
        str | None, typer.Option(help="Name of the dataset; by default the source's.", show_default=False)
    ] = None,
    archive: Annotated[
        Path | None,
        typer.Option(help="imdb: a local aclImdb_v1.tar.gz or its unpacked folder, instead of a download."),
    ] = None,
    text_column: Annotated[
        str | None, typer.Option(help="Column of the texts; by default the one with a usual name.")
    ] = None,
    label_column: Annotated[
        str | None, typer.Option(help="Column of the labels; by default the one with a usual name.")
    ] = None,
    test: Annotated[
        Path | None, typer.Option(help="A table of test rows, instead of a share of SOURCE's.")
    ] = None,
    encoding: Annotated[str, typer.Option(help="Character encoding of tables and text files.")] = "utf-8",
    skip_bad_rows: Annotated[
        bool, typer.Option("--skip-bad-rows", help="Leave out rows that cannot be read, and count them.")
    ] = False,
    given: dict[str, Any],
    runs_dir: RunsDir = RUNS_DIR,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,  # noqa: ARG001 - acted on when it is parsed
) -> None:
    """Turn texts into a dataset: splits, vocabulary and token ids."""
    from rnncli.diagnostics import symptoms
    from rnncli.reporting.prepare_progress import PrepareProgress
    from rnncli.reporting.prepare_report import prepare_report
    from rnncli.workflows import prepare as workflow

    with PrepareProgress(console.stderr_console(quiet=quiet)) as progress:
        dataset = workflow.prepare(
            source,
            name=name,
            runs_dir=runs_dir,
            archive=archive,
            text_column=text_column,
            label_column=label_column,
            test=test,
            encoding=encoding,
            skip_bad_rows=skip_bad_rows,
            report=progress,
            **given,
        )
    manifest = dataset.manifest
    warnings = symptoms.of_data(manifest)
    console.show(prepare_report(dataset), json=json, quiet=quiet)
    console.warn(*warnings)
    if json:
        about = {"dataset": manifest.name, "path": str(dataset.path), "fingerprint": dataset.fingerprint}
        console.out_json(about | {"warnings": warnings} | manifest.to_dict())
    elif not quiet:
        option = "" if runs_dir == RUNS_DIR else f" --runs-dir {runs_dir}"
        console.out(f"data    {dataset.path}/\nnext    rnncli train --dataset {manifest.name}{option}")
