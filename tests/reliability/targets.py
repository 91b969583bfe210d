"""What is fuzzed: functions that take any bytes, and what must hold of their results."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import starmap
from pathlib import Path
from tempfile import TemporaryFile
from typing import get_args

from rnncli.data.examples import no_report
from rnncli.data.reading.lines import Row, read_lines
from rnncli.data.reading.tables import iter_rows
from rnncli.data.reading.text_input import TextRow, input_rows
from rnncli.data.sources import table as table_source
from rnncli.inference.model_folder import DESCRIPTION, TOKENIZER, WEIGHTS, load_model, save_model
from rnncli.inference.predictions import Prediction, Predictor
from rnncli.reporting.predictions import header_of, line_of
from rnncli.settings.choices import OutputFormat, TableFormat
from rnncli.settings.model import ModelShape
from rnncli.workflows.predict import predict
from tests.factories import random_model, reseal

FORMATS = ("csv", "tsv", "jsonl", "text")
ENCODINGS = ("utf-8", "utf-8", "utf-8", "latin-1", "cp1252", "utf-16", "utf-16-le", "utf-7", "gb18030", "no")
CONFIG = ModelShape("bigru", vocab_size=29, num_classes=3, embedding_size=3, hidden_size=2)

TABLE_SEEDS = (
    b'text,label\ngood film,pos\n"a, ""b""\n c",neg\n',
    b'text\tlabel\ngood film\tpos\n"a\tb"\tneg\n\n',
    b'{"text": "good", "label": 1}\n{"text": null, "label": [1.0, {"a": true}]}\n\n"text"\n',
    b"good film\r\n\nno \xff film\nthe end",
    "text;label\n“gut”;1\nschlecht, aber;2\n".encode(),
    "text,label\nça va,1\n".encode("utf-16"),
)
TABLE_WORDS = (
    *(b'"', b'""', b",", b";", b"\t", b"\n", b"\r", b"\r\n", b"\0", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe"),
    *(b"{", b"}", b"[", b"]", b":", b'{"text": "a"}', b"\\ud800", b"\\u0000", b"1e400", b"NaN", b"-Infinity"),
    *(b"[" * 600, b'{"a":' * 600, b"text", b"label", b"Review", b" ", "\u2028".encode(), "\u0130".encode()),
    *("e\u0301".encode(), "\U0001f600".encode(), b"<br />", b"'n't", b"\xed\xa0\x80", b"text,label\n"),
)


@dataclass(frozen=True)
class Target:
    """A function to fuzz, with inputs to start from and words to put in."""

    name: str
    function: Callable[[bytes], object]
    seeds: Sequence[bytes]
    words: Sequence[bytes]


def targets(folder: Path) -> list[Target]:
    """All targets; the files that they read are written into `folder`."""
    model = random_model(CONFIG)
    save_model(folder / "model", model)
    seeds = [bytes([kind]) + seed for kind, seed in enumerate(TABLE_SEEDS)]
    fuzzed_model = FuzzedModel(folder / "model")
    return [
        Target("table readers", read_table, seeds, TABLE_WORDS),
        Target("prepare from a table", SourceReader(folder / "table"), seeds, TABLE_WORDS),
        Target("predict --input", FuzzedInput(folder / "input"), seeds, TABLE_WORDS),
        Target("model loading", fuzzed_model, fuzzed_model.seeds, MODEL_WORDS),
    ]


def chosen(content: bytes) -> tuple[TableFormat, str, bytes]:
    """Format and encoding by the first byte, and the bytes behind it."""
    number = content[0] if content else 0
    number = {4: 0, 5: 4 * 5}.get(number, number)  # the seeds beyond the formats are CSV, one of them UTF-16
    return FORMATS[number % 4], ENCODINGS[number // 4 % len(ENCODINGS)], content[1:]


def rows_of(content: bytes) -> tuple[TableFormat, str, bytes, list[Row]]:
    """The rows of a table as the readers see them."""
    format, encoding, table = chosen(content)
    rows = list(iter_rows(io.BytesIO(table), format, where="here", encoding=encoding))
    return format, encoding, table, rows


def read_table(content: bytes) -> None:
    """Rows come in order, each with values, an error or nothing; lines of text and JSON are rows."""
    format, encoding, table, rows = rows_of(content)
    numbers = [row.line for row in rows]
    assert numbers == sorted(set(numbers)), "lines out of order"
    assert all(not (row.values and row.error) for row in rows), "a row with an error and values"
    for row in rows:
        for cell in (*row.values, *row.values.values()):
            assert isinstance(cell, str)
            cell.encode()
    if format in ("text", "jsonl"):
        count = len(list(read_lines(io.BytesIO(table), where="here", encoding=encoding)))
        assert len(rows) == count
        if encoding in ("utf-8", "latin-1", "cp1252"):
            assert count == table.count(b"\n") + (table[-1:] not in (b"\n", b""))


class SourceReader:
    """Reads a table as `prepare` does, leaving bad rows out."""

    def __init__(self, stem: Path) -> None:
        self._stem = stem

    def __call__(self, content: bytes) -> None:
        """Every row that is not blank becomes an example or is counted."""
        format, encoding, table = chosen(content)
        path = self._stem.with_suffix(".csv" if format == "text" else f".{format}")
        path.write_bytes(table)
        with TemporaryFile(dir=path.parent) as file:
            splits = table_source.read_table(path, file, no_report, encoding=encoding, skip_bad_rows=True)
            examples = splits["train"]
        with path.open("rb") as stream:
            format = "csv" if format == "text" else format
            rows = list(iter_rows(stream, format, where="here", encoding=encoding))
        assert len(examples.texts) == len(examples.labels or ())
        assert len(examples.texts) + examples.skipped == sum(not row.is_blank for row in rows)


class FuzzedInput:
    """Scores a file as `predict --input` does, and reads its own output back."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._model = random_model(CONFIG, label_names=("a,b", 'c"', "d"))

    def __call__(self, content: bytes) -> list[bool]:
        """There is a row of output for each row of input, in order, errors in their places.

        Returns:
            Which rows are errors.
        """
        format, encoding, table = chosen(content)
        self._path.write_bytes(table)
        rows = list(predict(input_rows(self._path, format, None, encoding), Predictor(self._model)))
        expected = rows_of(content)[-1]
        assert [row.index for row, _ in rows] == list(range(len(expected)))
        for read, (row, prediction) in zip(expected, rows, strict=True):
            assert (row.text is None) == (prediction is None) == (row.error is not None)
            assert read.error is None or prediction is None, "a row with an error was scored"
            assert prediction is None or row.text in read.values.values()
        for output in get_args(OutputFormat):
            self._require_aligned(output, rows)
        return [prediction is None for _, prediction in rows]

    def _require_aligned(self, output: OutputFormat, rows: list[tuple[TextRow, Prediction | None]]) -> None:
        labels = self._model.label_names
        content = header_of(output, labels) + "".join(starmap(line_of(output, labels), rows))
        text = content.encode("utf-8", "backslashreplace").decode()
        if output == "jsonl":
            found = [json.loads(line) for line in text.split("\n")[:-1]]
            errors = ["error" in each for each in found]
            assert [each["index"] for each in found] == list(range(len(rows)))
        elif output == "csv":
            cells = list(csv.DictReader(io.StringIO(text, newline="")))
            errors = [bool(each["error"]) for each in cells]
            assert [each["index"] for each in cells] == [str(index) for index in range(len(rows))]
        else:
            errors = [line.startswith("error\t-\t") for line in text.split("\n")[:-1]]
        assert errors == [prediction is None for _, prediction in rows], f"{output}: rows out of place"


