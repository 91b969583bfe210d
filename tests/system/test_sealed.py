"""Sealed folders: replaced whole, checked by others too, and refused when anything is wrong."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from rnncli.errors import DataError
from rnncli.system import sealed
from rnncli.system.sealed import SUMS, Sealed, sealed_folder
from tests.reliability.disk import Disk, PowerLostError


def write(path: Path, content: str) -> None:
    with sealed_folder(path) as folder:
        (folder / "file").write_text(content)
        (folder / "values.json").write_text('{"format_version": 3, "names": []}')


def opened(path: Path) -> Sealed:
    return Sealed.open(path, error=DataError, remedy="make it again")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "folder", "content")
    return tmp_path / "folder"


def test_a_loss_of_power_at_any_moment_leaves_the_old_folder_or_the_new_one(folder: Path) -> None:
    """The same holds for a kill, after which even what was not synced is there."""
    kept, lost = [], True
    while lost:
        before, new = opened(folder).read("file"), f"{len(kept)}".encode()
        disk = Disk(folder.parent, "power lost", len(kept) + 1)
        try:
            with disk.installed(), sealed_folder(folder) as filled:
                (filled / "file").write_bytes(new)
            lost = False
        except PowerLostError:
            opened(folder).verify()
        found = opened(folder).read("file")
        assert found in (before, new)
        kept.append(found == before)
    assert kept.count(True) > 5  # before the exchange
    assert kept.count(False) > 2  # and after it


def test_a_system_without_the_exchange_replaces_in_two_steps(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealed, "RENAME_EXCHANGE", 1 << 30)  # the kernel knows no such flag either
    write(folder, "new")
    assert opened(folder).read("file") == b"new"
    assert [path.name for path in folder.parent.iterdir()] == ["folder"]


def test_a_failing_body_leaves_the_folder_as_it_was(folder: Path) -> None:
    def fail() -> None:
        with sealed_folder(folder) as new:
            (new / "file").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert opened(folder).read("file") == b"content"
    assert [path.name for path in folder.parent.iterdir()] == ["folder"]


def test_what_was_sealed_comes_back_and_sha256sum_agrees(folder: Path) -> None:
    found = opened(folder)
    assert found.read("file") == b"content"
    assert found.checked("file") == folder / "file"
    assert found.json("values.json", 3)["names"] == []
    found.verify()
    checked = subprocess.check_output(["sha256sum", "--strict", "-c", SUMS], cwd=folder)
    assert checked == b"file: OK\nvalues.json: OK\n"


def test_the_fingerprint_tells_contents_and_not_places(folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    for content, same in (("content", True), ("other", False)):
        write(elsewhere, content)
        assert (opened(elsewhere).fingerprint == opened(folder).fingerprint) is same


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (Path.unlink, "it is missing"),
        (lambda path: path.write_bytes(b""), "its SHA-256 differs: it was changed or damaged"),
        (lambda path: path.write_bytes(path.read_bytes().replace(b"3", b"2")), "its SHA-256 differs"),
        (lambda path: path.write_bytes(path.read_bytes() + b"\n"), "its SHA-256 differs"),
        (lambda path: (path.unlink(), path.mkdir()), "cannot read it: Is a directory"),
    ],
)
def test_a_changed_file_is_refused_by_name(
    folder: Path, change: Callable[[Path], object], message: str
) -> None:
    readers: list[Callable[[Sealed], object]] = [
        lambda found: found.read("values.json"),
        lambda found: found.checked("values.json"),
        lambda found: found.json("values.json"),
        Sealed.verify,
    ]
    change(folder / "values.json")
    for read in readers:
        with pytest.raises(DataError, match=rf"folder/values\.json: {message}.*; make it again$"):
            read(opened(folder))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda _sums: [], "it is no list of checksums"),
        (lambda sums: [sums[0], sums[1][:-9]], "it is no list of checksums"),
        (lambda sums: [*sums, sums[0]], "it is no list of checksums"),
        (lambda sums: [sums[0]], r"it does not list values\.json"),
    ],
)
def test_changed_checksums_are_refused(
    folder: Path, change: Callable[[list[str]], list[str]], message: str
) -> None:
    (folder / SUMS).write_text("".join(change((folder / SUMS).read_text().splitlines(keepends=True))))
    with pytest.raises(DataError, match=message):
        opened(folder).read("values.json")


def test_every_flipped_bit_of_the_checksums_is_noticed(folder: Path) -> None:
    content = (folder / SUMS).read_bytes()
    for bit in range(0, 8 * len(content), 3):
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        (folder / SUMS).write_bytes(changed)
        with pytest.raises(DataError, match="; make it again"):
            opened(folder).verify()


def test_a_folder_without_checksums_is_of_an_earlier_version(folder: Path) -> None:
    (folder / SUMS).unlink()
    with pytest.raises(DataError, match=r"SHA256SUMS: it is missing: an earlier version .*; make it again$"):
        opened(folder)


@pytest.mark.parametrize("content", ["", "[1]", "3", "[" * 100_000, '"\\ud800"'])
def test_what_was_sealed_as_something_else_is_no_json_object(tmp_path: Path, content: str) -> None:
    with sealed_folder(tmp_path / "folder") as folder:
        (folder / "values.json").write_text(content)
    with pytest.raises(DataError, match=r"values\.json: it is no JSON object"):
        opened(tmp_path / "folder").json("values.json")


def test_another_format_is_refused(folder: Path) -> None:
    with pytest.raises(DataError, match="it has format version 3; this rnncli reads 2; make it again"):
        opened(folder).json("values.json", 2)
