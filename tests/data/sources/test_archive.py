import gzip
import tarfile
from functools import partial
from pathlib import Path

import pytest

from rnncli.data.sources import archive
from rnncli.data.sources.archive import read_files
from rnncli.errors import DataError
from tests.data import small_imdb

pack = partial(small_imdb.pack, root="")


def read(path: Path) -> list[tuple[str, bytes]]:
    return list(read_files(path, "root", lambda name: name.endswith(".txt")))


@pytest.mark.parametrize(
    ("name", "tar_format"),
    [("a.tar.gz", tarfile.PAX_FORMAT), ("a.tar", tarfile.GNU_FORMAT), ("misnamed", tarfile.USTAR_FORMAT)],
)
def test_wanted_files_of_the_root_are_read(tmp_path: Path, name: str, tar_format: int) -> None:
    members = {
        "root/b.txt": b"b" * 513,
        "./root/sub/a.txt": b"",
        "root/other.bin": b"x" * 2000,
        "elsewhere/c.txt": b"c",
        "root/" + "long" * 20 + "/" + "name" * 20 + ".bin": b"y" * 700,
        "root/z.txt": b"z" * 512,
    }
    path = pack(tmp_path / name, members, tar_format=tar_format)
    assert read(path) == [("b.txt", b"b" * 513), ("sub/a.txt", b""), ("z.txt", b"z" * 512)]


def test_an_unpacked_folder_is_read(tmp_path: Path) -> None:
    (tmp_path / "root" / "sub").mkdir(parents=True)
    (tmp_path / "root" / "sub" / "a.txt").write_bytes(b"a")
    (tmp_path / "root" / "b.txt").write_bytes(b"b")
    (tmp_path / "outside.txt").write_bytes(b"c")
    (tmp_path / "root" / "link.txt").symlink_to(tmp_path / "outside.txt")
    expected = [("b.txt", b"b"), ("sub/a.txt", b"a")]
    assert read(tmp_path) == read(tmp_path / "root") == expected


def test_links_devices_and_paths_that_lead_out_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_bytes(b"secret")
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w:") as tar:
        for name, kind in (
            ("root/symlink.txt", tarfile.SYMTYPE),
            ("root/hardlink.txt", tarfile.LNKTYPE),
            ("root/device.txt", tarfile.CHRTYPE),
            ("root/pipe.txt", tarfile.FIFOTYPE),
            ("root/folder.txt", tarfile.DIRTYPE),
        ):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, str(tmp_path / "secret.txt")
            tar.addfile(member)
    assert read(path) == []
    outside = {"/etc/passwd.txt": b"x", "../root/a.txt": b"x"}
    assert read(pack(tmp_path / "b.tar", outside)) == []
    before = set(tmp_path.rglob("*"))
    path = pack(tmp_path / "c.tar", {"root/../../a.txt": b"x"})
    assert read(path) == [("../../a.txt", b"x")]
    assert set(tmp_path.rglob("*")) - before == {path}


def test_every_truncation_is_noticed(tmp_path: Path) -> None:
    content = pack(tmp_path / "a.tar", {"root/a.txt": b"a" * 700, "root/b.txt": b"b"}).read_bytes()
    end = content.rstrip(b"\0").__len__() // 512 * 512 + 512
    for size in range(0, end + 1, 256):
        (tmp_path / "cut.tar").write_bytes(content[:size])
        with pytest.raises(DataError, match=r"cut\.tar: not a tar archive, or a damaged or incomplete one"):
            read(tmp_path / "cut.tar")
        (tmp_path / "cut.tar.gz").write_bytes(gzip.compress(content)[: 20 + size // 64])
        with pytest.raises(DataError, match=r"cut\.tar\.gz: not a tar archive, or a damaged or incomplete"):
            read(tmp_path / "cut.tar.gz")


@pytest.mark.parametrize("content", [b"", b"PK\3\4 a zip file", b"\x1f\x8b and then nonsense", b"x" * 5000])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.zip: not a tar archive"):
        read(path)
    with pytest.raises(DataError, match=r"none\.tar\.gz: no such archive or folder"):
        read(tmp_path / "none.tar.gz")


def test_bombs_are_refused_before_they_unpack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_FILE", 10_000)
    monkeypatch.setattr(archive, "MAX_TOTAL", 50_000)
    with pytest.raises(DataError, match=r"'root/a\.txt' makes it larger than any such archive"):
        read(pack(tmp_path / "a.tar.gz", {"root/a.txt": bytes(10_001)}))
    many = {f"root/{i}.bin": bytes(9000) for i in range(7)}
    with pytest.raises(DataError, match=r"'root/5\.bin' makes it larger than any such archive"):
        read(pack(tmp_path / "b.tar.gz", many))
    header = tarfile.TarInfo("root/huge.bin")
    header.size = 2**40
    (tmp_path / "c.tar").write_bytes(header.tobuf(tarfile.GNU_FORMAT))
    with pytest.raises(DataError, match=r"'root/huge\.bin' makes it larger"):
        read(tmp_path / "c.tar")