MODEL_WORDS = (
    *(b"null", b"true", b"-1", b"0", b"1e999", b"NaN", b"1" * 30, b"[]", b"{}", b'""', b"[" * 700, b'"F32"'),
    *(b'"gru"', b'"bow"', b'"vocab"', b'"WordLevel"', b'"BPE"', b'"type"', b'"shape":[', b'"data_offsets"'),
)


class FuzzedModel:
    """Loads a model one of whose files is another.

    The first byte of an input says which, and whether all checksums are made to fit again, as
    someone who means harm would.
    """

    KINDS = (DESCRIPTION, DESCRIPTION, TOKENIZER, WEIGHTS, WEIGHTS)

    def __init__(self, folder: Path) -> None:
        """Fuzz the model in `folder`."""
        self._folder = folder
        self._whole = {path.name: path.read_bytes() for path in folder.iterdir()}
        header_size = int.from_bytes(self._whole[WEIGHTS][:8], "little")
        self._data = self._whole[WEIGHTS][8 + header_size :]
        contents = [self._whole[name] for name in self.KINDS]
        contents[3] = self._whole[WEIGHTS][8 : 8 + header_size]
        self.seeds = [bytes([kind]) + content for kind, content in enumerate(contents)]

    def __call__(self, content: bytes) -> None:
        """The model is refused, or it answers."""
        kind, changed = (content[0] if content else 0) % len(self.KINDS), content[1:]
        if kind == 3:  # only the header of the weights, its length made to fit
            changed = len(changed).to_bytes(8, "little") + changed + self._data
        files = {**self._whole, self.KINDS[kind]: changed}
        for name, whole in files.items():
            (self._folder / name).write_bytes(whole)
        if kind:
            reseal(self._folder)
        model = load_model(self._folder, verify=True)
        predictions = Predictor(model).predict(["great movie", "", "zzz " * 7])
        assert len(predictions) == 3
        assert all(each.label in model.label_names for each in predictions)
