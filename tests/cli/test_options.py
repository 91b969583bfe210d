"""Options made from the declarations of settings."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.testing import CliRunner

from rnncli.cli.app import Command
from rnncli.cli.options import with_settings
from rnncli.settings.base import Settings, setting


@dataclass(frozen=True)
class Oven(Settings):
    degrees: int = setting(180, "Heat, in degrees.", min=50, max=250)
    rate: float = setting(1e-3, "Degrees a second.", name="heating_rate")


@dataclass(frozen=True)
class Cake(Settings):
    kind: Literal["sponge", "cheese"] = setting("sponge", "Which cake.")
    oven: Oven = field(default_factory=Oven)


def bake(*arguments: str, **env: str) -> tuple[int, str, list[Any]]:
    """Exit code, output, and the settings and other values that the command was given."""
    seen: list[Any] = []
    app = typer.Typer(rich_markup_mode=None)

    @app.command(cls=Command)
    @with_settings(Cake, {"": "Cake", "oven": "Oven"})
    def command(
        name: str, *, given: dict[str, Any], plate: Annotated[Path, typer.Option()] = Path("plate")
    ) -> None:
        """Bake it."""
        seen.extend([name, given, plate])

    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "120", "NO_COLOR": "1", **env})
    return result.exit_code, result.output, seen


def test_only_what_was_given_arrives_by_name() -> None:
    assert bake("tart") == (0, "", ["tart", {}, Path("plate")])
    code, _, seen = bake(
        "tart", "--degrees", "50", "--kind", "cheese", "--plate", "x", RNNCLI_HEATING_RATE="7"
    )
    assert (code, seen) == (0, ["tart", {"kind": "cheese", "degrees": 50, "heating_rate": 7.0}, Path("x")])
    assert bake("tart", "--degrees", "61", RNNCLI_DEGREES="67")[2][1] == {"degrees": 61}


def test_bounds_and_choices_are_those_declared() -> None:
    for arguments in (("--degrees", "49"), ("--degrees", "251"), ("--kind", "plum"), ("--heating-rate", "x")):
        assert bake("tart", *arguments)[0] == 2


def test_help_tells_defaults_and_sections() -> None:
    _, text, _ = bake("--help")
    for words in ("Bake it.", "Heat, in degrees. [default: 180]", "[default: 0.001]", "sponge", "Oven"):
        assert words in text
