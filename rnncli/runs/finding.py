"""How a run is found, and what a run or dataset may be called."""

import re
from pathlib import Path

from rnncli.errors import RunError, UsageError
from rnncli.runs.run import CONFIG, DATASETS, SUMMARY, Run, no_classifier
from rnncli.system.sealed import SUMS

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
BUNDLED = "pretrained"  # the model in the package
RESERVED = {DATASETS, "latest", "best", BUNDLED}
EXAMPLE = "rnncli train --arch bilstm --epochs 3"
SHOWN_RUNS = 10  # in the message that there is no such run


def check_name(name: str, *, what: str = "run") -> str:
    """Return `name` when it can name a run or dataset inside the runs folder.

    Raises:
        UsageError: it holds a path, is reserved, or starts with other than a letter or digit.
    """
    if not NAME.fullmatch(name) or name in RESERVED:
        shown = name if len(name) <= 40 else f"{name[:39]}…"
        raise UsageError(
            f"{shown!r} cannot name a {what}: use up to 100 letters, digits, '.', '_' and '-', "
            f"starting with a letter or digit, and not {', '.join(sorted(RESERVED))}"
        )
    return name


def all_runs(runs_dir: Path) -> list[Run]:
    """Every run in `runs_dir`, the one that began or finished last at the end."""
    sums = [path for path in runs_dir.glob(f"*/{SUMS}") if NAME.fullmatch(path.parent.name)]
    return [Run(path.parent) for path in sorted(sums, key=lambda path: (path.stat().st_mtime_ns, path))]


def list_runs(runs_dir: Path) -> list[Run]:
    """The finished runs in `runs_dir`, the one that finished last at the end."""
    return [run for run in all_runs(runs_dir) if run.finished]


def resolve_run(runs_dir: Path, name: str, *, to_start_from: bool = False) -> Run:
    """Find a finished run by name, by path, as ``latest``, as ``best``, or as ``pretrained``.

    ``pretrained`` is the run that comes with the package. ``best`` has the highest validation accuracy
    among the runs on the dataset that the latest run was trained on, since accuracies on different data do
    not compare. Language models answer nothing, and are passed over and refused unless the run is one
    `to_start_from`.

    Raises:
        RunError: there is no such run, or it is not finished, or it is a language model.
    """
    if name in ("latest", "best"):
        return _latest_or_best(runs_dir, name, to_start_from=to_start_from)
    if name == BUNDLED:
        return Run(Path(__file__).parents[1] / BUNDLED)
    run = find_run(runs_dir, name)
    if not run.finished:
        raise RunError(
            f"run '{name}' is not finished ({run.path / SUMS} does not list {SUMMARY}): "
            f"continue it with 'rnncli train --resume {name}'"
        )
    if run.is_language_model and not to_start_from:
        raise no_classifier(f"run '{name}'", name)
    return run


def _latest_or_best(runs_dir: Path, name: str, *, to_start_from: bool) -> Run:
    runs = list_runs(runs_dir)
    if not runs:
        raise no_finished_run(runs_dir)
    if name == "latest" and to_start_from:
        return runs[-1]
    latest = next((run for run in reversed(runs) if not run.is_language_model), None)
    if latest is None:
        raise no_classifier(f"run '{runs[-1].name}'", runs[-1].name)
    if name == "latest":
        return latest
    data = latest.dataset_fingerprint
    rivals = [run for run in runs if run.dataset_fingerprint == data and not run.is_language_model]
    return max(rivals, key=lambda run: float(run.summary["val_accuracy"]))


def no_finished_run(runs_dir: Path, on: str = "") -> RunError:
    """The error that no run is finished, perhaps `on` some data, with its remedy."""
    return RunError(
        f"no finished run{on} in {runs_dir}/: train one with '{EXAMPLE}', or name the bundled '{BUNDLED}'"
    )


def find_run(runs_dir: Path, name: str) -> Run:
    """Find a run, finished or not, by name or by path.

    Raises:
        RunError: there is no such run, an earlier version wrote it, or its config.json is damaged.
    """
    inside = NAME.fullmatch(name) and name not in RESERVED and (runs_dir / name).is_dir()
    run = Run(runs_dir / name if inside else Path(name))
    run.require_no_remains()
    if not run.config_path.is_file():
        names = [run.name for run in reversed(all_runs(runs_dir))]
        known = ", ".join(names[:SHOWN_RUNS]) or "none"
        more = f" and {len(names) - SHOWN_RUNS} older ones" if len(names) > SHOWN_RUNS else ""
        raise RunError(f"no run '{name}' in {runs_dir}/; there are: {known}{more}")
    run.sealed.checked(CONFIG)
    return run


def reserve_run_name(runs_dir: Path, stem: str) -> str:
    """`stem` with the smallest free number appended; creating the folder reserves the name."""
    number = 1
    while True:
        try:
            (runs_dir / f"{stem}-{number}").mkdir(parents=True)
        except FileExistsError:
            number += 1
        else:
            return f"{stem}-{number}"
