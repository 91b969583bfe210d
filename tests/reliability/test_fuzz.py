"""Inputs of any kind, generated and mutated; ``python -m tests.reliability`` tries a million."""

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnncli.errors import DataError, RunError
from tests.reliability.fuzz import unexplained
from tests.reliability.targets import Target, input_scorer, read_table, targets

# Of each format: rows with a text, then rows without one that anyone can read.
GOOD = {
    0: ('a,"b"\n', '"a, ""b""\n c",d\n', ",\n", '" ",\r\n', "\u2028,ü\n"),
    1: ("a\tb\n", '"a\t\tb"\tc\n', "\t\n", 'a"b\tc\r\n', "\u2028\tü\n"),
    2: ('{"text": "a"}\n', '{"label": 1, "text": "\\n"}\n', '{"text": null}\r\n', '{"text": "\u2028"}\n'),
    3: ("a\n", '"b\n', "\n", "\r\n", "{}\n", "\u2028\x0b\x85\n"),
}
NOT_JSON = ("{\n", "\n", "[]\n", '{"text": []}\n', '{"label": "a"}\n', '{"text": "\\ud800"}\n', "\xff\n")
BAD = {
    0: ("a\n", "a,b,c\n", '"a"b,c\n', "a\0,b\n", "a,\xff\n"),
    1: ("a\n", '"a"\tb\tc\n', "a\0\tb\n", "\xff\tb\n"),
    2: (*NOT_JSON, "[" * 5000 + "\n"),
    3: ("a\0\n", "\xff\n"),
}
HEADERS = {0: b"text,label\n", 1: b"text\tlabel\n", 2: b"", 3: b""}
ENTRIES = ("format_version", "config", "label_names", "max_length", "keep", "dataset", "golden")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(), values, max_size=3),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


@pytest.fixture(scope="module")
def every_target(folder: Path) -> list[Target]:
    return targets(folder)


@pytest.fixture(scope="module")
def model_loading(every_target: list[Target]) -> Target:
    return every_target[-1]


@given(kind=st.sampled_from([*GOOD]), data=st.data())
def test_every_row_has_its_place(folder: Path, kind: int, data: st.DataObject) -> None:
    rows = [(row, False) for row in GOOD[kind]] + [(row, True) for row in BAD[kind]]
    drawn = data.draw(st.lists(st.sampled_from(rows), max_size=30))
    lines = b"".join(row.encode("latin-1" if "\xff" in row else "utf-8") for row, _ in drawn)
    assert input_scorer(folder / "rows")(bytes([kind]) + HEADERS[kind] + lines) == [bad for _, bad in drawn]


@given(st.integers(0, 255), st.binary())
def test_any_bytes_are_rows_or_a_data_error(folder: Path, kind: int, content: bytes) -> None:
    for target in (read_table, input_scorer(folder / "bytes")):
        with suppress(DataError):
            target(bytes([kind]) + content)


@given(name=st.sampled_from(ENTRIES), value=JSON)
def test_any_value_in_a_description_is_a_model_or_a_run_error(
    model_loading: Target, name: str, value: object
) -> None:
    description = json.loads(model_loading.seeds[1][1:]) | {name: value}
    with suppress(RunError):
        model_loading.function(b"\1" + json.dumps(description).encode())


@given(data=st.data(), number=st.integers(0, 3))
def test_mutations_find_nothing(every_target: list[Target], number: int, data: st.DataObject) -> None:
    target = every_target[number]
    content = data.draw(st.sampled_from(target.seeds))
    for _ in range(data.draw(st.integers(0, 4))):
        start = data.draw(st.integers(0, len(content)))
        stop = start + data.draw(st.integers(0, 9))
        content = content[:start] + data.draw(st.sampled_from(target.words)) + content[stop:]
    assert unexplained(target.function, content) is None


def test_nesting_at_the_interpreter_s_limit_is_damage(model_loading: Target) -> None:
    for depth in range(900, 1010):
        nested = b"[" * depth + b"]" * depth
        with pytest.raises(RunError):
            model_loading.function(b"\1" + model_loading.seeds[1][1:].replace(b'"end"', nested))
        read_table(b'\2{"text": ' + nested + b"}\n")


def test_what_python_can_only_print_is_a_failure() -> None:
    class Loud:
        def __del__(self) -> None:
            raise ValueError("dropped")

    assert isinstance(unexplained(lambda _: Loud() and None, b"a"), ValueError)
