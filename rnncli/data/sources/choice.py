"""From what the user names to a source of examples."""

import re
from dataclasses import dataclass
from pathlib import Path

from rnncli.data.examples import Examples, Progress, Report, Source
from rnncli.data.reading.tables import format_of
from rnncli.data.sources.folder import FolderSource
from rnncli.data.sources.imdb import ImdbSource
from rnncli.data.sources.table import TableSource
from rnncli.data.stored_texts import TextStore
from rnncli.errors import DataError, UsageError
from rnncli.runs.finding import RESERVED


@dataclass(frozen=True)
class SampleSource:
    """The bundled sample, which the package writes itself from a seed."""

    seed: int = 0
    origin: str = "sample"

    def read(self, store: TextStore, report: Report) -> dict[str, Examples]:  # noqa: ARG002 - it is small
        """Generate the sample's splits."""
        from rnncli.data.sample.generate import generate_sample

        splits = generate_sample(self.seed)
        count = sum(len(examples) for examples in splits.values())
        report(Progress("Writing the sample", count, count))
        return splits


@dataclass(frozen=True)
class ReadOptions:
    """How a source is to be read; which of these mean anything depends on the source."""

    archive: Path | None = None
    test: Path | None = None
    text_column: str | None = None
    label_column: str | None = None
    encoding: str = "utf-8"
    skip_bad_rows: bool = False


def open_source(name: str, options: ReadOptions, *, seed: int) -> tuple[Source, str]:
    """The source that `name` stands for, and the dataset's name unless the user gives one.

    Args:
        name: ``sample``, ``imdb``, or the path of a table or folder.
        options: How to read it.
        seed: Seed of the sample.

    Raises:
        UsageError: An option does not go with the source.
        DataError: There is no such source.
    """
    if name == "sample":
        _refuse(options, ("archive", "test", "text_column", "label_column"), "sample")
        return SampleSource(seed), "sample"
    if name == "imdb":
        _refuse(options, ("test", "text_column", "label_column"), "imdb")
        return ImdbSource(options.archive), "imdb"
    path = Path(name)
    if (path / "train" / "urls_pos.txt").exists():
        _refuse(options, ("archive", "test", "text_column", "label_column"), "IMDB's folder")
        return ImdbSource(path), "imdb"
    if path.is_dir():
        _refuse(options, ("archive", "test", "text_column", "label_column"), "a folder")
        return FolderSource(path, options.encoding, options.skip_bad_rows), dataset_name(path.resolve().name)
    if not path.exists():
        raise DataError(f"{name}: no such file or folder; SOURCE is sample, imdb, a table's path or a folder")
    _refuse(options, ("archive",), "a table")
    for table in (path, options.test):
        if table:
            format_of(table)
    source = TableSource(
        path, options.test, options.text_column, options.label_column, options.encoding, options.skip_bad_rows
    )
    return source, dataset_name(path.stem)


def dataset_name(text: str) -> str:
    """A valid dataset name like `text`, which is a file's or folder's name."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("._-")[:100]
    return f"data-{name}" if not name or name in RESERVED else name


def _refuse(options: ReadOptions, names: tuple[str, ...], source: str) -> None:
    for name in names:
        if getattr(options, name) is not None:
            raise UsageError(f"--{name.replace('_', '-')} does not go with {source} as SOURCE")
