import json
import subprocess
import sys
from pathlib import Path

import pytest

from rnncli.system import files
from rnncli.system.files import checked_json, replaced_directory, to_json, with_checksum

# Kills itself at the n-th line that runs while a folder is replaced: a process of its own for each n.
KILLED_AT_EVERY_LINE = """
import os, signal, sys
from pathlib import Path
from rnncli.system import files

path = Path(sys.argv[1])

def fill(folder, content):
    for name in ("a", "b"):
        (folder / name).write_text(content)

def replace(lines):
    def trace(frame, event, argument):
        nonlocal lines
        if frame.f_code.co_filename == files.__file__:
            lines -= event == "line"
            if lines == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)
    with files.replaced_directory(path) as folder:
        fill(folder, str(os.getpid()))

path.mkdir()
fill(path, "first")
status, lines = -1, 0
while status:
    lines += 1
    before = (path / "a").read_text()
    child = os.fork()
    if child == 0:
        replace(lines)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    found = {file.name: file.read_text() for file in path.iterdir()}
    print(lines, found["a"] == before, flush=True)
    assert found in ({"a": before, "b": before}, {"a": str(child), "b": str(child)}), found
"""


def write(path: Path, content: str) -> None:
    with replaced_directory(path) as folder:
        (folder / "inside").mkdir()
        (folder / "inside" / "file").write_text(content)


def test_a_kill_at_any_line_leaves_the_old_folder_or_the_new_one(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED_AT_EVERY_LINE, str(tmp_path / "folder")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    kept_old = [line.split()[1] for line in done.stdout.splitlines()]
    assert kept_old.count("True") > 10  # kills before the exchange
    assert kept_old.count("False") > 2  # and after it


def test_a_system_without_the_exchange_replaces_in_two_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "folder", "old")
    monkeypatch.setattr(files, "RENAME_EXCHANGE", 1 << 30)  # the kernel knows no such flag either
    write(tmp_path / "folder", "new")
    assert (tmp_path / "folder" / "inside" / "file").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_failing_body_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        with replaced_directory(folder) as new:
            (new / "file").write_text("half")
            raise KeyboardInterrupt

    write(tmp_path / "folder", "old")
    with pytest.raises(KeyboardInterrupt):
        fail(tmp_path / "folder")
    assert (tmp_path / "folder" / "inside" / "file").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_failing_exchange_is_reported(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="none"):
        files._exchanged(tmp_path, tmp_path / "none")


def test_a_number_with_another_last_digit_is_noticed() -> None:
    """Also where that makes no other number of it."""
    content = (to_json(with_checksum({"loss": 0.1234567890123456})) + "\n").encode()
    assert checked_json(content) == json.loads(content)
    other = content.replace(b"0.1234567890123456", b"0.12345678901234560")
    assert json.loads(other) == json.loads(content)
    with pytest.raises(ValueError, match="not as it was written"):
        checked_json(other)
