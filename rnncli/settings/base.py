"""How a setting is declared: once, with its default, help and bounds.

The command line, the environment variables, TOML files, the Python interface and the reference in
``rnncli/cli/README.md`` are all made from these declarations (`declared`).
"""

import dataclasses
import operator
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Literal, NamedTuple, Self, get_args, get_origin, get_type_hints

from rnncli.errors import UsageError

# What may be said of a number: how to compare it, and how to say so.
BOUNDS = {
    "min": (operator.ge, "at least"),
    "max": (operator.le, "at most"),
    "above": (operator.gt, "above"),
    "below": (operator.lt, "below"),
}


class Declared(NamedTuple):
    """A setting as it was declared."""

    name: str  # such as learning_rate, of option --learning-rate and variable RNNCLI_LEARNING_RATE
    path: tuple[str, ...]  # where it stands in nested settings and in the tables of a TOML file
    kind: type
    default: Any
    choices: tuple[str, ...]  # empty where the values that it may have are not listed
    meta: Mapping[str, Any]  # help and bounds, as given to `setting`


def setting(default: Any, help: str, **meta: Any) -> Any:
    """Declare a field of a `Settings` class.

    Args:
        default: its default.
        help: a sentence for the reference.
        meta: any of ``min`` and ``max``, inclusive bounds; ``above`` and ``below``, exclusive ones;
            ``choices``, the values allowed; ``name``, of the option where it is not the field's.
    """
    return dataclasses.field(default=default, metadata={"help": help, **meta})


def require(condition: bool, message: str) -> None:
    """Raise UsageError with `message` unless `condition` holds."""
    if not condition:
        raise UsageError(message)


@dataclass(frozen=True)
class Settings:
    """Base of all settings: frozen, checked when made, perhaps nested, and plain values outside."""

    def __post_init__(self) -> None:
        """Check every value; UsageError where one is out of range or not among its choices."""
        for found in declared(type(self)):
            if len(found.path) == 1:
                _check(found, getattr(self, found.path[0]))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], *, where: str) -> Self:
        """Build from nested mappings, as in a TOML file; `where` names their place in errors.

        Raises:
            UsageError: a key is unknown, or a value has the wrong type or is out of range.
        """
        types = get_type_hints(cls)
        converted = {}
        for key, value in values.items():
            if key not in types:
                raise UsageError(f"{where}: {_unknown(cls, key)}")
            if _is_settings(types[key]):
                require(isinstance(value, Mapping), f"{where}: [{key}] must be a table of settings")
                converted[key] = types[key].from_dict(value, where=f"{where}: [{key}]")
            else:
                converted[key] = _convert(value, types[key], f"{where}: {key}")
        try:
            return cls(**converted)
        except (TypeError, UsageError) as error:
            raise UsageError(f"{where}: {error}") from error

    @classmethod
    def from_options(cls, **options: Any) -> Self:
        """Build from values by the names of their options, such as ``learning_rate=1e-3``; as `from_dict`."""
        return cls.from_dict(as_tables(cls, options), where="settings")

    def to_dict(self) -> dict[str, Any]:
        """The settings as nested dictionaries of plain values."""
        return dataclasses.asdict(self)

    def options(self) -> dict[str, Any]:
        """The settings as plain values by the names of their options."""
        return {found.name: attrgetter(".".join(found.path))(self) for found in declared(type(self))}


def declared(cls: type[Settings]) -> Iterator[Declared]:
    """Every setting of `cls` in the order of declaration, those of nested settings in their place."""
    types = get_type_hints(cls)
    for field in dataclasses.fields(cls):
        kind = types[field.name]
        if _is_settings(kind):
            for inner in declared(kind):
                yield inner._replace(path=(field.name, *inner.path))
            continue
        choices = tuple(field.metadata.get("choices", ()))
        if get_origin(kind) is Literal:
            kind, choices = str, get_args(kind)
        name = field.metadata.get("name", field.name)
        yield Declared(name, (field.name,), kind, field.default, choices, field.metadata)


def as_tables(cls: type[Settings], options: Mapping[str, Any]) -> dict[str, Any]:
    """Values by the names of their options, as the nested dictionaries that `Settings.from_dict` reads.

    Raises:
        UsageError: there is no such option.
    """
    paths = {found.name: found.path for found in declared(cls)}
    values: dict[str, Any] = {}
    for name, value in options.items():
        require(name in paths, f"unknown setting '{name}'; known: {', '.join(paths)}")
        *tables, last = paths[name]
        place = values
        for table in tables:
            place = place.setdefault(table, {})
        place[last] = value
    return values


def merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Nested dictionaries laid over one another: what `over` says counts."""
    result = dict(under)
    for key, value in over.items():
        both = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
        result[key] = merged(result[key], value) if both else value
    return result


def _is_settings(kind: Any) -> bool:
    """Whether `kind` is a class of settings, which are then nested."""
    return isinstance(kind, type) and issubclass(kind, Settings)


def _unknown(cls: type[Settings], key: str) -> str:
    """Why `key` is no setting here: it stands in a table, or nowhere."""
    tables = [found.path[0] for found in declared(cls) if key == found.name and found.path[1:]]
    if tables:
        return f"'{key}' belongs into the table [{tables[0]}]"
    return f"unknown setting '{key}'; known: {', '.join(get_type_hints(cls))}"


def _convert(value: Any, kind: Any, where: str) -> Any:
    """`value` as `kind`, refusing what is not the same thing in another notation."""
    kind = str if get_origin(kind) is Literal else kind
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    fits = isinstance(value, kind) and isinstance(value, bool) == (kind is bool)
    require(fits, f"{where}: {value!r} is not of type {kind.__name__}")
    return value


def _check(found: Declared, value: Any) -> None:
    """Raise UsageError unless `value` is among the choices and within the bounds of its declaration."""
    choices = f"{found.name}: '{value}' is not one of {', '.join(found.choices)}"
    require(not found.choices or value in found.choices, choices)
    for bound, (holds, words) in BOUNDS.items():
        if bound in found.meta:
            limit = found.meta[bound]
            require(holds(value, limit), f"{found.name} must be {words} {limit}")
