"""The source that the argument SOURCE names."""

import re
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from rnncli.data.examples import Examples, Reader
from rnncli.data.reading.tables import format_of
from rnncli.data.sources.folder import read_folder
from rnncli.data.sources.imdb import read_imdb
from rnncli.data.sources.table import read_table
from rnncli.errors import DataError, UsageError
from rnncli.runs.finding import RESERVED
from rnncli.system.progress import Progress, Report


class Source(NamedTuple):
    """Where examples come from."""

    read: Reader
    origin: str  # in the manifest: a source's name, or a file's name without its folder
    name: str  # the dataset's, unless the user gives one


def open_source(
    name: str,
    *,
    seed: int = 0,
    archive: Path | None = None,
    encoding: str = "utf-8",
    skip_bad_rows: bool = False,
    **for_tables: Any,
) -> Source:
    """The source that `name` stands for; for the options see `rnncli.workflows.prepare.prepare`.

    ``test``, ``text_column`` and ``label_column`` are `for_tables`.

    Raises:
        UsageError: An option does not go with the source.
        DataError: There is no such source.
    """
    path = Path(name)
    if name == "sample":
        _refuse("sample", archive=archive, **for_tables)
        return Source(partial(_read_sample, seed), "sample", "sample")
    if name == "phrases":
        _refuse("phrases", archive=archive, **for_tables)
        return Source(partial(_read_phrases, seed), "phrases", "phrases")
    if name == "imdb":
        _refuse("imdb", **for_tables)
        return Source(partial(read_imdb, archive), "imdb", "imdb")
    how: dict[str, Any] = {"encoding": encoding, "skip_bad_rows": skip_bad_rows}
    if path.is_dir():
        _refuse("a folder", archive=archive, **for_tables)
        if (path / "train" / "urls_pos.txt").exists():
            return Source(partial(read_imdb, path), "imdb", "imdb")
        folder = path.resolve().name
        return Source(partial(read_folder, path, **how), folder, dataset_name(folder))
    if not path.exists():
        known = "sample, phrases, imdb, a table's path or a folder"
        raise DataError(f"{name}: no such file or folder; SOURCE is {known}")
    _refuse("a table", archive=archive)
    tables = [table for table in (path, for_tables.get("test")) if table]
    for table in tables:
        format_of(table)
    read = partial(read_table, path, **for_tables, **how)
    return Source(read, " and ".join(table.name for table in tables), dataset_name(path.stem))


def dataset_name(text: str) -> str:
    """A valid dataset name like `text`, which is a file's or folder's name."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("._-")[:100]
    return f"data-{name}" if not name or name in RESERVED else name


def _read_sample(seed: int, file: BinaryIO, report: Report) -> dict[str, Examples]:  # noqa: ARG001 - it is small
    from rnncli.data.sample.generate import generate_sample

    splits = generate_sample(seed)
    count = sum(map(len, splits.values()))
    report(Progress("Writing the sample", count, count))
    return splits


def _read_phrases(seed: int, file: BinaryIO, report: Report) -> dict[str, Examples]:  # noqa: ARG001 - as above
    from rnncli.data.sample.phrases import generate_phrases

    examples = generate_phrases(seed)
    report(Progress("Writing phrases", len(examples), len(examples)))
    return {"train": examples}


def _refuse(source: str, **options: object) -> None:
    for name, value in options.items():
        if value is not None:
            raise UsageError(f"--{name.replace('_', '-')} does not go with {source} as SOURCE")
