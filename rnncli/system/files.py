"""Writing files so that a reader sees the old content or the new, never a part; locks, and leftovers."""

import fcntl
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from rnncli.errors import RnncliError


def to_json(value: Any, *, indent: int | None = 2) -> str:
    """Encode `value` as JSON; NaN and infinity, which JSON lacks, raise ValueError."""
    return json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)


def sync_directory(path: Path) -> None:
    """Make renames inside the folder `path` durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def named_failures(path: Path) -> Iterator[None]:
    """Let a system call that fails in the body name `path`: a failed write names nothing by itself.

    A name that it has stays, unless it is that of something temporary beside `path`.
    """
    try:
        yield
    except OSError as error:
        if error.filename is None or f".{path.name}." in str(error.filename):
            error.filename = str(path)
        raise


@contextmanager
def replaced_file(path: Path) -> Iterator[BinaryIO]:
    """Yield a file to write; on success, synced, it takes the place of `path` in one rename.

    When the body raises, `path` is left as it was.
    """
    with named_failures(path):
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, 0o666 & ~_umask())
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        sync_directory(path.parent)


def _umask() -> int:
    """The process's file creation mask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_bytes(path: Path, content: bytes) -> None:
    """Replace the file `path` with `content` in one rename."""
    with replaced_file(path) as file:
        file.write(content)


def json_bytes(value: Any) -> bytes:
    """The content of a file of indented JSON."""
    return (to_json(value) + "\n").encode()


def write_json(path: Path, value: Any) -> None:
    """Replace the file `path` with `value` as indented JSON."""
    write_bytes(path, json_bytes(value))


@contextmanager
def locked(path: Path, *, what: str, error: type[RnncliError], remedy: str) -> Iterator[None]:
    """Hold the lock file `path`; the kernel frees it when the process ends, however it ends.

    The file stays there and names the process that held it last; `what` names what is held, and
    `remedy` says what to do where another process holds it.

    Raises:
        RnncliError: of the kind `error`: another process holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 200).decode(errors="replace").strip() or "unknown"
            raise error(f"{what} is in use by process {holder}; {remedy}") from None
        os.ftruncate(descriptor, 0)
        since = time.strftime("%Y-%m-%d %H:%M:%S")
        os.pwrite(descriptor, f"{os.getpid()} on {os.uname().nodename} since {since}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def remove_leftovers(folder: Path, of: str | None = None) -> None:
    """Remove what killed writers left in `folder`, of everything or of one name; hold its lock."""
    name = ".+" if of is None else re.escape(of)
    leftover = re.compile(rf"\.{name}\.\w{{8}}\.tmp")
    for found in folder.iterdir() if folder.is_dir() else ():
        if leftover.fullmatch(found.name) and found.is_dir():
            shutil.rmtree(found, ignore_errors=True)
        elif leftover.fullmatch(found.name):
            found.unlink(missing_ok=True)
