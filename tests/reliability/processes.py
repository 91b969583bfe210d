"""Commands in processes of their own, to be killed and stopped."""

import os
import subprocess
import sys
from pathlib import Path

from tests.cli.command import ROOT, rnncli

HANG = 300  # seconds after which a command counts as hanging, on however busy a machine


def run_to_end(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command that must succeed."""
    done = rnncli(*arguments, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done


def start(arguments: list[str], folder: Path) -> "subprocess.Popen[str]":
    """Start a command, its stderr to be read."""
    return subprocess.Popen(
        [sys.executable, "-m", "rnncli", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
