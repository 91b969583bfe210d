"""Running the program as its users do, in a process of its own, or sooner in this one."""

import contextlib
import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
from pathlib import Path
from unittest import mock

import typer

from rnncli.cli import console
from rnncli.cli.app import app

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-W", "error", "-m", "rnncli"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80"}


def rnncli(*arguments: object, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run ``python -m rnncli`` in the folder `cwd`, warnings being errors."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        cwd=cwd,
        env={**ENVIRONMENT, **env},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


def start(*arguments: object, cwd: Path) -> "subprocess.Popen[str]":
    """Start ``python -m rnncli`` in the folder `cwd`, to be waited for."""
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        cwd=cwd,
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def on_terminal(
    *arguments: object, cwd: Path, stream: str = "stdout", columns: int = 80, **env: str
) -> list[str]:
    """The lines that the command writes to a terminal in place of a standard stream."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    inherited = {name: value for name, value in ENVIRONMENT.items() if name not in ("COLUMNS", "NO_COLOR")}
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, stream: slave}
    content = b""
    command = [*COMMAND, *map(str, arguments)]
    with subprocess.Popen(
        command, cwd=cwd, env={**inherited, "TERM": "xterm-256color", **env}, **streams
    ) as process:
        os.close(slave)
        with contextlib.suppress(OSError):  # how Linux says that the other end is closed
            while chunk := os.read(master, 1 << 16):
                content += chunk
        assert process.wait(60) == 0
    os.close(master)
    return content.decode().splitlines()


def wait_for_line(process: "subprocess.Popen[str]", beginning: str) -> None:
    """Wait until the process writes a line on stderr that begins so."""
    assert process.stderr is not None
    lines = [""]
    while not lines[-1].startswith(beginning):
        lines.append(process.stderr.readline())
        assert lines[-1] or process.poll() is None, lines


def refused(*arguments: object, cwd: Path, code: int = 1) -> str:
    """What a command that must fail says on stderr, without frames; beyond wrong usage it is one line."""
    done = invoke(*arguments, cwd=cwd)
    assert (done.returncode, done.stdout) == (code, "")
    assert code == 2 or re.fullmatch(r"error: [^\n]+\n", done.stderr)
    return " ".join(done.stderr.replace("│", " ").split())


def invoke(*arguments: object, cwd: Path, stdin: bytes = b"", **env: str) -> subprocess.CompletedProcess[str]:
    """Run the command in this process, which spares its start; a fault of ours is raised."""
    words = list(map(str, arguments))
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="") for _ in range(2))
    code = 0
    with (
        io.TextIOWrapper(tempfile.TemporaryFile()) as source,
        contextlib.chdir(cwd),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        mock.patch.object(sys, "stdin", source),
        mock.patch.object(console, "debug", False),
        mock.patch.dict(os.environ, {"COLUMNS": "80", **env}),
    ):
        source.buffer.write(stdin)
        source.seek(0)
        try:
            typer.main.get_command(app)(words, prog_name="rnncli")
        except SystemExit as end:
            code = int(end.code or 0)
    written = [(stream.flush(), stream.buffer.getvalue().decode())[1] for stream in (out, err)]
    return subprocess.CompletedProcess(words, code, *written)
