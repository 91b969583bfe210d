"""From texts to a prepared dataset: splits, vocabulary, token ids, statistics."""

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np
from numpy.lib import format as npy
from numpy.typing import DTypeLike, NDArray

from rnncli.data.dataset import MANIFEST, TOKENIZER, Dataset, Manifest, array_file
from rnncli.data.examples import Examples, Reader
from rnncli.data.splits import check_splits, complete_splits, join_splits, names_in
from rnncli.data.statistics import count_shared, summarise
from rnncli.errors import DataError
from rnncli.runs.finding import check_name
from rnncli.runs.run import DATASETS
from rnncli.settings.prepare import PrepareSettings
from rnncli.system.files import locked, remove_leftovers, write_json
from rnncli.system.progress import Report, no_report, reported
from rnncli.system.sealed import sealed_folder
from rnncli.text.tokenizer import RESERVED_IDS, UNKNOWN_ID, Tokenizer, truncate

BATCH_TEXTS = 2048  # encoded at a time, unless they are long: enough to keep all cores busy
BATCH_CHARACTERS = 2**21  # an encoding takes many times the memory of its text


def build_dataset(
    read: Reader,
    settings: PrepareSettings,
    *,
    origin: str,
    runs_dir: Path,
    name: str,
    further: Mapping[str, Reader] | None = None,
    report: Report = no_report,
) -> Dataset:
    """Write what `read` gives as the dataset `name`, replacing an older one when whole.

    Args:
        read: Gives the examples by split.
        settings: How their texts become token ids, and the splits that are missing.
        origin: What the manifest calls their source.
        runs_dir: The folder of runs and datasets.
        name: The folder's name in it.
        further: By what errors call it, what gives further examples for some splits, once these are divided.
        report: Called with the progress.

    Raises:
        UsageError: The name is not a plain folder name.
        DataError: The texts cannot be read or are too few to learn from, or another process is
            preparing this dataset.
    """
    check_name(name, what="dataset")
    path = runs_dir / DATASETS / name
    lock_file, remedy = path.parent / f".{name}.lock", "wait for it, or choose another --name"
    lock = locked(lock_file, what=f"dataset '{name}'", error=DataError, remedy=remedy)
    with lock, TemporaryFile(dir=path.parent) as file:
        remove_leftovers(path.parent, name)
        splits = complete_splits(read(file, report), settings)
        check_splits(splits, where=origin)
        for where, read_further in (further or {}).items():
            splits = join_splits(splits, read_further(file, report), where=where)
        train = splits["train"]
        texts = reported(train.texts, "Counting words", report, len(train))
        tokenizer = Tokenizer.train(texts, settings.vocab_size)
        if tokenizer.vocab_size == RESERVED_IDS:
            raise DataError(f"{origin}: the training texts hold not a single word; are the columns right?")
        with sealed_folder(path) as folder:
            _write(folder, origin, splits, tokenizer, settings, report)
    return Dataset.open(path)


def _write(
    folder: Path,
    origin: str,
    splits: dict[str, Examples],
    tokenizer: Tokenizer,
    settings: PrepareSettings,
    report: Report,
) -> None:
    """Fill `folder`, the manifest last."""
    (folder / TOKENIZER).write_bytes(tokenizer.to_bytes())
    label_names, tag_names = names_in(splits, "labels"), names_in(splits, "tags")
    statistics = {}
    for split, examples in splits.items():
        texts = reported(examples.texts, f"Encoding {split}", report, len(examples))
        files = [folder / array_file(split, part) for part in ("token_ids", "offsets")]
        lengths, unknown = _encode(tokenizer, texts, settings, *files)
        parts = (("labels", examples.labels, label_names), ("tags", examples.tags, tag_names))
        for part, values, names in parts:
            if values is not None:
                index = {name: i for i, name in enumerate(names)}
                with _array(folder / array_file(split, part), np.int32) as append:
                    append(np.fromiter((index[value] for value in values), np.int32, len(values)))
        statistics[split] = summarise(
            examples, lengths=lengths, max_length=settings.max_length, unknown_tokens=unknown
        )
    manifest = Manifest(
        name="",
        source=origin,
        label_names=label_names,
        tag_names=tag_names,
        vocab_size=tokenizer.vocab_size,
        config=settings,
        splits=statistics,
        shared=count_shared(splits),
    )
    write_json(folder / MANIFEST, manifest.to_dict())


def _encode(
    tokenizer: Tokenizer, texts: Iterable[str], settings: PrepareSettings, ids_file: Path, offsets_file: Path
) -> tuple[NDArray[np.int32], int]:
    """Encode and truncate `texts`, a batch at a time, since their ids may not fit in memory.

    They go into the ``.npy`` file of the ids, end to end [tokens]: uint16 where the vocabulary fits, else
    int32. That of the offsets, int64 [n + 1], says where each text starts and the last one ends.

    Returns:
        Tokens of each text before truncation [n], and how many of the kept ones are unknown words.
    """
    dtype = np.uint16 if tokenizer.vocab_size <= 2**16 else np.int32
    lengths = array("i")
    unknown = 0
    ends = np.zeros(1, np.int64)
    with _array(ids_file, dtype) as append_ids, _array(offsets_file, np.int64) as append_offsets:
        append_offsets(ends)
        for batch in _batches(texts):
            encoded = tokenizer.encode(batch)
            lengths.extend(map(len, encoded))
            ends = ends[-1] + np.cumsum(np.minimum(lengths[-len(batch) :], settings.max_length))
            append_offsets(ends)
            kept = np.concatenate([truncate(ids, settings.max_length, settings.keep) for ids in encoded])
            unknown += int(np.count_nonzero(kept == UNKNOWN_ID))
            append_ids(kept)
    return np.frombuffer(lengths, np.int32), unknown


@contextmanager
def _array(path: Path, dtype: DTypeLike) -> Iterator[Callable[[NDArray[np.integer]], None]]:
    """Write the ``.npy`` file of an array [n] part by part; yields what appends a part to it.

    NumPy makes the headers of all such arrays equally long, so that it is written again once `n` is
    known. `numpy.save` would not say why a write fails.
    """
    kind, length = np.dtype(dtype), 0

    def append(values: NDArray[np.integer]) -> None:
        nonlocal length
        file.write(values.astype(kind, copy=False).data)
        length += len(values)

    def write_header() -> None:
        file.seek(0)
        header = {"descr": npy.dtype_to_descr(kind), "fortran_order": False, "shape": (length,)}
        npy.write_array_header_1_0(file, header)

    with path.open("wb") as file:
        write_header()
        yield append
        write_header()


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    """Batches of bounded size; a text that is longer is a batch of its own."""
    batch: list[str] = []
    characters = 0
    for text in texts:
        characters += len(text)
        if batch and (len(batch) == BATCH_TEXTS or characters > BATCH_CHARACTERS):
            yield batch
            batch, characters = [], len(text)
        batch.append(text)
    yield batch
