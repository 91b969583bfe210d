"""Strings of which few are different, such as labels, in little memory."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import overload


class Names(Sequence[str]):
    """Strings in an order; a byte each up to 256 different ones, four beyond that."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        """Hold `values`."""
        self._codes = array("B")
        self._code_of: dict[str, int] = {}
        self._names: list[str] = []
        for value in values:
            self.append(value)

    def append(self, value: str) -> None:
        """Make `value` the last one."""
        code = self._code_of.setdefault(value, len(self._names))
        if code == len(self._names):
            self._names.append(value)
            if code == 256:
                self._codes = array("I", self._codes)
        self._codes.append(code)

    def __len__(self) -> int:
        return len(self._codes)

    @overload
    def __getitem__(self, place: int) -> str: ...

    @overload
    def __getitem__(self, place: slice) -> list[str]: ...

    def __getitem__(self, place: int | slice) -> str | list[str]:
        """The string or strings at `place`."""
        if isinstance(place, slice):
            return [self._names[code] for code in self._codes[place]]
        return self._names[self._codes[place]]

    def __iter__(self) -> Iterator[str]:
        return map(self._names.__getitem__, self._codes)
