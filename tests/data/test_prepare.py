import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest

from rnncli.data.dataset import Dataset, resolve_dataset
from rnncli.data.examples import Examples
from rnncli.data.prepare import build_dataset
from rnncli.errors import DataError, UsageError
from rnncli.settings.prepare import Keep, PrepareSettings
from rnncli.system.progress import Progress, Report
from rnncli.text.tokenizer import PAD_ID, UNKNOWN_ID, Tokenizer
from rnncli.workflows.prepare import prepare
from tests.factories import prepared, reseal

CONFIG = PrepareSettings(vocab_size=61, max_length=7)


def some_splits(rows: int = 211) -> dict[str, Examples]:
    dice = random.Random(1)
    words = [f"word{i}" for i in range(97)]
    texts = [" ".join(dice.choices(words, k=dice.randrange(23))) for _ in range(rows)]
    labels = [dice.choice(["neg", "pos"]) for _ in texts]
    return {"train": Examples(texts, labels=labels, tags=[dice.choice("xyz") for _ in texts])}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_what_is_read_back_is_what_went_in(tmp_path: Path) -> None:
    train = some_splits()["train"]
    splits = {"train": train, "unlabelled": Examples(["word1 word2", ""])}
    dataset = prepared(splits, CONFIG, runs_dir=tmp_path, name="d")
    assert dataset.path == tmp_path / "datasets" / "d"
    assert list(dataset.manifest.splits) == ["train", "validation", "test", "unlabelled"]
    encoded = [tuple(ids[-7:].tolist()) for ids in dataset.tokenizer.encode(train.texts)]
    given = Counter(zip(encoded, train.labels, train.tags, strict=True))
    for name in ("train", "validation", "test"):
        split = dataset.split(name)
        assert (split.token_ids.dtype, split.labels.dtype) == (np.uint16, np.int32)
        assert len(split) == dataset.manifest.splits[name].rows == len(split.lengths)
        for i in range(len(split)):
            label = dataset.manifest.label_names[split.labels[i]]
            given[tuple(split[i].tolist()), label, dataset.manifest.tag_names[split.tags[i]]] -= 1
            assert len(split[i]) == split.lengths[i] <= 7
            assert PAD_ID not in split[i]
    assert set(given.values()) == {0}
    unlabelled = dataset.split("unlabelled")
    assert unlabelled.labels is unlabelled.tags is None
    assert unlabelled.lengths.tolist() == [2, 0]


@pytest.mark.parametrize("how", ["end", "start", "both"])
def test_truncation(tmp_path: Path, how: Keep) -> None:
    text = " ".join("abcdefghijk")
    train, test = Examples([text, "a"], labels=["x", "y"]), Examples([text, " "], labels=["x", "y"])
    splits = {"train": train, "validation": train, "test": test}
    config = PrepareSettings(max_length=3, keep=how)
    dataset = prepared(splits, config, runs_dir=tmp_path, name="d")
    kept = {"end": "i j k", "start": "a b c", "both": "a b k"}[how]
    np.testing.assert_array_equal(dataset.split("test").token_ids, dataset.tokenizer.encode([kept])[0])
    assert dataset.split("test").lengths.tolist() == [3, 0]
    assert dataset.manifest.splits["test"].truncated == dataset.manifest.splits["train"].truncated == 0.5


def test_the_vocabulary_is_of_train_alone(tmp_path: Path) -> None:
    splits = {
        "train": Examples(["a b", "b c"], labels=["x", "y"]),
        "validation": Examples(["d d d d a"], labels=["x"]),
        "test": Examples(["e b"], labels=["y"]),
        "unlabelled": Examples(["d d"]),
    }
    dataset = prepared(splits, PrepareSettings(), runs_dir=tmp_path, name="d")
    assert dataset.manifest.vocab_size == dataset.tokenizer.vocab_size == 5
    assert dataset.split("validation")[0].tolist() == [UNKNOWN_ID] * 4 + [3]
    assert dataset.manifest.splits["validation"].unknown == 0.8
    assert dataset.manifest.splits["unlabelled"].unknown == 1


def test_equal_input_and_settings_give_equal_bytes(tmp_path: Path) -> None:
    first = prepared(some_splits(), CONFIG, runs_dir=tmp_path, name="a")
    second = prepared(some_splits(), CONFIG, runs_dir=tmp_path / "elsewhere", name="b")
    assert contents(first.path) == contents(second.path)
    other = prepared(some_splits(), PrepareSettings(61, 7, seed=1), runs_dir=tmp_path, name="c")
    assert other.fingerprint != first.fingerprint != ""
    assert second.fingerprint == first.fingerprint
    assert first.manifest.name == "a"


