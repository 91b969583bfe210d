"""The command reference, rnncli/cli/README.md, generated from what the commands declare.

``python -m tests.readme`` writes it; a test compares.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import typer

from rnncli.cli.app import app

REFERENCE = Path(__file__).parents[1] / "rnncli" / "cli" / "README.md"
KINDS = {"int": "N", "float": "X", "str": "TEXT", "text": "TEXT"}  # by how a type's name begins
COMMON = "Common"  # the section of the help with the options of every command
BEGIN, END = "<!-- python -m tests.readme writes from here -->", "<!-- to here -->"


def with_reference(page: str) -> str:
    """The page with the part between the markers written anew."""
    before, after = page.split(BEGIN)[0], page.split(END)[1]
    return f"{before}{BEGIN}\n\n{reference()}\n\n{END}{after}"


def reference() -> str:
    """A section for each command, and one for the options that all have."""
    group: Any = typer.main.get_command(app)
    common = {p.name: p for command in group.commands.values() for p in command.params if is_common(p)}
    every = "\n".join(["## Every command", "", *table(common.values())])
    return "\n\n".join([*map(section, group.commands.values()), every])


def is_common(parameter: Any) -> bool:
    """Whether every command has this option."""
    return getattr(parameter, "rich_help_panel", None) == COMMON


def section(command: Any) -> str:
    """What a command does, and a table of its arguments and options."""
    arguments = [name_of(p) for p in command.params if p.param_type_name == "argument"]
    paragraphs = [" ".join(part.split()) for part in command.help.split("\n\n")]
    rows = table(p for p in command.params if not is_common(p) and not getattr(p, "hidden", False))
    heading = " ".join(["## rnncli", command.name, "[OPTIONS]", *arguments])
    return "\n\n".join([heading, *paragraphs, "\n".join(rows)])


def table(parameters: Iterable[Any]) -> list[str]:
    """The lines of a Markdown table of parameters."""
    rows = [f"| {names(parameter)} | {meaning(parameter)} |" for parameter in parameters]
    return ["| option | meaning |", "|---|---|", *rows]


def names(parameter: Any) -> str:
    """An argument's name, or an option's names and the kind of its value."""
    if parameter.param_type_name == "argument":
        return f"`{name_of(parameter)}`"
    given = ", ".join(f"`{name}`" for name in parameter.opts)
    return given if parameter.is_flag else f"{given} {kind(parameter)}"


def name_of(argument: Any) -> str:
    """An argument as a usage line shows it."""
    name = argument.metavar or argument.name.upper()
    return f"[{name}{'...' if argument.nargs < 0 else ''}]"


def kind(option: Any) -> str:
    """What an option takes, as its help shows it."""
    choices = "|".join(getattr(option.type, "choices", ()))
    simple = next((value for name, value in KINDS.items() if option.type.name.startswith(name)), "PATH")
    return str(option.metavar or choices or simple).replace("|", "\\|")


def meaning(parameter: Any) -> str:
    """The help, the default and the variable."""
    text, default = parameter.help.replace("|", "\\|"), parameter.default
    if isinstance(parameter.show_default, str):
        default = parameter.show_default
    if default is not None and default is not False and parameter.show_default and "[default" not in text:
        text += f" [default: {default}]"
    return text + (f" Variable: `{parameter.envvar}`." if parameter.envvar else "")


if __name__ == "__main__":
    REFERENCE.write_text(with_reference(REFERENCE.read_text(encoding="utf-8")), encoding="utf-8")
