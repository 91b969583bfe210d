"""Writing files and folders so that a reader sees the old content or the new, never a part."""

import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from rnncli.errors import RnncliError

AT_FDCWD = -100  # a relative path starts at the working directory
RENAME_EXCHANGE = 2


def to_json(value: Any, *, indent: int | None = 2) -> str:
    """Encode `value` as JSON; NaN and infinity, which JSON lacks, raise ValueError."""
    return json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)


def with_checksum(values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` and their checksum, which `checked_json` looks for."""
    return {**values, "checksum": _checksum(values)}


def checked_json(content: bytes) -> dict[str, Any]:
    """The JSON object in `content`, its checksum compared.

    Raises:
        ValueError: It is no JSON object, or not as `with_checksum` gave it.
    """
    try:
        values = json.loads(content)
        if not isinstance(values, dict):
            raise ValueError("not a JSON object")
        if "checksum" not in values:
            raise ValueError("it has no checksum")
        if values["checksum"] != _checksum(values):
            raise ValueError("its checksum differs")
        require_as_written(content, values)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return values


def require_as_written(content: bytes, values: Mapping[str, Any]) -> None:
    """Raise ValueError unless `write_json` made `content` of `values`.

    A checksum of values cannot tell: the last digit of a number may be another without making it
    another number.
    """
    if content != (to_json(values) + "\n").encode():
        raise ValueError("it is not as it was written")


def _checksum(values: Mapping[str, Any]) -> str:
    """SHA-256 of all entries but ``checksum``."""
    others = {name: value for name, value in values.items() if name != "checksum"}
    return hashlib.sha256(json.dumps(others, sort_keys=True).encode()).hexdigest()


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


def write_bytes(path: Path, content: bytes) -> None:
    """Replace the file `path` with `content` in one rename."""
    with replaced_file(path) as file:
        file.write(content)


def write_json(path: Path, value: Any) -> None:
    """Replace the file `path` with `value` as indented JSON."""
    write_bytes(path, (to_json(value) + "\n").encode())


def _umask() -> int:
    """The process's file creation mask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


@contextmanager
def replaced_directory(path: Path) -> Iterator[Path]:
    """Yield an empty folder to fill; on success it takes the place of `path` whole.

    A reader, and whoever comes after a kill at any moment, meets the old folder or the new one,
    never a mixture; only where the system cannot exchange two folders in one step, there is none
    for an instant. When the body raises, `path` is left as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp"))
    try:
        new, old = staging / "new", staging / "old"
        new.mkdir()
        yield new
        _sync_tree(new)
        if not (path.exists() and _exchanged(new, path)):
            if path.exists():
                os.replace(path, old)
            os.replace(new, path)
        sync_directory(staging)
        sync_directory(path.parent)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _sync_tree(folder: Path) -> None:
    """Make all that is in `folder` durable."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        elif path.is_dir():
            sync_directory(path)
    sync_directory(folder)


def _exchanged(first: Path, second: Path) -> bool:
    """Let two names change places in one step; False where the system or the file system cannot."""
    import ctypes

    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)  # Linux alone has it
    if renameat2 is None:
        return False
    if renameat2(AT_FDCWD, os.fsencode(first), AT_FDCWD, os.fsencode(second), RENAME_EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP):
        return False
    raise OSError(code, os.strerror(code), str(second))


@contextmanager
def locked(path: Path, *, what: str, error: type[RnncliError]) -> Iterator[None]:
    """Hold the lock file `path`; the kernel frees it when the process ends, however it ends.

    Args:
        path: The file, which stays there and names the process that held it last.
        what: Names what is held, for the message.
        error: The kind of failure to raise.

    Raises:
        RnncliError: Of the kind `error`: another process holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 200).decode(errors="replace").strip() or "unknown"
            raise error(
                f"{what} is in use by process {holder}; wait for it, or choose another --name"
            ) from None
        os.ftruncate(descriptor, 0)
        since = time.strftime("%Y-%m-%d %H:%M:%S")
        os.pwrite(descriptor, f"{os.getpid()} on {os.uname().nodename} since {since}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def remove_leftovers(path: Path) -> None:
    """Remove what killed writers of the folder `path` left beside it; call it with its lock held."""
    _remove_leftovers(path.parent, re.escape(path.name))


def remove_all_leftovers(folder: Path) -> None:
    """Remove what killed writers left in `folder`; call it as the only one who writes there."""
    _remove_leftovers(folder, ".+")


def _remove_leftovers(folder: Path, name: str) -> None:
    leftover = re.compile(rf"\.{name}\.\w{{8}}\.tmp")
    for found in folder.iterdir() if folder.is_dir() else ():
        if not leftover.fullmatch(found.name):
            continue
        if found.is_dir():
            shutil.rmtree(found, ignore_errors=True)
        else:
            found.unlink(missing_ok=True)
