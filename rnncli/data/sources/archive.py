"""Reading the files of an archive or a folder in memory: nothing is ever extracted."""

import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from rnncli.errors import DataError

MAX_FILE = 2**24  # bytes of one wanted file
MAX_TOTAL = 2**30  # bytes of a whole archive, unpacked

Wanted = Callable[[str], bool]


def read_files(path: Path, root: str, wanted: Wanted) -> Iterator[tuple[str, bytes]]:
    """Yield name, relative to `root`, and content of each wanted regular file.

    Args:
        path: A tar archive, compressed or not, or an unpacked folder: `root` or what contains it.
        root: The only folder of the archive that is looked into.
        wanted: Whether a name below `root` is read.

    Raises:
        DataError: It is missing, damaged, or larger than `MAX_FILE` or `MAX_TOTAL`.
    """
    if path.is_dir():
        yield from _folder_files(path / root if (path / root).is_dir() else path, wanted)
        return
    try:
        with tarfile.open(path) as archive:
            yield from _archive_files(path, archive, f"{root}/", wanted)
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such archive or folder") from error
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: not a tar archive, or a damaged or incomplete one; get it anew") from error


def _archive_files(
    path: Path, archive: tarfile.TarFile, root: str, wanted: Wanted
) -> Iterator[tuple[str, bytes]]:
    total = 0
    for member in archive:
        archive.members = []  # type: ignore[attr-defined]  # or it keeps a record of every file
        name = member.name.removeprefix("./")
        chosen = member.isreg() and name.startswith(root) and wanted(name.removeprefix(root))
        total += member.size
        if total > MAX_TOTAL or (chosen and member.size > MAX_FILE):
            raise DataError(f"{path}: {name!r} makes it larger than any such archive; it is not read")
        if chosen and (file := archive.extractfile(member)):
            yield name.removeprefix(root), file.read()
    assert archive.fileobj is not None
    archive.fileobj.seek(archive.offset)
    if any(archive.fileobj.read(tarfile.BLOCKSIZE)) or archive.fileobj.tell() == archive.offset:
        raise EOFError  # damage also ends the loop; zeros end an archive


def _folder_files(folder: Path, wanted: Wanted) -> Iterator[tuple[str, bytes]]:
    """The wanted files of a folder, links left out."""
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder).as_posix()
        if wanted(name) and file.is_file() and not file.is_symlink():
            yield name, file.read_bytes()
