"""`rnncli prepare`."""

from rnncli.cli.options import RUNS_DIR, Debug, Json, Quiet, RunsDir


def prepare(
    *,
    runs_dir: RunsDir = RUNS_DIR,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Not written yet."""
