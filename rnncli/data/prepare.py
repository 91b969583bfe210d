"""From texts to a prepared dataset: splits, vocabulary, token ids, statistics."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rnncli.data.array_writer import ArrayWriter
from rnncli.data.dataset import (
    MANIFEST,
    TOKENIZER,
    Dataset,
    Manifest,
    array_file,
    datasets_dir,
)
from rnncli.data.examples import Examples, Progress, Report, Source, no_report
from rnncli.data.splits import check_splits, complete_splits, names_in
from rnncli.data.statistics import count_shared, summarise
from rnncli.data.stored_texts import TextStore
from rnncli.errors import DataError
from rnncli.runs.finding import check_name
from rnncli.settings.prepare import PrepareSettings
from rnncli.system.files import locked, remove_leftovers, write_json
from rnncli.system.sealed import sealed_folder
from rnncli.text.tokenizer import RESERVED_IDS, UNKNOWN_ID, Tokenizer, truncate

BATCH_TEXTS = 2048  # encoded at a time, unless they are long: enough to keep all cores busy
BATCH_CHARACTERS = 2**21  # an encoding takes many times the memory of its text


def prepare(
    source: Source, config: PrepareSettings, *, runs_dir: Path, name: str, report: Report = no_report
) -> Dataset:
    """Read `source` and write it as the dataset `name`, replacing an older one when whole.

    Raises:
        UsageError: The name is not a plain folder name.
        DataError: The texts cannot be read or are too few to learn from, or another process is
            preparing this dataset.
    """
    check_name(name, what="dataset")
    path = datasets_dir(runs_dir) / name
    lock = locked(path.parent / f".{name}.lock", what=f"dataset '{name}'", error=DataError)
    with lock, TextStore(path.parent) as store:
        remove_leftovers(path.parent, name)
        splits = complete_splits(source.read(store, report), config)
        check_splits(splits, where=source.origin)
        train = splits["train"].texts
        tokenizer = Tokenizer.train(_reported(train, "Counting words", report), config.vocab_size)
        if tokenizer.vocab_size == RESERVED_IDS:
            raise DataError(
                f"{source.origin}: the training texts hold not a single word; are the columns right?"
            )
        with sealed_folder(path) as folder:
            _write(folder, source.origin, splits, tokenizer, config, report)
    return Dataset.open(path)


def prepare_sample(runs_dir: Path, config: PrepareSettings | None = None) -> Dataset:
    """Prepare the bundled sample."""
    from rnncli.data.sources.choice import SampleSource

    config = config or PrepareSettings()
    return prepare(SampleSource(config.seed), config, runs_dir=runs_dir, name="sample")


def _write(
    folder: Path,
    origin: str,
    splits: dict[str, Examples],
    tokenizer: Tokenizer,
    config: PrepareSettings,
    report: Report,
) -> None:
    """Fill `folder`, the manifest last."""
    (folder / TOKENIZER).write_bytes(tokenizer.to_bytes())
    label_names, tag_names = names_in(splits, "labels"), names_in(splits, "tags")
    statistics = {}
    for split, examples in splits.items():
        lengths, unknown = encode(
            tokenizer,
            examples.texts,
            config,
            (folder / array_file(split, "token_ids"), folder / array_file(split, "offsets")),
            stage=f"Encoding {split}",
            report=report,
        )
        for part, values, names in (
            ("labels", examples.labels, label_names),
            ("tags", examples.tags, tag_names),
        ):
            if values is not None:
                with ArrayWriter(folder / array_file(split, part), np.int32) as file:
                    file.append(_as_indices(values, names))
        statistics[split] = summarise(
            examples, lengths=lengths, max_length=config.max_length, unknown_tokens=unknown
        )
    manifest = Manifest(
        name="",
        source=origin,
        label_names=label_names,
        tag_names=tag_names,
        vocab_size=tokenizer.vocab_size,
        config=config,
        splits=statistics,
        shared=count_shared(splits),
    )
    write_json(folder / MANIFEST, manifest.to_dict())


def encode(
    tokenizer: Tokenizer,
    texts: Sequence[str],
    config: PrepareSettings,
    paths: tuple[Path, Path],
    *,
    stage: str,
    report: Report,
) -> tuple[NDArray[np.int32], int]:
    """Encode and truncate `texts`, a batch at a time, and write their ids end to end.

    Args:
        tokenizer: Gives the ids.
        texts: The texts.
        config: How to truncate.
        paths: The ``.npy`` files of the ids, uint16 where the vocabulary fits, else int32, and of
            where each text starts and the last ends, int64 [n + 1].
        stage: What this is called when it is reported.
        report: Told how far it is.

    Returns:
        Tokens of each text before truncation [n], and how many of the kept ones are unknown words.
    """
    dtype = np.uint16 if tokenizer.vocab_size <= 2**16 else np.int32
    lengths = np.zeros(len(texts), np.int32)
    done = unknown = 0
    ends = np.zeros(1, np.int64)
    with ArrayWriter(paths[0], dtype) as ids_file, ArrayWriter(paths[1], np.int64) as offsets_file:
        offsets_file.append(ends)
        for batch in _batches(texts):
            report(Progress(stage, done, len(texts)))
            encoded = tokenizer.encode(batch)
            found = lengths[done : done + len(batch)]
            found[:] = [len(token_ids) for token_ids in encoded]
            done += len(batch)
            ends = ends[-1] + np.cumsum(np.minimum(found, config.max_length), dtype=np.int64)
            offsets_file.append(ends)
            kept = np.concatenate([truncate(ids, config.max_length, config.keep) for ids in encoded])
            unknown += int(np.count_nonzero(kept == UNKNOWN_ID))
            ids_file.append(kept)
    report(Progress(stage, done, len(texts)))
    return lengths, unknown


def _batches(texts: Sequence[str]) -> Iterator[list[str]]:
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


def _reported(texts: Sequence[str], stage: str, report: Report) -> Iterator[str]:
    """Pass on `texts`, reporting how far it is."""
    for count, text in enumerate(texts):
        if count % BATCH_TEXTS == 0:
            report(Progress(stage, count, len(texts)))
        yield text
    report(Progress(stage, len(texts), len(texts)))


def _as_indices(values: Sequence[str], names: tuple[str, ...]) -> NDArray[np.int32]:
    """The place of each value among `names` [n]."""
    index = {name: i for i, name in enumerate(names)}
    return np.fromiter((index[value] for value in values), np.int32, len(values))
