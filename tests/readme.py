"""The command reference in README.md, generated from the commands' own signatures.

``python -m tests.readme`` writes it; a test compares.
"""

import inspect
import re
from enum import StrEnum
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_type_hints

from typer.models import ArgumentInfo

from rnncli.cli.app import app

README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- commands: begin (python -m tests.readme writes this part) -->", "<!-- commands: end -->"
VALUES = {int: "N", float: "X", Path: "PATH", str: "TEXT"}


def command_reference() -> str:
    """A section for each command: what it does, and a table of its arguments and options."""
    return "\n".join(_section(str(c.name), c.callback) for c in app.registered_commands)


def _section(name: str, function: Any) -> str:
    hints = get_type_hints(function, include_extras=True)
    defaults = {p.name: p.default for p in inspect.signature(function).parameters.values()}
    parameters = [(key, *get_args(hints[key]), defaults[key]) for key in defaults]
    paragraphs = [" ".join(part.split()) for part in inspect.getdoc(function).split("\n\n")]
    arguments = [_argument(key, info) for key, _, info, _ in parameters if isinstance(info, ArgumentInfo)]
    rows = [f"| {_names(*parameter)} | {_describe(*parameter[2:])} |" for parameter in parameters]
    usage = " ".join(["rnncli", name, "[OPTIONS]", *arguments])
    return "\n\n".join(
        [f"### {usage}", *paragraphs, "\n".join(["| option | meaning |", "|---|---|", *rows]), ""]
    )


def _names(key: str, kind: Any, info: Any, _default: Any) -> str:
    if isinstance(info, ArgumentInfo):
        return f"`{_argument(key, info)}`"
    # Typer keeps the first name given in an annotation where the default would stand.
    given = [name for name in (info.default, *(info.param_decls or ())) if str(name).startswith("-")]
    names = ", ".join(f"`{name}`" for name in given or ["--" + key.replace("_", "-")])
    flag = kind is bool or bool in get_args(kind)
    return names if flag else f"{names} {_value(kind, info)}"


def _argument(key: str, info: Any) -> str:
    return str(info.metavar or f"[{key.upper()}]")


def _value(kind: Any, info: Any) -> str:
    if info.metavar:
        return str(info.metavar).replace("|", "\\|")
    kinds = (
        [part for part in get_args(kind) if part is not type(None)] if isinstance(kind, UnionType) else [kind]
    )
    kind = get_args(kinds[0])[0] if get_args(kinds[0]) else kinds[0]
    return "\\|".join(kind) if issubclass(kind, StrEnum) else VALUES[kind]


def _describe(info: Any, default: Any) -> str:
    text = (info.help or "").replace("|", "\\|")
    shown = default is not None and not isinstance(default, bool) and "[default" not in text
    text += f" [default: {default}]" if shown else ""
    return text + (f" Variable: `{info.envvar}`." if info.envvar else "")


def with_reference(readme: str) -> str:
    """The README with the part between the markers replaced."""
    part = f"{BEGIN}\n\n{command_reference()}\n{END}"
    return re.sub(re.escape(BEGIN) + ".*?" + re.escape(END), lambda _: part, readme, flags=re.DOTALL)


if __name__ == "__main__":
    README.write_text(with_reference(README.read_text(encoding="utf-8")), encoding="utf-8")
