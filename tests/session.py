"""The picture in README.md: a session at a terminal, with what the commands really print.

``python -m tests.session`` runs them on the bundled sample and writes ``.github/session.svg``.
"""

import io
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / ".github" / "session.svg"
WIDTH = 80
COMMANDS = (
    "rnncli train --arch bilstm --epochs 3",
    "rnncli eval",
    'rnncli predict "a great film" "not a great film"',
)


def shown(command: str, folder: Path) -> list[str]:
    """The lines that a command leaves on a terminal, with their colours."""
    colours = {"FORCE_COLOR": "1", "TTY_INTERACTIVE": "0", "COLUMNS": str(WIDTH), "PYTHONUNBUFFERED": "1"}
    done = subprocess.run(
        [sys.executable, "-m", *shlex.split(command)],
        cwd=folder,
        env={**os.environ, **colours, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=True,
        encoding="utf-8",
    )
    lines: list[str] = []
    for line in done.stdout.rstrip().split("\n"):
        del lines[len(lines) - line.count("\x1b[1A") :]  # a finished bar is taken back
        text = re.sub(r"\x1b\[(\?25[hl]|1A|2K)", "", line).split("\r")[-1]
        lines += [text] if text or not line else []
    return lines


def main() -> None:
    """Run the commands and write the picture."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), color_system="truecolor")
    with tempfile.TemporaryDirectory() as folder:
        for command in COMMANDS:
            console.print(Text.assemble(("$ ", "bold green"), (command, "bold")))
            for line in shown(command, Path(folder)):
                console.print(Text.from_ansi(line))
            console.print()
    PICTURE.write_text(
        console.export_svg(title="rnncli", theme=MONOKAI, unique_id="session"), encoding="utf-8"
    )


if __name__ == "__main__":
    main()
