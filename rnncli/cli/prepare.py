"""`rnncli prepare`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from rnncli.cli import console
from rnncli.cli.options import RUNS_DIR, Debug, Json, Quiet, RunsDir, with_settings
from rnncli.settings.prepare import PrepareSettings
from rnncli.system.files import named_failures


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
    config = PrepareSettings.from_options(**given)

    from rnncli.data import prepare as data_prepare
    from rnncli.data.dataset import datasets_dir
    from rnncli.data.sources.choice import ReadOptions, open_source
    from rnncli.diagnostics import symptoms

    options = ReadOptions(archive, test, text_column, label_column, encoding, skip_bad_rows)
    chosen, default_name = open_source(source, options, seed=config.seed)

    from rnncli.reporting.prepare_progress import PrepareProgress
    from rnncli.reporting.prepare_report import prepare_report

    name = default_name if name is None else name
    with (
        named_failures(datasets_dir(runs_dir) / name),
        PrepareProgress(console.stderr_console(quiet=quiet)) as progress,
    ):
        dataset = data_prepare.prepare(chosen, config, runs_dir=runs_dir, name=name, report=progress)
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
