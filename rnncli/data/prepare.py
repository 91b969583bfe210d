"""From texts to a prepared dataset: splits, vocabulary, token ids, statistics."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rnncli.config import PrepareConfig
from rnncli.data.dataset import (
    MANIFEST,
    TOKENIZER,
    Dataset,
    Manifest,
    array_file,
    datasets_dir,
    sha256_of,
)
from rnncli.data.examples import Examples, Progress, Report, Source, no_report
from rnncli.data.splits import check_splits, complete_splits, names_in
from rnncli.data.statistics import count_shared, summarise, text_digests
from rnncli.errors import DataError
from rnncli.files import locked, remove_leftovers, replaced_directory, write_json
from rnncli.runs import check_name
from rnncli.text.tokenizer import RESERVED_IDS, UNKNOWN_ID, Tokenizer, truncate

BATCH_TEXTS = 2048  # encoded at a time, unless they are long: enough to keep all cores busy
BATCH_CHARACTERS = 2**21  # an encoding takes many times the memory of its text


def prepare(
    source: Source, config: PrepareConfig, *, runs_dir: Path, name: str, report: Report = no_report
) -> Dataset:
    """Read `source` and write it as the dataset `name`, replacing an older one when whole.

    Raises:
        UsageError: The name is not a plain folder name.
        DataError: The texts cannot be read or are too few to learn from, or another process is
            preparing this dataset.
    """
    check_name(name, what="dataset")
    path = datasets_dir(runs_dir) / name
    with locked(path.parent / f".{name}.lock", what=f"dataset '{name}'", error=DataError):
        remove_leftovers(path)
        splits = complete_splits(source.read(report), config)
        check_splits(splits, where=source.origin)
        train = splits["train"].texts
        tokenizer = Tokenizer.train(_reported(train, "Counting words", report), config.vocab_size)
        if tokenizer.vocab_size == RESERVED_IDS:
            raise DataError(
                f"{source.origin}: the training texts hold not a single word; are the columns right?"
            )
        with replaced_directory(path) as folder:
            _write(folder, source.origin, splits, tokenizer, config, report)
    return Dataset.open(path)


def prepare_sample(runs_dir: Path, config: PrepareConfig | None = None) -> Dataset:
    """Prepare the bundled sample."""
    from rnncli.data.sources import SampleSource

    config = config or PrepareConfig()
    return prepare(SampleSource(config.seed), config, runs_dir=runs_dir, name="sample")


def _write(
    folder: Path,
    origin: str,
    splits: dict[str, Examples],
    tokenizer: Tokenizer,
    config: PrepareConfig,
    report: Report,
) -> None:
    """Fill `folder`, the manifest last."""
    (folder / TOKENIZER).write_bytes(tokenizer.to_bytes())
    label_names, tag_names = names_in(splits, "labels"), names_in(splits, "tags")
    digests = {split: text_digests(examples.texts) for split, examples in splits.items()}
    statistics = {}
    for split, examples in splits.items():
        encoded = encode(tokenizer, examples.texts, config, stage=f"Encoding {split}", report=report)
        arrays = {"token_ids": encoded.token_ids, "offsets": encoded.offsets}
        if examples.labels is not None:
            arrays["labels"] = _as_indices(examples.labels, label_names)
        if examples.tags is not None:
            arrays["tags"] = _as_indices(examples.tags, tag_names)
        for part, array in arrays.items():
            np.save(folder / array_file(split, part), array, allow_pickle=False)
        statistics[split] = summarise(
            examples,
            digests=digests[split],
            lengths=encoded.lengths,
            max_length=config.max_length,
            unknown_tokens=int(np.sum(encoded.token_ids == UNKNOWN_ID)),
        )
    manifest = Manifest(
        name="",
        source=origin,
        label_names=label_names,
        tag_names=tag_names,
        vocab_size=tokenizer.vocab_size,
        config=config,
        splits=statistics,
        shared=count_shared(digests),
        files={file.name: sha256_of(file) for file in sorted(folder.iterdir())},
    )
    write_json(folder / MANIFEST, manifest.to_dict())


@dataclass(frozen=True)
class Encoded:
    """Texts as token ids.

    Attributes:
        token_ids: Truncated texts end to end, uint16 where the vocabulary fits, else int32.
        offsets: Where each text starts, and the end of the last, int64 [n + 1].
        lengths: Tokens of each text before truncation, int64 [n].
    """

    token_ids: np.ndarray
    offsets: np.ndarray
    lengths: np.ndarray


def encode(
    tokenizer: Tokenizer, texts: list[str], config: PrepareConfig, *, stage: str, report: Report
) -> Encoded:
    """Encode and truncate `texts`, a batch at a time."""
    dtype = np.uint16 if tokenizer.vocab_size <= 2**16 else np.int32
    parts: list[np.ndarray] = []
    lengths: list[int] = []
    for start, stop in _batches(texts):
        report(Progress(stage, start, len(texts)))
        batch = tokenizer.encode(texts[start:stop])
        lengths += [len(token_ids) for token_ids in batch]
        kept = [truncate(token_ids, config.max_length, config.truncate) for token_ids in batch]
        parts.append(np.concatenate(kept).astype(dtype))
    report(Progress(stage, len(texts), len(texts)))
    all_lengths = np.array(lengths, dtype=np.int64)
    offsets = np.zeros(len(texts) + 1, dtype=np.int64)
    np.cumsum(np.minimum(all_lengths, config.max_length), out=offsets[1:])
    return Encoded(np.concatenate(parts), offsets, all_lengths)


def _batches(texts: list[str]) -> Iterator[tuple[int, int]]:
    """Where batches of bounded size start and end; a text that is longer is a batch of its own."""
    start = characters = 0
    for index, text in enumerate(texts):
        characters += len(text)
        if index > start and (index - start == BATCH_TEXTS or characters > BATCH_CHARACTERS):
            yield start, index
            start, characters = index, len(text)
    yield start, len(texts)


def _reported(texts: list[str], stage: str, report: Report) -> Iterator[str]:
    """Pass on `texts`, reporting how far it is."""
    for count, text in enumerate(texts):
        if count % BATCH_TEXTS == 0:
            report(Progress(stage, count, len(texts)))
        yield text
    report(Progress(stage, len(texts), len(texts)))


def _as_indices(values: list[str], names: tuple[str, ...]) -> np.ndarray:
    """The place of each value among `names`, int32 [n]."""
    index = {name: i for i, name in enumerate(names)}
    return np.array([index[value] for value in values], dtype=np.int32)
