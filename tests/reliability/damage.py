"""Every file below ``runs/`` damaged in every way, and every command that may meet it."""

import random
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess

from rnncli.system.sealed import SUMS
from tests.cli.command import invoke
from tests.reliability.faults import error_of
from tests.reliability.project import FINISHED, RESUME, Project, visible_files, without_circumstances
from tests.reliability.tally import Tally

KINDS = ("missing", "empty", "cut", "bit flip", "other digit")
READERS = (
    ["compare", "--json"],
    ["compare", "a", "--json"],
    ["predict", "w0x1 the film", "--json"],
    ["predict", "w0x1 the film", "--run=a", "--json"],
    *(["eval", "a", f"--split={split}", "--json"] for split in ("test", "train", "validation")),
)
# What a resumed training writes anew, or never reads; all of it is read in a finished run.
UNREAD_BY_RESUME = ("metrics.jsonl", "model/", "test.", "tags.npy")


def damages(project: Project, *, flips: int, seed: int, share: float = 1) -> Iterator[Tally]:
    """Damage each file in each way, one at a time: a `share` of all damages, at places drawn from `seed`."""
    draw = random.Random(f"{seed} damage")
    for stage in (FINISHED, RESUME):
        project.put_back(stage)
        files = _files_read(project, stage)
        shown = [_figures(_read(project, reader)) for reader in READERS] if stage == FINISHED else []
        tallies = {kind: Tally(kind, f"a file of a {stage} run") for kind in KINDS}
        for path in files:
            for kind in [*KINDS[:3], *KINDS[3:] * flips]:
                fits = kind != "other digit" or path.suffix in (".json", ".jsonl")
                if not fits or draw.random() >= share:
                    continue
                project.put_back(stage)
                where = _damage(path, kind, draw)
                with tallies[kind].attempt(f"{path.relative_to(project.folder)}{where}"):
                    if stage == RESUME:
                        _require_sound_resumption(project, path)
                    else:
                        _require_detection(project, path, shown)
        yield from tallies.values()


def _files_read(project: Project, stage: str) -> list[Path]:
    """The files that a command may read: of the checkpoints, those of the newest, and only to resume."""
    newest = max(project.run.checkpoints_dir.glob("step-*"), default=None) if stage == RESUME else None
    files = visible_files(project.folder / "runs")
    files = [path for path in files if path.name != "history.png"]  # the plot is for people
    return [path for path in files if "checkpoints" not in path.parts or path.parent == newest]


def _damage(path: Path, kind: str, draw: random.Random) -> str:
    """Damage a file, and say where."""
    content = bytearray(path.read_bytes())
    position = draw.randrange(len(content))
    if kind == "missing":
        path.unlink()
        return ""
    if kind in ("bit flip", "other digit"):
        bit = draw.randrange(8)
        if kind == "other digit":  # which leaves a number, and JSON
            position, bit = draw.choice([at for at, byte in enumerate(content) if byte in b"0123456789"]), 0
        content[position] ^= 1 << bit
        path.write_bytes(content)
        return f", bit {bit} of byte {position} of {len(content)}"
    kept = 0 if kind == "empty" else min(position, len(content) - 2)  # the last byte ends the last line
    path.write_bytes(content[:kept])
    return f", {kept} of {len(content)} bytes kept"


def _read(project: Project, reader: list[str]) -> CompletedProcess[str]:
    return invoke(*reader, f"--runs-dir={project.folder / 'runs'}", "--quiet", cwd=project.folder)


def _figures(done: CompletedProcess[str]) -> str:
    """What a command shows, without what a clock said; nothing where it failed."""
    return without_circumstances(done.stdout) if done.returncode == 0 else ""


def _require_detection(project: Project, path: Path, expected: list[str]) -> None:
    """One command at least names the file in a one-line error; none shows other figures."""
    outcomes = [_read(project, reader) for reader in READERS]
    for reader, outcome, figures in zip(READERS, outcomes, expected, strict=True):
        assert _figures(outcome) in ("", figures), f"{reader} shows other figures"
    errors = [error_of(outcome) for outcome in outcomes]
    assert any(_named(path, error) for error in errors), f"nobody names it: {errors}"


def _require_sound_resumption(project: Project, path: Path) -> None:
    """The training fails with a line that names the file, or ends as it should and has warned."""
    done = invoke(*project.arguments(RESUME), cwd=project.folder)
    name = str(path.relative_to(project.folder))
    error = error_of(done)
    named = path.parent.name in done.stderr if "checkpoints" in path.parts else _named(path, done.stderr)
    if not error:
        named = named or any(part in name for part in UNREAD_BY_RESUME)
        assert project.difference("train") in ("", name)
    assert named, f"nobody names it: {error}"


def _named(path: Path, said: str) -> bool:
    """Whether an error says which file is damaged: of the checksums, their dataset or a file beside them."""
    beside = f"{path.parent}/" in said or f"dataset '{path.parent.name}'" in said
    return beside if path.name == SUMS else path.name in said
