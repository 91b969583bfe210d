"""A folder sealed once: written whole, with the checksum of each file, and checked when it is read.

Datasets, models, checkpoints, evaluations and runs are such folders. The checksums are over bytes and
lie in the file ``SHA256SUMS``, in the format of the program that checks them without rnncli::

    cd runs/RUN && sha256sum -c SHA256SUMS
"""

import ctypes
import errno
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from rnncli.errors import RnncliError
from rnncli.system.files import named_failures, sync_directory, write_bytes

SUMS = "SHA256SUMS"
LINE = re.compile(r"([0-9a-f]{64})  ([\w./-]{1,200})\n", re.ASCII)
AT_FDCWD = -100  # a relative path starts at the working directory
RENAME_EXCHANGE = 2


@dataclass(frozen=True)
class Sealed:
    """A sealed folder that is being read."""

    path: Path
    sums: Mapping[str, str]  # SHA-256 by file name, as hexadecimal digits
    fingerprint: str  # SHA-256 of SHA256SUMS: equal for equal contents of all files
    error: type[RnncliError]  # the kind of failure to raise
    remedy: str  # what the user can do, the end of each message

    @classmethod
    def open(cls, path: Path, *, error: type[RnncliError], remedy: str) -> Self:
        """Read the checksums of the folder `path`; its files are checked when they are read.

        Raises:
            RnncliError: of the kind `error`: the checksums are missing or not as they were written.
        """
        folder = cls(path, {}, "", error, remedy)
        with folder._explained(SUMS, ": an earlier version of rnncli wrote this folder, or it is incomplete"):
            content = (path / SUMS).read_bytes()
        lines = content.decode("utf-8", "replace").splitlines(keepends=True)
        found = [LINE.fullmatch(line) for line in lines]
        sums = {match[2]: match[1] for match in found if match}
        if not sums or len(sums) != len(lines):
            raise folder.failure(SUMS, "it is no list of checksums: it was changed or damaged")
        return cls(path, sums, hashlib.sha256(content).hexdigest(), error, remedy)

    def read(self, name: str) -> bytes:
        """The content of the file `name`.

        Raises:
            RnncliError: it is missing, changed or damaged.
        """
        with self._explained(name):
            content = (self.path / name).read_bytes()
        self._compare(name, hashlib.sha256(content).hexdigest())
        return content

    def checked(self, name: str) -> Path:
        """The path of the file `name`, compared as by `read` but not held: for a caller that maps it."""
        with self._explained(name):
            self._compare(name, sha256_of(self.path / name))
        return self.path / name

    def json(self, name: str, version: int | None = None) -> dict[str, Any]:
        """The JSON object in the file `name`, of the ``format_version`` that it must have, if any.

        Raises:
            RnncliError: the file is missing, changed or damaged, no JSON object, or of another format.
        """
        try:
            values = json.loads(self.read(name))
            if not isinstance(values, dict):
                raise TypeError(f"it is a {type(values).__name__}")
        except (ValueError, TypeError, RecursionError) as error:
            raise self.failure(name, f"it is no JSON object ({error})") from error
        found = values.get("format_version")
        if version is not None and found != version:
            raise self.failure(name, f"it has format version {found}; this rnncli reads {version}")
        return values

    def verify(self) -> None:
        """Compare every file; errors as in `read`."""
        for name in self.sums:
            self.checked(name)

    def failure(self, name: str, what: str) -> RnncliError:
        """A failure of the folder's kind: the file, what is wrong with it, and the remedy."""
        return self.error(f"{self.path / name}: {what}; {self.remedy}")

    @contextmanager
    def _explained(self, name: str, why: str = "") -> Iterator[None]:
        """Raise what keeps the file `name` from being read as a failure; `why` it may be missing."""
        try:
            yield
        except (FileNotFoundError, NotADirectoryError) as error:
            raise self.failure(name, f"it is missing{why}") from error
        except OSError as error:
            raise self.failure(name, f"cannot read it: {error.strerror}") from error

    def _compare(self, name: str, digest: str) -> None:
        if name not in self.sums:
            raise self.failure(SUMS, f"it does not list {name}: it was changed or damaged")
        if self.sums[name] != digest:
            raise self.failure(name, "its SHA-256 differs: it was changed or damaged")


@contextmanager
def sealed_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder to fill; on success, sealed, it takes the place of `path` whole.

    A reader, and whoever comes after a kill at any moment, meets the old folder or the new one,
    never a mixture; only where the system cannot exchange two folders in one step, there is none
    for an instant. When the body raises, `path` is left as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with named_failures(path):
        staging = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp"))
        try:
            new, old = staging / "new", staging / "old"
            new.mkdir()
            yield new
            inside = sorted(new.rglob("*"))
            files = [path for path in inside if path.is_file()]
            for file in files:
                with file.open("rb") as opened:
                    os.fsync(opened.fileno())
            for folder in inside:
                if folder.is_dir():
                    sync_directory(folder)
            write_sums(new, {str(file.relative_to(new)): sha256_of(file) for file in files})
            if not (path.exists() and _exchanged(new, path)):
                if path.exists():
                    os.replace(path, old)
                os.replace(new, path)
            sync_directory(staging)
            sync_directory(path.parent)
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def write_sums(folder: Path, sums: Mapping[str, str]) -> None:
    """Replace ``SHA256SUMS`` of `folder`; `sums` are by file name."""
    lines = [f"{sums[name]}  {name}\n" for name in sorted(sums)]
    write_bytes(folder / SUMS, "".join(lines).encode())


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _exchanged(first: Path, second: Path) -> bool:
    """Let two names change places in one step; False where the system or the file system cannot."""
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)  # Linux alone has it
    if renameat2 is None:
        return False
    if renameat2(AT_FDCWD, os.fsencode(first), AT_FDCWD, os.fsencode(second), RENAME_EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP):
        return False
    raise OSError(code, os.strerror(code), str(second))
