from functools import partial
from pathlib import Path

import pytest

from rnncli.data.sources.folder import read_folder
from rnncli.errors import DataError
from tests.data.sources.reading import in_memory

read = partial(in_memory, read_folder)


def write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "reviews"
    for number in (1, 9, 10):
        write(root / "train" / "good" / f"{number}.txt", f"good {number}".encode())
    write(root / "train" / "bad" / "1.txt", b"\xef\xbb\xbfbad")
    write(root / "train" / "unsup" / "1.txt", b"who knows")
    write(root / "dev" / "bad" / "x.txt", b"")
    write(root / "train" / "good" / ".hidden.txt", b"\xff")
    write(root / "train" / "good" / "notes.md", b"\xff")
    write(root / "train" / "README.txt", b"\xff")
    write(root / ".git" / "train" / "1.txt", b"\xff")
    write(root / "other" / "good" / "1.txt", b"\xff")
    return root


def test_splits_and_labels_are_folders(folder: Path) -> None:
    splits = read(folder)
    assert set(splits) == {"train", "validation", "unlabelled"}
    assert splits["train"].texts == ["bad", "good 1", "good 9", "good 10"]
    assert splits["train"].labels == ["bad", "good", "good", "good"]
    assert splits["validation"].texts == [""]
    assert splits["unlabelled"].labels is None


def test_a_file_that_cannot_be_decoded_is_named_or_skipped(folder: Path) -> None:
    write(folder / "train" / "good" / "2.txt", b"caf\xe9")
    with pytest.raises(DataError, match=r"good/2\.txt: byte 3 is not utf-8; give the file's --encoding"):
        read(folder)
    train = read(folder, skip_bad_rows=True)["train"]
    assert (len(train), train.skipped) == (4, 1)
    assert "café" in read(folder, encoding="latin-1")["train"].texts
    with pytest.raises(DataError, match="no texts train/LABEL/"):
        read(folder / "train")
