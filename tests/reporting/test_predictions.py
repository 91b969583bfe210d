"""Lines of predictions: their width on a terminal, what they let through, and the remarks."""

import csv
import io
import json
import unicodedata
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from rnncli.data.reading.text_input import TextRow
from rnncli.inference.predictions import Prediction
from rnncli.reporting.formatting import text_width
from rnncli.reporting.predictions import Summary, header_of, line_of, remarks
from rnncli.settings.choices import OutputFormat
from rnncli.settings.model import ModelShape
from tests.factories import random_model

NAMES = ("neg", "positive")
PREDICTION = Prediction("neg", {"neg": 0.97354, "positive": 0.02646}, tokens=2, unknown=1, truncated=False)


def line(format: OutputFormat, text: str, width: int | None = None) -> str:
    return line_of(format, NAMES, width)(TextRow(3, text), PREDICTION)


def test_tabs_separate_whole_texts() -> None:
    assert line("text", "great " * 99) == "neg\t0.9735\t" + "great " * 99 + "\n"


def test_columns_line_up_on_a_terminal() -> None:
    line = line_of("text", NAMES, 40)
    assert line(TextRow(0, "great"), PREDICTION) == "neg       0.9735  great\n"
    assert line(TextRow(1, None, "line 2: bad"), None) == "error     -       line 2: bad\n"


@given(st.text(), st.integers(20, 60), st.sampled_from(NAMES) | st.text(min_size=9))
def test_any_text_is_one_line_that_fits(text: str, width: int, name: str) -> None:
    prediction = replace(PREDICTION, label=name, probabilities={name: 0.5})
    shown = line_of("text", ["neg", name], width)(TextRow(3, text), prediction)
    assert shown.splitlines(keepends=True) == [shown]
    assert text_width(shown.removesuffix("\n")) <= width
    assert not any(unicodedata.category(character) == "Cc" for character in shown[:-1])


@given(st.text())
def test_any_text_comes_back_from_json_and_csv(text: str) -> None:
    row = json.loads(line("jsonl", text))
    assert (row["index"], row["text"], row["label"]) == (3, text, "neg")
    assert line("jsonl", text).count("\n") == 1
    content = header_of("csv", NAMES) + line("csv", text)
    (cells,) = csv.DictReader(io.StringIO(content, newline=""))
    assert (cells["text"], cells["probability_positive"], cells["truncated"]) == (text, "0.02646", "false")
    assert (cells["tokens"], cells["unknown"], cells["error"]) == ("2", "1", "")
    assert None not in cells.values()


def test_a_row_without_a_text_is_a_row_of_csv() -> None:
    content = header_of("csv", NAMES) + line_of("csv", NAMES)(TextRow(3, None, "line 5: not JSON"), None)
    (cells,) = csv.DictReader(io.StringIO(content, newline=""))
    assert {name for name, cell in cells.items() if cell} == {"index", "error"}
    assert (cells["index"], cells["error"]) == ("3", "line 5: not JSON")


def test_what_has_no_label_says_so_in_every_format() -> None:
    abstained = replace(PREDICTION, label=None)
    json_row, csv_row, tabbed, shown = (
        line_of(format, NAMES, width)(TextRow(3, "x"), abstained)
        for format, width in (("jsonl", None), ("csv", None), ("text", None), ("text", 40))
    )
    row = json.loads(json_row)
    assert (row["label"], row["abstained"], row["probability"]) == (None, True, 0.97354)
    assert json.loads(line("jsonl", "x"))["abstained"] is False
    assert csv_row == "3,x,,0.97354,0.97354,0.02646,2,1,false,\n"
    assert (tabbed, shown) == ("-\t0.9735\tx\n", "-         0.9735  x\n")
    model, summary = random_model(ModelShape("bow", vocab_size=7, num_classes=2)), Summary()
    summary.add([(TextRow(3, "x"), abstained), (TextRow(4, "x"), replace(PREDICTION, unknown=0))])
    assert "1 of 2 texts have no label: the model is not sure enough" in list(remarks(summary, model))


def test_remarks_name_what_the_rows_show_one_by_one() -> None:
    config = ModelShape("rnn", vocab_size=7, num_classes=2, embedding_size=2, hidden_size=2)
    model = random_model(config, max_length=5, keep="start")
    summary = Summary()
    assert list(remarks(summary, model)) == ["the input has no rows"]
    known = Prediction("neg", {}, tokens=2, unknown=0, truncated=False)
    summary.add([(TextRow(0, "x"), known)])
    assert list(remarks(summary, model)) == []
    unknown = Prediction("neg", {}, tokens=6, unknown=6, truncated=True)
    empty = Prediction("neg", {}, tokens=0, unknown=0, truncated=False)
    errors = [(TextRow(3, None, "line 4: bad"), None), (TextRow(4, None, "line 5: worse"), None)]
    summary.add([(TextRow(1, "x"), unknown), (TextRow(2, "x"), empty), *errors])
    assert list(remarks(summary, model)) == [
        "1 of 3 texts are longer than 5 tokens; their end is not read",
        "6 of 8 tokens are not in the vocabulary (75.0%)",
        "texts without any known word: 1 of 3",
    ]
    assert (summary.rows, summary.errors, summary.first_error) == (5, 2, "line 4: bad")
