"""A disk that fails, or loses its power, at the n-th operation that changes it."""

import builtins
import errno
import io
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Literal
from unittest.mock import patch

from rnncli.system import sealed

Breaking = Literal["disk full", "power lost"]  # one operation finds no room, or the machine stops there
# By name in `os`; the position of the path or descriptor that they change is the first.
FAILING = ("fsync", "replace", "rename", "mkdir")
CLEANING = ("unlink", "remove", "rmdir")  # they do not run out of space, but a machine may stop there


class PowerLostError(BaseException):
    """The machine has stopped: nothing may catch this, and nothing reaches the disk any more."""


class Disk:
    """Counts the operations that change what lies below `root`, and breaks at one of them, from 1.

    Attributes:
        operations: what was done, in order.
        unsynced: inodes whose content may not have reached the disk.
    """

    def __init__(self, root: Path, how: Breaking, break_at: int = 0) -> None:
        self.operations: list[str] = []
        self.unsynced: set[int] = set()
        self._root, self._how, self._break_at = root, how, break_at
        self._stopped = False

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Stand between the program and the system while the body runs."""
        opened = self._opened(io.open)
        with ExitStack() as patches:
            for name in ("open", *FAILING, *CLEANING):
                patches.enter_context(patch.object(os, name, self._watched(name, getattr(os, name))))
            exchange = self._watched("exchange", sealed._exchanged)
            patches.enter_context(patch.object(sealed, "_exchanged", exchange))
            patches.enter_context(patch.object(io, "open", opened))
            patches.enter_context(patch.object(builtins, "open", opened))
            yield

    def operation(self, name: str, path: Path) -> None:
        """Count one, and break if it is the one."""
        if not path.is_relative_to(self._root):
            return
        if self._stopped:
            raise PowerLostError
        if (name in CLEANING and self._how == "disk full") or (name == "mkdir" and path.exists()):
            return
        self.operations.append(f"{name} {path.relative_to(self._root)}")
        if len(self.operations) != self._break_at:
            return
        if self._how == "disk full":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        self._stopped = True
        for file in self._root.rglob("*"):
            if file.is_file() and file.stat().st_ino in self.unsynced:
                os.truncate(file, 0)
        raise PowerLostError

    def _watched(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def watched(target: Any, *arguments: Any, **options: Any) -> Any:
            if name != "open" or arguments[0] & os.O_CREAT:
                self.operation(name, _place(target, options.get("dir_fd")))
            result = function(target, *arguments, **options)
            if name == "fsync":
                self.unsynced.discard(os.fstat(target).st_ino)
            return result

        return watched

    def _opened(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def opened(file: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
            if "b" not in mode or not set("wxa+") & set(mode):
                return function(file, mode, *arguments, **options)
            place = _place(file)
            if not isinstance(file, int) and not place.is_dir():  # else a file without a name, which Python
                self.operation("create", place)  # replaces by one with a name where there is none to be had
            how = {name: value for name, value in options.items() if name in ("closefd", "opener")}
            return _WatchedFile(self, function(file, mode, buffering=0, **how), place)

        return opened


class _WatchedFile:
    """A file whose every write goes to the disk at once, and is counted."""

    def __init__(self, disk: Disk, file: io.FileIO, place: Path) -> None:
        self._disk, self._file, self._place = disk, file, place

    def write(self, content: Any) -> int:
        """Write all; where the disk breaks, half."""
        self._disk.unsynced.add(os.fstat(self._file.fileno()).st_ino)
        try:
            self._disk.operation("write", self._place)
        except OSError:
            self._file.write(content[: len(content) // 2])
            raise
        return self._file.write(content)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._file)

    def __enter__(self) -> "_WatchedFile":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _place(target: Any, folder: int | None = None) -> Path:
    """Where a path or descriptor points."""
    if isinstance(target, int):
        return Path(f"/proc/self/fd/{target}").readlink()
    if folder is not None:
        return Path(f"/proc/self/fd/{folder}").readlink() / os.fsdecode(target)
    return Path(os.fsdecode(target)).absolute()
