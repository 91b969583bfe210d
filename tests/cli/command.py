"""Running the program as its users do."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def rnncli(*arguments: object, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run ``python -m rnncli`` in the folder `cwd`, warnings being errors."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "rnncli", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80", **env},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
