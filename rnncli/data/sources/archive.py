"""Reading the files of an archive or a folder in memory: nothing is ever extracted."""

import gzip
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, cast

from rnncli.errors import DataError

MAX_FILE = 2**24  # bytes of one wanted file
MAX_TOTAL = 2**30  # bytes of a whole archive, unpacked
BLOCK = 512  # bytes of a tar header; contents are padded to a multiple

Wanted = Callable[[str], bool]


def read_files(path: Path, root: str, wanted: Wanted) -> Iterator[tuple[str, bytes]]:
    """Yield name, relative to `root`, and content of each wanted regular file.

    Args:
        path: A tar archive, gzipped or not, or an unpacked folder: `root` or what contains it.
        root: The only folder of the archive that is looked into.
        wanted: Whether a name below `root` is read.

    Raises:
        DataError: It is missing, damaged, or larger than any that is meant here.
    """
    if path.is_dir():
        yield from _folder_files(path / root if (path / root).is_dir() else path, wanted)
        return
    try:
        with path.open("rb") as file, _unpacked(file) as stream:
            yield from _archive_files(path, stream, f"{root}/", wanted)
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such archive or folder") from error
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(
            f"{path}: not a tar archive, or a damaged or incomplete one ({error}); get it anew"
        ) from error


def _unpacked(file: IO[bytes]) -> IO[bytes]:
    """`file`, through gzip if it is compressed."""
    magic = file.read(2)
    file.seek(0)
    return cast(IO[bytes], gzip.open(file)) if magic == b"\x1f\x8b" else file


def _archive_files(path: Path, stream: IO[bytes], root: str, wanted: Wanted) -> Iterator[tuple[str, bytes]]:
    """The wanted files of a tar archive.

    Only headers are left to tarfile: its own loop would follow what extended headers say, at
    any length and into memory.
    """
    total = 0
    while (header := stream.read(BLOCK)) != bytes(BLOCK):  # a block of zeros ends an archive
        member = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
        name = member.name.removeprefix("./")
        padded = -(-member.size // BLOCK) * BLOCK
        total += BLOCK + padded
        regular = member.type in (tarfile.REGTYPE, tarfile.AREGTYPE)
        chosen = regular and name.startswith(root) and wanted(name.removeprefix(root))
        if member.size < 0:
            raise tarfile.HeaderError("negative size")
        if total > MAX_TOTAL or (chosen and member.size > MAX_FILE):
            raise DataError(f"{path}: {name!r} makes it larger than any such archive; it is not read")
        if chosen:
            yield name.removeprefix(root), _read(stream, padded)[: member.size]
        else:
            while padded > 0:
                padded -= len(_read(stream, min(padded, MAX_FILE)))


def _read(stream: IO[bytes], size: int) -> bytes:
    content = stream.read(size)
    if len(content) < size:
        raise EOFError("it ends early")
    return content


def _folder_files(folder: Path, wanted: Wanted) -> Iterator[tuple[str, bytes]]:
    """The wanted files of a folder, links left out."""
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder).as_posix()
        if wanted(name) and file.is_file() and not file.is_symlink():
            if file.stat().st_size > MAX_FILE:
                raise DataError(f"{file}: larger than any such file; it is not read")
            yield name, file.read_bytes()
