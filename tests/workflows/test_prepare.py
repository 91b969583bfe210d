"""Preparing a dataset from Python."""

from pathlib import Path

import numpy as np
import pytest

import rnncli
from rnncli.data.dataset import Dataset
from rnncli.errors import DataError, UsageError
from rnncli.workflows.prepare import prepare


def test_a_table_is_prepared_without_a_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "my films.csv"
    table.write_text("opinion,rating\n" + "".join(f"word{i} b c d,{i % 2}\n" for i in range(97)))
    stages: list[str] = []
    dataset = rnncli.prepare(
        table,
        runs_dir=str(tmp_path / "runs"),
        text_column="opinion",
        max_length=3,
        keep="both",
        report=lambda progress: stages.append(progress.stage),
    )
    assert dataset.path == tmp_path / "runs" / "datasets" / "my-films"
    assert dataset.manifest.label_names == ("0", "1")
    assert (dataset.manifest.config.max_length, dataset.manifest.config.keep) == (3, "both")
    assert [len(dataset.split(name)) for name in ("train", "validation", "test")] == [77, 10, 10]
    assert {"Reading my films.csv", "Encoding test"} <= set(stages)
    assert capfd.readouterr() == ("", "")


def test_settings_are_checked_before_anything_is_read(tmp_path: Path) -> None:
    for wrong, message in (({"max_lenght": 3}, "unknown setting 'max_lenght'"), ({"seed": -1}, "seed must")):
        with pytest.raises(UsageError, match=message):
            prepare(tmp_path / "missing.csv", runs_dir=tmp_path, **wrong)
    with pytest.raises(DataError, match=r"missing\.csv: no such file or folder"):
        prepare(tmp_path / "missing.csv", runs_dir=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """97 different texts of two labels, which are those of the bundled sample."""
    table = tmp_path / "films.csv"
    rows = (f"a film w{i} b,{'pos' if i % 2 else 'neg'}\n" for i in range(97))
    table.write_text("text,label\n" + "".join(rows))
    return table


def texts_of(dataset: Dataset, split: str) -> list[str]:
    """The words of each text."""
    words = {place: word for word, place in dataset.tokenizer.ids_by_word().items()}
    found = dataset.split(split)
    return [" ".join(words[int(each)] for each in found[row]) for row in range(len(found))]


def test_training_texts_of_other_sources_join_the_training_split_alone(films: Path, tmp_path: Path) -> None:
    again = films.with_name("again.csv")
    again.write_text("text,label\nb b film,pos\na film w8 b,neg\na film w8 b,neg\n")
    alone = prepare(films, runs_dir=tmp_path, name="alone")
    both = prepare(films, runs_dir=tmp_path, name="both", also=[again, "sample"])
    assert both.manifest.source == "films.csv and again.csv and sample"
    for split in ("validation", "test"):
        assert both.manifest.splits[split].texts_sha256 == alone.manifest.splits[split].texts_sha256
    before, sample = len(alone.split("train")), prepare("sample", runs_dir=tmp_path).manifest.splits["train"]
    train = texts_of(both, "train")
    assert len(train) == before + 3 + sample.rows
    further = [dataset.manifest.splits["train"].further for dataset in (both, alone)]
    assert further == [3 + sample.rows, 0]
    assert train[:before] == texts_of(alone, "train")
    assert train[before : before + 3] == ["b b film", "a film w8 b", "a film w8 b"]
    labels = both.split("train").labels
    assert labels is not None
    assert labels[before : before + 3].tolist() == [1, 0, 0]
    assert np.bincount(labels[before + 3 :]).tolist() == list(sample.label_counts.values())


def test_a_copy_of_a_test_text_among_them_is_counted(films: Path, tmp_path: Path) -> None:
    held, copy = tmp_path / "held.csv", tmp_path / "copy.csv"
    held.write_text("text,label\nA film <br />apart,pos\nanother,neg\n")
    copy.write_text("text,label\na FILM apart,pos\n")
    found = prepare(films, runs_dir=tmp_path, test=held, also=[copy])
    assert found.manifest.shared == {"train/test": 1}


def test_labels_of_other_sources_are_among_those_of_the_first(films: Path, tmp_path: Path) -> None:
    other = tmp_path / "stars.csv"
    other.write_text("text,label\ngood,pos\nfair,so-so\n")
    message = r"--also .*stars\.csv: its label 'so-so' is none of the dataset's, which are 'neg', 'pos'"
    with pytest.raises(DataError, match=message):
        prepare(films, runs_dir=tmp_path, also=[other])
    assert not (tmp_path / "datasets" / "films").exists()


def test_texts_without_labels_come_from_a_table_lines_or_a_folder(films: Path, tmp_path: Path) -> None:
    lines, table, folder = tmp_path / "lines.txt", tmp_path / "more.csv", tmp_path / "more"
    lines.write_text("film b\n\n  \nb, film\n")
    table.write_text('id,review\n1,film b\n2,""\n3,"b, film"\n\n')
    folder.mkdir()
    for name, text in (("10", "b, film"), ("9", "film b")):
        (folder / f"{name}.txt").write_text(text)
    alone = prepare(films, runs_dir=tmp_path, name="alone")
    for source in (lines, table, folder):
        found = prepare(films, runs_dir=tmp_path, unlabelled=source)
        assert texts_of(found, "unlabelled") == ["film b", "b <unk> film"], source
        assert found.split("unlabelled").labels is None
        assert found.manifest.source == f"films.csv and {source.name}"
        assert found.tokenizer.to_bytes() == alone.tokenizer.to_bytes()  # they change no vocabulary


def test_they_join_those_that_the_source_has(tmp_path: Path) -> None:
    for split, label, count in [("train", "neg", 31), ("train", "pos", 31), ("train", "unsup", 2)]:
        folder = tmp_path / "reviews" / split / label
        folder.mkdir(parents=True)
        for number in range(count):
            (folder / f"{number}.txt").write_text(f"{label} n{number}")
    (tmp_path / "more.txt").write_text("pos neg pos")
    found = prepare(tmp_path / "reviews", runs_dir=tmp_path, unlabelled=tmp_path / "more.txt")
    assert [len(found.split("unlabelled")), texts_of(found, "unlabelled")[2]] == [3, "pos neg pos"]


def test_unusable_texts_without_labels(films: Path, tmp_path: Path) -> None:
    empty, bad = tmp_path / "empty.txt", tmp_path / "bad.csv"
    empty.write_text("\n")
    bad.write_text("words,number\nfilm,1\n")
    for source, message in (
        (empty, r"empty\.txt: no texts in it"),
        (bad, r"bad\.csv: line 2: no text in the column 'text'; the columns are: words, number; name"),
        (tmp_path / "nowhere", "--unlabelled .*nowhere: no such file or folder"),
    ):
        with pytest.raises(DataError, match=message):
            prepare(films, runs_dir=tmp_path, unlabelled=source)