def test_another_process_gives_equal_bytes(tmp_path: Path) -> None:
    """Whatever order its sets are in, and however many threads it uses."""
    program = f"import rnncli; rnncli.prepare(runs_dir={str(tmp_path / 'other')!r})"
    environment = {"PYTHONHASHSEED": "11", "TOKENIZERS_PARALLELISM": "false", "PYTHONPATH": "."}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)
    here = prepare(runs_dir=tmp_path / "here")
    assert contents(here.path) == contents(tmp_path / "other" / "datasets" / "sample")
    assert here.manifest.source == "sample"
    assert len(here.split("train")) == here.manifest.splits["train"].rows > 1000


def test_a_dataset_is_replaced_only_when_the_new_one_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = prepared(some_splits(), CONFIG, runs_dir=tmp_path, name="d")
    before = contents(old.path)
    with pytest.raises(DataError, match="no training examples"):
        prepared({}, CONFIG, runs_dir=tmp_path, name="d")
    for name in ("percentile", "cumsum", "concatenate"):
        with monkeypatch.context() as patch:
            patch.setattr(np, name, _fail)
            with pytest.raises(KeyboardInterrupt):
                prepared(some_splits(97), CONFIG, runs_dir=tmp_path, name="d")
    assert contents(old.path) == before
    assert sorted(path.name for path in old.path.parent.iterdir()) == [".d.lock", "d"]
    new = prepared(some_splits(97), CONFIG, runs_dir=tmp_path, name="d")
    assert contents(new.path) != before
    assert sorted(path.name for path in old.path.parent.iterdir()) == [".d.lock", "d"]


def test_leftovers_of_killed_processes_are_removed(tmp_path: Path) -> None:
    datasets = tmp_path / "datasets"
    leftover, other = datasets / ".d.abcd_123.tmp", datasets / ".d.e.abcd_123.tmp"
    for folder in (leftover, other):
        (folder / "new").mkdir(parents=True)
        (folder / "new" / "tokenizer.json").touch()
    prepared(some_splits(), CONFIG, runs_dir=tmp_path, name="d")
    assert not leftover.exists()
    assert other.exists()


def test_a_second_process_is_told_who_prepares_the_dataset(tmp_path: Path) -> None:
    def read(file: BinaryIO, report: Report) -> dict[str, Examples]:  # noqa: ARG001
        prepared(some_splits(), CONFIG, runs_dir=tmp_path, name="other", report=report)
        return prepared(some_splits(), CONFIG, runs_dir=tmp_path, name="d")  # type: ignore[return-value]

    with pytest.raises(DataError, match=rf"dataset 'd' is in use by process {os.getpid()} on .*--name"):
        build_dataset(read, CONFIG, origin="", runs_dir=tmp_path, name="d")
    prepared(some_splits(), CONFIG, runs_dir=tmp_path, name="d")


