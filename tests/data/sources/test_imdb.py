from functools import partial
from pathlib import Path

import pytest

from rnncli.data.sources.imdb import read_imdb
from rnncli.data.splits import complete_splits
from rnncli.errors import DataError
from rnncli.settings.prepare import PrepareSettings
from tests.data.small_imdb import Files, pack, small_imdb
from tests.data.sources.reading import in_memory

read = partial(in_memory, read_imdb)


def unpack(root: Path, files: Files) -> Path:
    for name, content in files.items():
        path = root / "aclImdb" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def test_an_archive_and_its_folder_give_the_same(tmp_path: Path) -> None:
    files = small_imdb()
    from_archive = read(pack(tmp_path / "a.tar.gz", files))
    assert from_archive["train"].texts[:2] == ["train neg 0<br />é", "train neg 1<br />é"]
    assert from_archive["train"].texts[10] == "train neg 10<br />é"
    assert from_archive["train"].labels == ["neg"] * 11 + ["pos"] * 11
    assert from_archive["train"].groups[8] == "tt0000001"  # type: ignore[index]
    assert from_archive["unlabelled"].labels is None
    assert [len(examples) for examples in from_archive.values()] == [22, 22, 11]
    strange = {"train/pos/3.txt": b"\xff", "train/pos/a_1.txt": b"\xff", "dev/pos/1_1.txt": b"\xff"}
    shuffled = pack(tmp_path / "b.tar.gz", dict(reversed((files | strange).items())))
    assert read(shuffled) == from_archive
    folder = unpack(tmp_path / "unpacked", files)
    assert read(folder) == from_archive
    assert read(folder / "aclImdb") == from_archive
    labelled = {name: content for name, content in files.items() if "unsup" not in name}
    assert set(read(pack(tmp_path / "c.tar.gz", labelled))) == {"train", "test"}


@pytest.mark.parametrize(
    ("without", "message"),
    [
        ("test/pos/", r"no reviews named aclImdb/test/pos/\*\.txt in it; give the IMDB archive"),
        ("train/neg/", r"no reviews named aclImdb/train/neg/"),
        ("train/urls_pos", r"no aclImdb/train/urls_pos\.txt, which names the film of each review"),
    ],
)
def test_the_layout_is_checked(tmp_path: Path, without: str, message: str) -> None:
    files = {name: content for name, content in small_imdb().items() if not name.startswith(without)}
    with pytest.raises(DataError, match=message):
        read(unpack(tmp_path, files))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("train/pos/3_3.txt", b"\xff", r"train/pos/3_3\.txt: not UTF-8 at byte 0"),
        ("train/pos/11_9.txt", b"x", r"urls_pos\.txt: line 12 does not name the film of review 11"),
        ("test/urls_neg.txt", b"\n" * 99, r"urls_neg\.txt: line 1 does not name the film of review 0"),
    ],
)
def test_damage_is_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(unpack(tmp_path, small_imdb() | {name: content}))


def test_no_film_is_on_two_sides(tmp_path: Path) -> None:
    files = small_imdb(films=53, reviews=307)
    splits = complete_splits(read(pack(tmp_path / "a.tar.gz", files)), PrepareSettings(val_fraction=0.2))
    train, validation = set(splits["train"].groups or ()), set(splits["validation"].groups or ())
    assert train.isdisjoint(validation)
    assert len(train | validation) == 53
    labels = splits["validation"].labels or ()
    assert 0.17 <= len(labels) / 614 <= 0.2
    assert labels.count("neg") == labels.count("pos")


def test_the_whole_of_it(imdb_archive: Path) -> None:
    splits = complete_splits(read(imdb_archive), PrepareSettings())
    assert [len(examples) for examples in splits.values()] == [22500, 2500, 25000, 50000]
    for name in ("train", "validation", "test"):
        labels = splits[name].labels or ()
        assert labels.count("neg") == labels.count("pos")
    assert set(splits["train"].groups or ()).isdisjoint(splits["validation"].groups or ())
