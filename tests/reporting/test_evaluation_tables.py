"""Tables of an evaluation at every width."""

import dataclasses
import io
from functools import partial

import numpy as np
import pytest
from rich.console import Console

from rnncli.evaluation.measures import Evaluation, measure
from rnncli.reporting.evaluation_tables import evaluation_tables
from tests.evaluation.test_measures import SUBJECT
from tests.evaluation.test_metrics import random_predictions
from tests.reporting.rendering import WIDTHS, cells_of, render


def evaluation(names: list[str], *, tags: bool = True, confused: int = 997) -> Evaluation:
    probabilities, labels = random_predictions(confused, len(names), seed=1)
    of_each = np.array(["plain", "word order", "distance"])[np.arange(confused) % 3] if tags else None
    return measure(SUBJECT, probabilities, labels, label_names=names, tags=of_each, seconds=0.8412)


def shown(found: Evaluation, width: int) -> list[str]:
    return render(partial(evaluation_tables, found), width)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("num_classes", [2, 6, 23])
def test_an_evaluation_fits_any_width(width: int, num_classes: int) -> None:
    names = [f"a label with quite a long name, number {number}" for number in range(num_classes)]
    assert max(map(len, shown(evaluation(names), width))) <= width


@pytest.mark.parametrize("width", [60, 80])
def test_an_evaluation_shows_its_figures(width: int) -> None:
    found = evaluation(["neg", "pos"])
    lines = shown(found, width)
    assert lines[0] == "gru-1 on words, test split: 997 examples in 0.841 s"
    low, high = found.accuracy_interval
    expected = [f"{found.accuracy:.4f}", f"{low:.4f}", "to", f"{high:.4f}", "(95", "%", "interval)"]
    assert cells_of(lines, "accuracy") == expected
    supports = [sum(row) for row in found.confusion]
    common = found.labels[supports.index(max(supports))]
    assert cells_of(lines, "baseline") == [f"{max(supports) / 997:.4f}", "always", "answering", common]
    values = (found.loss, found.macro_f1, found.roc_auc, found.ece, found.brier)
    for name, value in zip(("loss", "macro F1", "ROC AUC", "ECE", "Brier"), values, strict=True):
        assert cells_of(lines, name)[0] == f"{value:.4f}"
    tag = found.tags["word order"]
    assert cells_of(lines, "word order")[:2] == [str(tag.examples), f"{tag.accuracy:.4f}"]


def test_each_class_has_its_scores_and_its_confusions() -> None:
    found = evaluation(["neg", "pos"])
    scores, matrix = [line.split()[1:] for line in shown(found, 80) if line[:4] == "pos "]
    pos = found.per_class["pos"]
    rates = [f"{value:.4f}" for value in (pos.precision, pos.recall, pos.f1)]
    assert scores == [*rates, str(pos.support)]
    assert matrix == [str(count) for count in found.confusion[1]]


def test_bars_follow_accuracy_and_go_where_there_is_no_room() -> None:
    found = evaluation(["neg", "pos"])
    shares = {"all": 1.0, "most": 0.76, "none": 0.0}
    of_each = zip(shares.items(), found.tags.values(), strict=True)
    tags = {name: dataclasses.replace(tag, accuracy=share) for (name, share), tag in of_each}
    found = dataclasses.replace(found, tags=tags)
    bars = [cells_of(shown(found, 80), name)[-1] for name in shares]
    assert bars == ["█" * 20, "█" * 15 + "░" * 5, "░" * 20]
    assert "█" not in "".join(shown(found, 60))


def test_an_ascii_terminal_gets_ascii() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    console = Console(file=stream, width=80, highlight=False)
    console.print(evaluation_tables(evaluation(["neg", "pos"]), console.options))
    stream.seek(0)
    assert "###############....." in stream.read()


def test_what_does_not_apply_is_left_out() -> None:
    lines = shown(evaluation(["a", "b", "c"], tags=False), 80)
    assert not any(line.startswith("tag") for line in lines)
    assert cells_of(lines, "ROC AUC")[0] == "-"


def test_a_matrix_too_wide_becomes_the_most_frequent_confusions() -> None:
    found = evaluation([f"class{number:02}" for number in range(23)])
    lines = shown(found, 80)
    start = next(index for index, line in enumerate(lines) if line.startswith("Most frequent confusions"))
    rows = [line.split() for line in lines[start + 3 : start + 13]]
    listed = [(int(label[5:]), int(guess[5:]), int(count)) for label, guess, count, _ in rows]
    counts = np.array(found.confusion)
    np.fill_diagonal(counts, 0)
    assert [count for _, _, count in listed] == sorted(counts.ravel().tolist(), reverse=True)[:10]
    for (label, guess, count), row in zip(listed, rows, strict=True):
        assert counts[label, guess] == count
        assert row[3] == f"{count / sum(found.confusion[label]):.1%}"
    assert not any(line.startswith("Most frequent") for line in shown(found, 300))


def test_names_from_elsewhere_are_no_markup_and_may_be_wide() -> None:
    lines = shown(evaluation(["[red]a", "b\x1b[31m\rc", "映画の評判"]), 80)
    text = "\n".join(lines)
    assert text.count("[red]a") == 3  # its scores, its row and its column
    assert "\x1b" not in text
    assert "\r" not in text
    assert "b [31m c" in text
    rule = next(index for index, line in enumerate(lines) if set(line) == {"─"})
    assert len(lines[rule + 1]) - len(lines[rule + 3]) == 5