def _fail(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("name", ["", "..", "a/b", ".hidden", "latest"])
def test_a_name_cannot_leave_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot name a dataset"):
        prepared(some_splits(), CONFIG, runs_dir=tmp_path / "runs", name=name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("texts", "labels", "message"),
    [
        ([], [], "no training examples"),
        (["a"], ["x"], "at least two labels; the training rows have: 'x'"),
        (["", " "] * 5, ["x", "y"] * 5, "not a single word"),
    ],
)
def test_too_little_to_learn_from(tmp_path: Path, texts: list[str], labels: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        prepared({"train": Examples(texts, labels=labels)}, CONFIG, runs_dir=tmp_path, name="d")
    assert list(tmp_path.rglob("*.json")) == []


def test_a_vocabulary_beyond_sixteen_bits(tmp_path: Path) -> None:
    train = Examples([" ".join(f"w{i}" for i in range(70_001)), "w1"], labels=["x", "y"])
    config = PrepareSettings(vocab_size=100_000, max_length=100_000)
    splits = dict.fromkeys(("train", "validation", "test"), train)
    dataset = prepared(splits, config, runs_dir=tmp_path, name="d")
    assert dataset.split("train").token_ids.dtype == np.int32
    assert dataset.split("train").token_ids.max() == dataset.manifest.vocab_size - 1 > 70_000


def test_long_texts_are_encoded_a_few_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = prepared(some_splits(), CONFIG, runs_dir=tmp_path, name="a")
    sizes: list[int] = []
    encode = Tokenizer.encode

    def noted(tokenizer: Tokenizer, texts: list[str]) -> list[np.ndarray]:
        sizes.append(sum(map(len, texts)))
        return encode(tokenizer, texts)

    monkeypatch.setattr(Tokenizer, "encode", noted)
    monkeypatch.setattr("rnncli.data.prepare.BATCH_CHARACTERS", 100)
    parts = prepared(some_splits(), CONFIG, runs_dir=tmp_path, name="b")
    assert contents(parts.path) == contents(whole.path)
    longest = max(len(text) for text in some_splits()["train"].texts)
    assert len(sizes) > 100
    assert max(sizes) <= max(100, longest)


def test_progress_covers_every_stage(tmp_path: Path) -> None:
    reports: list[Progress] = []
    prepared(some_splits(5003), CONFIG, runs_dir=tmp_path, name="d", report=reports.append)
    finished = [progress.stage for progress in reports if progress.done == progress.total]
    encodings = [f"Encoding {split}" for split in ("train", "validation", "test")]
    assert finished == ["Reading", "Counting words", *encodings]
    assert [p.done for p in reports if p.stage == "Counting words"] == [0, 2048, 4003]


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return prepared(some_splits(), CONFIG, runs_dir=tmp_path / "runs", name="d")


def test_every_damaged_file_is_noticed(dataset: Dataset) -> None:
    def read_all() -> None:
        opened = Dataset.open(dataset.path)
        assert opened.tokenizer.vocab_size == opened.manifest.vocab_size
        for split in opened.manifest.splits:
            opened.split(split)

    read_all()
    for path, content in [(path, path.read_bytes()) for path in sorted(dataset.path.iterdir())]:
        for damage in (lambda path: path.write_bytes(path.read_bytes()[:-2]), Path.unlink):
            damage(path)
            with pytest.raises(DataError, match=f"{path.name}.*prepare it anew"):
                read_all()
        path.write_bytes(content)


def test_arrays_that_the_checksums_leave_out_are_missed(dataset: Dataset) -> None:
    """Also where a split may do without: a list that was cut must not turn it into one without labels."""
    sums = dataset.path / "SHA256SUMS"
    whole = sums.read_text().splitlines(keepends=True)
    for part in ("labels", "tags", "offsets", "token_ids"):
        sums.write_text("".join(line for line in whole if f"test.{part}" not in line))
        with pytest.raises(DataError, match=rf"SHA256SUMS: it does not list test\.{part}\.npy"):
            Dataset.open(dataset.path).split("test")


def test_nothing_is_unpickled(dataset: Dataset) -> None:
    np.save(dataset.path / "test.labels.npy", np.array([{"pickled": 1}], dtype=object), allow_pickle=True)
    reseal(dataset.path)
    with pytest.raises(ValueError, match="Python objects"):
        Dataset.open(dataset.path).split("test")


def test_an_unknown_split_lists_the_known_ones(dataset: Dataset) -> None:
    with pytest.raises(DataError, match="no split 'dev'; there are: train, validation, test"):
        dataset.split("dev")


def test_a_split_is_not_read_into_memory_and_cannot_be_written(dataset: Dataset) -> None:
    split = dataset.split("train")
    for array in (split.token_ids, split.offsets, split.labels):
        assert isinstance(array.base, np.memmap)  # type: ignore[union-attr]
        assert not array.flags.writeable  # type: ignore[union-attr]


def test_datasets_are_found_by_name_by_path_and_by_age(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no dataset prepared yet; run 'rnncli prepare'"):
        resolve_dataset(tmp_path, None)
    for name in ("b", "a"):
        prepared(some_splits(), CONFIG, runs_dir=tmp_path, name=name)
    (tmp_path / "datasets" / ".a.x.tmp").mkdir()
    assert resolve_dataset(tmp_path, None).manifest.name == "a"
    assert resolve_dataset(tmp_path, "b").manifest.name == "b"
    shutil.move(tmp_path / "datasets" / "b", tmp_path / "moved")
    assert resolve_dataset(tmp_path, str(tmp_path / "moved")).manifest.name == "moved"
    with pytest.raises(DataError, match=r"no prepared dataset 'b'; prepared in .*datasets: a$"):
        resolve_dataset(tmp_path, "b")
