"""Every file below ``runs/`` damaged in every way, and every command that may meet it."""

import random
from collections.abc import Iterator
from pathlib import Path

from tests.reliability.faults import RESUME, succeed
from tests.reliability.in_process import Outcome
from tests.reliability.tally import Tally
from tests.reliability.workspace import FINISHED, Project, visible_files, without_circumstances

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
    """Damage each file in each way, one at a time.

    Args:
        project: of `in_process_project`.
        flips: flipped bits in each file.
        seed: of the places of damage.
        share: the share of all damages that is tried.
    """
    draw = random.Random(f"{seed} damage")
    for stage in (FINISHED, RESUME):
        yield from _damage_stage(project, stage, flips, draw, share)


def _damage_stage(
    project: Project, stage: str, flips: int, draw: random.Random, share: float
) -> Iterator[Tally]:
    project.put_back(stage)
    expected = {} if stage == RESUME else _shown(project)
    project.put_back(stage)
    kinds = {kind: Tally(kind, f"a file of a {stage} run") for kind in KINDS}
    for path in _files_read(project, stage):
        for kind in [*KINDS[:3], *KINDS[3:] * flips]:
            if kind == "other digit" and path.suffix not in (".json", ".jsonl"):
                continue
            if draw.random() >= share:
                continue
            project.put_back(stage)
            resume = project.next_arguments("train")
            name = str(path.relative_to(project.folder))
            where = _damage(path, kind, draw)
            with kinds[kind].attempt(f"{name}{where}"):
                if resume:
                    _require_sound_resumption(project, path, Outcome(resume))
                else:
                    _require_detection(project, path, expected)
    yield from kinds.values()


def _files_read(project: Project, stage: str) -> list[Path]:
    """The files below ``runs/`` that some command reads: of the checkpoints, the newest, to resume."""
    newest = max(project.run.checkpoints_dir.iterdir()) if stage == RESUME else None
    files = visible_files(project.folder / "runs")
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


def _shown(project: Project) -> dict[str, str]:
    """What every reading command shows of the undamaged project."""
    return {" ".join(reader): _comparable(succeed(_said(project, reader))) for reader in READERS}


def _said(project: Project, reader: list[str]) -> list[str]:
    return [*reader, f"--runs-dir={project.folder / 'runs'}", "--quiet"]


def _comparable(outcome: Outcome) -> str:
    return without_circumstances(outcome.shown)


def _require_detection(project: Project, path: Path, expected: dict[str, str]) -> None:
    """One command at least names the file in a one-line error; none shows other figures."""
    errors = []
    for reader in READERS:
        outcome = Outcome(_said(project, reader))
        if outcome.code == 0:
            assert _comparable(outcome) == expected[" ".join(reader)], f"{reader} shows other figures"
        errors.append(outcome.error)
    assert any(path.name in error for error in errors), f"nobody names it: {errors}"


def _require_sound_resumption(project: Project, path: Path, outcome: Outcome) -> None:
    """The training fails with a line that names the file, or ends as it should and has warned."""
    name = str(path.relative_to(project.folder))
    named = (path.parent.name if "checkpoints" in path.parts else path.name) in outcome.said
    if outcome.code == 0:
        named = named or any(part in name for part in UNREAD_BY_RESUME)
        assert project.difference("train") in ("", name)
    assert named, f"nobody names it: {outcome.error}"
