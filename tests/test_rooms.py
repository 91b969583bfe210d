"""Imports go one way through the rooms of the package, and only some rooms may load JAX."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "rnncli"

# Each room may import itself and the rooms of the levels below its own, never one beside or above it.
LEVELS = (
    ("cli",),
    ("workflows",),
    ("reporting",),
    ("diagnostics", "training"),
    ("evaluation", "inference"),
    ("models", "data"),
    ("runs", "text"),
    ("settings", "system"),
    ("errors",),
)
WITHOUT_JAX = ("data", "text", "settings", "runs", "evaluation", "errors")
LEVEL_OF = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}
MODULES = sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    """The room that a module stands in; ``errors`` for the module of that name."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    """The full names that a module imports anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: a relative import"
            yield from (f"{node.module}.{name.name}" for name in node.names)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down_the_rooms(path: Path) -> None:
    room = room_of(path)
    if room in ("__init__", "__main__"):  # the doors of the house
        return
    for name in imports(path):
        package, _, rest = name.partition(".")
        if package == "rnncli":
            other = rest.partition(".")[0]
            if other == "__version__":
                continue
            assert other == room or LEVEL_OF[other] > LEVEL_OF[room], f"{room} may not import {name}"
        elif room in WITHOUT_JAX:
            assert package not in ("jax", "flax", "optax"), f"{room} may not import {name}"


def test_every_room_has_its_level_and_says_what_it_is_for() -> None:
    rooms = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()}
    assert rooms <= LEVEL_OF.keys()
    for room in rooms:
        assert ast.get_docstring(ast.parse((PACKAGE / room / "__init__.py").read_text(encoding="utf-8")))
    loose = {path.name for path in PACKAGE.glob("*.py")}
    assert loose == {"__init__.py", "__main__.py", "errors.py"}
