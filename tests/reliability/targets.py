"""What is fuzzed: functions that take any bytes, and what must hold of their results."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from itertools import starmap
from pathlib import Path
from tempfile import TemporaryFile
from typing import NamedTuple, get_args

from rnncli.data.reading.lines import Row, read_lines
from rnncli.data.reading.tables import iter_rows
from rnncli.data.reading.text_input import TextRow, input_rows
from rnncli.data.sources import table as table_source
from rnncli.inference.model_folder import DESCRIPTION, PARAMETERS, TOKENIZER, load_classifier, save_model
from rnncli.inference.predictions import Prediction, Predictor
from rnncli.reporting.predictions import header_of, line_of
from rnncli.settings.choices import OutputFormat, TableFormat
from rnncli.settings.model import ModelShape
from rnncli.system.progress import no_report
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


class Target(NamedTuple):
    """A function to fuzz, with inputs to start from and words to put in."""

    name: str
    function: Callable[[bytes], object]
    seeds: Sequence[bytes]
    words: Sequence[bytes]


def targets(folder: Path) -> list[Target]:
    """All targets; the files that they read are written into `folder`."""
    seeds = [bytes([kind]) + seed for kind, seed in enumerate(TABLE_SEEDS)]
    return [
        Target("table readers", read_table, seeds, TABLE_WORDS),
        Target("prepare from a table", source_reader(folder / "table"), seeds, TABLE_WORDS),
        Target("predict --input", input_scorer(folder / "input"), seeds, TABLE_WORDS),
        Target("model loading", *model_loader(folder / "model"), MODEL_WORDS),
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


def source_reader(stem: Path) -> Callable[[bytes], None]:
    """Reads a table as `prepare` does: every row that is not blank becomes an example or is counted."""

    def read(content: bytes) -> None:
        format, encoding, table = chosen(content)
        format = "csv" if format == "text" else format
        path = stem.with_suffix(f".{format}")
        path.write_bytes(table)
        with TemporaryFile(dir=path.parent) as file:
            splits = table_source.read_table(path, file, no_report, encoding=encoding, skip_bad_rows=True)
            examples = splits["train"]
        rows = list(iter_rows(io.BytesIO(table), format, where="here", encoding=encoding))
        assert len(examples.texts) == len(examples.labels or ())
        assert len(examples.texts) + examples.skipped == sum(not row.is_blank for row in rows)

    return read


def input_scorer(path: Path) -> Callable[[bytes], list[bool]]:
    """Scores a file as `predict --input` does and reads its output back; says which rows are errors.

    There is a row of output for each row of input, in order, errors in their places.
    """
    predictor = Predictor(random_model(CONFIG, label_names=("a,b", 'c"', "d")))

    def score(content: bytes) -> list[bool]:
        format, encoding, table = chosen(content)
        path.write_bytes(table)
        rows = list(predict(input_rows(path, format, None, encoding), predictor))
        expected = rows_of(content)[-1]
        assert [row.index for row, _ in rows] == list(range(len(expected)))
        for read, (row, prediction) in zip(expected, rows, strict=True):
            assert (row.text is None) == (prediction is None) == (row.error is not None)
            assert read.error is None or prediction is None, "a row with an error was scored"
            assert prediction is None or row.text in read.values.values()
        bad = [prediction is None for _, prediction in rows]
        for output in get_args(OutputFormat):
            assert errors_in(output, predictor.model.label_names, rows) == bad, f"{output}: rows out of place"
        return bad

    return score


def errors_in(
    output: OutputFormat, labels: Sequence[str], rows: list[tuple[TextRow, Prediction | None]]
) -> list[bool]:
    """Which rows are errors where they are written as `output` and read again, all in order."""
    content = header_of(output, labels) + "".join(starmap(line_of(output, labels), rows))
    text = content.encode("utf-8", "backslashreplace").decode()
    if output == "text":
        return [line.startswith("error\t-\t") for line in text.split("\n")[:-1]]
    if output == "jsonl":
        found = [json.loads(line) for line in text.split("\n")[:-1]]
    else:
        found = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [int(each["index"]) for each in found] == list(range(len(rows)))
    return [bool(each.get("error")) for each in found]


MODEL_WORDS = (
    *(b"null", b"true", b"-1", b"0", b"1e999", b"NaN", b"1" * 30, b"[]", b"{}", b'""', b"[" * 700, b'"F32"'),
    *(b'"gru"', b'"bow"', b'"vocab"', b'"WordLevel"', b'"BPE"', b'"type"', b'"shape":[', b'"data_offsets"'),
)
# What the first byte of an input makes of the rest: a file of the model. All but the first have
# checksums that fit again, as someone who means harm would make them; the fourth is only the header
# of the parameters, its length made to fit.
CHANGED = (DESCRIPTION, DESCRIPTION, TOKENIZER, PARAMETERS, PARAMETERS)


def model_loader(folder: Path) -> tuple[Callable[[bytes], None], list[bytes]]:
    """Loads a model one of whose files is another, which is refused or answers; with inputs to start from."""
    save_model(folder, random_model(CONFIG))
    whole = {path.name: path.read_bytes() for path in folder.iterdir()}
    data_begins = 8 + int.from_bytes(whole[PARAMETERS][:8], "little")
    header, data = whole[PARAMETERS][8:data_begins], whole[PARAMETERS][data_begins:]

    def load(content: bytes) -> None:
        kind, changed = (content[0] if content else 0) % len(CHANGED), content[1:]
        if kind == 3:
            changed = len(changed).to_bytes(8, "little") + changed + data
        for name, before in whole.items():
            (folder / name).write_bytes(changed if name == CHANGED[kind] else before)
        if kind:
            reseal(folder)
        model = load_classifier(folder, verify=True)
        predictions = Predictor(model).predict(["great movie", "", "zzz " * 7])
        assert len(predictions) == 3
        assert all(each.label in model.label_names for each in predictions)

    contents = [header if kind == 3 else whole[name] for kind, name in enumerate(CHANGED)]
    return load, [bytes([kind]) + content for kind, content in enumerate(contents)]
