"""What `rnncli prepare` does: texts become a dataset."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from rnncli.data.dataset import Dataset
from rnncli.data.examples import Examples, Reader
from rnncli.data.prepare import build_dataset
from rnncli.data.sources.open_source import open_source
from rnncli.data.sources.unlabelled import read_unlabelled
from rnncli.errors import DataError
from rnncli.runs.run import DATASETS
from rnncli.settings.prepare import PrepareSettings
from rnncli.system.files import named_failures
from rnncli.system.progress import Report, no_report


def prepare(
    source: str | Path = "sample",
    *,
    name: str | None = None,
    runs_dir: str | Path = "runs",
    archive: str | Path | None = None,
    text_column: str | None = None,
    label_column: str | None = None,
    test: str | Path | None = None,
    also: Sequence[str | Path] = (),
    unlabelled: str | Path | None = None,
    encoding: str = "utf-8",
    skip_bad_rows: bool = False,
    report: Report = no_report,
    **settings: Any,
) -> Dataset:
    """Turn texts into a dataset: splits, vocabulary and token ids.

    Args:
        source: ``sample`` or ``phrases`` (bundled), ``imdb``, a CSV, TSV, JSONL or Parquet file, or a folder
            ``split/label/*.txt``.
        name: Name of the dataset; None takes the source's.
        runs_dir: Folder of runs and prepared datasets.
        archive: For ``imdb``, a local ``aclImdb_v1.tar.gz`` or its unpacked folder instead of a download.
        text_column: Column of the texts; None takes the one with a usual name.
        label_column: Column of the labels; None takes the one with a usual name.
        test: A table of test rows, instead of a share of the source's.
        also: Further sources, whose training texts join the training split; their labels are among those of
            the first. The columns named are theirs, too.
        unlabelled: Texts without labels for the split of that name: a table, a ``.txt`` file with one text a
            line, or a folder of ``.txt`` files.
        encoding: Character encoding of tables and text files.
        skip_bad_rows: Whether rows that cannot be read are left out and counted.
        report: Called with the progress of each stage.
        **settings: Those of `PrepareSettings`, such as ``vocab_size=5000``.

    Returns:
        The dataset, which replaces an older one of that name once it is whole.

    Raises:
        UsageError: Options contradict each other or the source, or a setting is out of range.
        DataError: The texts cannot be read or are too few to learn from, or another process is
            preparing this dataset.
    """
    prepare_settings = PrepareSettings.from_options(**settings)
    columns: dict[str, Any] = {"text_column": text_column, "label_column": label_column}
    how: dict[str, Any] = {"encoding": encoding, "skip_bad_rows": skip_bad_rows}
    seed = prepare_settings.seed
    found = open_source(
        str(source),
        seed=seed,
        archive=Path(archive) if archive else None,
        test=Path(test) if test else None,
        **columns,
        **how,
    )
    origins, further = [found.origin], dict[str, Reader]()
    for each in map(str, also):
        other = open_source(each, seed=seed, **(columns if Path(each).is_file() else {}), **how)
        origins.append(other.origin)
        further[f"--also {each}"] = partial(_training_texts, other.read)
    if unlabelled is not None:
        texts = Path(unlabelled)
        if not texts.exists():
            raise DataError(f"--unlabelled {texts}: no such file or folder")
        origins.append(texts.resolve().name)
        further[f"--unlabelled {texts}"] = partial(read_unlabelled, texts, text_column=text_column, **how)
    name = found.name if name is None else name
    with named_failures(Path(runs_dir) / DATASETS / name):
        return build_dataset(
            found.read,
            prepare_settings,
            origin=" and ".join(origins),
            runs_dir=Path(runs_dir),
            name=name,
            further=further,
            report=report,
        )


def _training_texts(read: Reader, file: BinaryIO, report: Report) -> dict[str, Examples]:
    """What `read` gives for training, alone."""
    return {"train": read(file, report)["train"]}
