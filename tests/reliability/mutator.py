"""Mutated inputs, guided by coverage: what reaches an arc that none reached before is mutated on."""

import json
import random
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType, TracebackType
from typing import Any
from unittest.mock import patch

import rnncli
from rnncli.errors import RnncliError

PACKAGE = str(Path(rnncli.__file__).parent)
HANG = 10  # seconds of computing for one input, of which thousands take one
LONGEST = 4096  # bytes; longer inputs reach no more and take longer
VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 1, 2, 10**30, 1e308, "", "text", "a\ud800", "0", [], {}, [[]], [0, "a"], {"": 0}),
)


class HangError(BaseException):
    """An input took too long."""


class Arcs:
    """Records the arcs, from line to line, that are taken inside the package."""

    def __init__(self) -> None:
        self.seen: set[tuple[CodeType, int, int]] = set()

    def __enter__(self) -> None:
        sys.settrace(self._called)

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _called(self, frame: FrameType, _event: str, _argument: object) -> Callable[..., Any] | None:
        code, previous = frame.f_code, 0
        if not code.co_filename.startswith(PACKAGE):
            return None

        def line(frame: FrameType, event: str, _argument: object) -> Callable[..., Any]:
            nonlocal previous
            if event == "line":
                self.seen.add((code, previous, frame.f_lineno))
                previous = frame.f_lineno
            return line

        return line


@dataclass(frozen=True)
class Failure:
    """An input that met something else than an error meant for users."""

    content: bytes
    error: str


class Fuzzer:
    """Tries mutations of a growing corpus on one function.

    Attributes:
        corpus: the inputs that are mutated.
        failures: the inputs that failed, the first of each kind.
        tried: how many inputs were tried.
    """

    def __init__(
        self, target: Callable[[bytes], object], seeds: Sequence[bytes], words: Sequence[bytes], seed: str
    ) -> None:
        """Fuzz `target`, starting from `seeds`, putting in `words` now and then."""
        self.corpus = list(seeds)
        self.failures: dict[str, Failure] = {}
        self.tried = 0
        self._target = target
        self._dropped: list[sys.UnraisableHookArgs] = []  # what Python can only print
        self._words = words
        self._draw = random.Random(seed)
        self._arcs = Arcs()

    @property
    def num_arcs(self) -> int:
        """Arcs reached so far."""
        return len(self._arcs.seen)

    def run(self, count: int, *, traced: float = 0.1) -> None:
        """Try `count` inputs, a share of them `traced`, which takes several times as long."""
        with _alarm(), patch.object(sys, "unraisablehook", self._dropped.append):
            for content in self.corpus[:]:
                self._try_traced(content)
            for _ in range(count - self.tried):
                content = self._mutated()
                if self._draw.random() < traced:
                    before = self.num_arcs
                    self._try_traced(content)
                    if self.num_arcs > before:
                        self.corpus.append(content)
                else:
                    self._try(content)

    def _try_traced(self, content: bytes) -> None:
        with self._arcs:
            self._try(content)

    def _try(self, content: bytes) -> None:
        self.tried += 1
        signal.setitimer(signal.ITIMER_PROF, HANG)
        try:
            self._target(content)
        except RnncliError as error:
            if "\n" in str(error):
                self._fail(content, error)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a panic of native code is no Exception
            self._fail(content, error)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            while self._dropped:
                dropped = self._dropped.pop()
                self._fail(content, dropped.exc_value or dropped.exc_type())

    def _fail(self, content: bytes, error: BaseException) -> None:
        where = _innermost(error.__traceback__)
        text = f"{type(error).__name__} at {where}: {str(error)[:200]}"
        self.failures.setdefault(f"{type(error).__name__} at {where}", Failure(content, text))

    def _mutated(self) -> bytes:
        draw = self._draw
        content = draw.choice(self.corpus)
        if draw.random() < 0.3:
            content = _with_other_json(content, draw)
        else:
            for _ in range(1 << draw.randrange(4)):
                content = self._changed(content)
        return content[:LONGEST]

    def _changed(self, content: bytes) -> bytes:
        """One small change at a random place."""
        draw = self._draw
        start = draw.randint(0, len(content))
        end = min(len(content), start + (1 << draw.randrange(6)))
        other = draw.choice(self.corpus)
        cut = draw.randint(0, len(other))
        new = draw.choice(
            (
                b"",
                draw.choice(self._words),
                bytes(byte ^ 1 << draw.randrange(8) for byte in content[start:end]),
                draw.randbytes(end - start),
                content[start:end] * draw.choice((2, 3, 20)),
                other[cut : cut + 64],
            )
        )
        return content[: start or 1] + new + content[end or 1 :]


def _with_other_json(content: bytes, draw: random.Random) -> bytes:
    """`content` with one value of the JSON behind its first byte replaced, doubled or left out."""
    try:
        values = json.loads(content[1:])
    except (ValueError, RecursionError):
        return content + content[1:]
    places = list(_places(values))
    if not places:
        return content[:1] + json.dumps(draw.choice(VALUES)).encode()
    holder, key = draw.choice(places)
    if draw.random() < 0.2:
        del holder[key]
    elif isinstance(holder[key], int | float) and draw.random() < 0.5:
        holder[key] += draw.choice((-1, 1, 0.5, 1e6))
    else:
        holder[key] = draw.choice((*VALUES, draw.choice(places)[0]))
    try:
        return content[:1] + json.dumps(values).encode()
    except (ValueError, RecursionError):  # it holds itself now
        return content


def _places(values: Any) -> Iterator[tuple[Any, Any]]:
    """Every list and object in `values` with each index and key of it."""
    if isinstance(values, dict | list):
        for key in [*values] if isinstance(values, dict) else range(len(values)):
            yield values, key
            yield from _places(values[key])


def _innermost(traceback: TracebackType | None) -> str:
    """File and line where an exception was raised."""
    while traceback and traceback.tb_next:
        traceback = traceback.tb_next
    return f"{traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno}" if traceback else "native code"


@contextmanager
def _alarm() -> Iterator[None]:
    def ring(_number: int, frame: FrameType | None) -> None:
        where = f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame else "native code"
        raise HangError(f"no answer after {HANG} s, at {where}")

    previous = signal.signal(signal.SIGPROF, ring)
    try:
        yield
    finally:
        signal.signal(signal.SIGPROF, previous)
