"""Tables of results at every width."""

import dataclasses
import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console, RenderableType

from rnncli.evaluation.measures import Evaluation, measure
from rnncli.evaluation.significance import paired_test
from rnncli.reporting.tables import ComparisonView, EvaluationView, duration, size
from rnncli.runs.run import Run
from rnncli.settings.train import TrainSettings
from rnncli.workflows.compare import Comparison, Entry
from tests.evaluation.test_measures import SUBJECT
from tests.evaluation.test_metrics import random_predictions

WIDTHS = (40, 60, 80, 200)


def render(view: RenderableType, width: int) -> list[str]:
    stream = io.StringIO()
    Console(file=stream, width=width, highlight=False).print(view)
    return stream.getvalue().splitlines()


def evaluation(names: list[str], *, tags: bool = True, confused: int = 997) -> Evaluation:
    probabilities, labels = random_predictions(confused, len(names), seed=1)
    tag_names = ["plain", "word order", "distance"]
    indices = np.arange(confused) % 3 if tags else None
    return measure(
        SUBJECT, probabilities, labels, label_names=names, tags=indices, tag_names=tag_names, seconds=0.8412
    )


def cells_of(lines: list[str], start: str) -> list[str]:
    (line,) = (line for line in lines if line.split("  ")[0].strip() == start)
    return line.split()[len(start.split()) :]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("num_classes", [2, 6, 23])
def test_an_evaluation_fits_any_width(width: int, num_classes: int) -> None:
    names = [f"a label with quite a long name, number {number}" for number in range(num_classes)]
    assert max(map(len, render(EvaluationView(evaluation(names)), width))) <= width


@pytest.mark.parametrize("width", [60, 80])
def test_an_evaluation_shows_its_figures(width: int) -> None:
    found = evaluation(["neg", "pos"])
    lines = render(EvaluationView(found), width)
    assert lines[0] == "gru-1 on words, test split: 997 examples in 0.841 s"
    low, high = found.accuracy_interval
    expected = [f"{found.accuracy:.4f}", f"{low:.4f}", "to", f"{high:.4f}", "(95", "%", "interval)"]
    assert cells_of(lines, "accuracy") == expected
    supports = [sum(row) for row in found.confusion]
    common = found.labels[supports.index(max(supports))]
    assert cells_of(lines, "baseline") == [f"{max(supports) / 997:.4f}", "always", "answering", common]
    assert cells_of(lines, "loss")[0] == f"{found.loss:.4f}"
    assert cells_of(lines, "macro F1")[0] == f"{found.macro_f1:.4f}"
    assert cells_of(lines, "ROC AUC")[0] == f"{found.roc_auc:.4f}"
    assert cells_of(lines, "ECE")[0] == f"{found.ece:.4f}"
    assert cells_of(lines, "Brier")[0] == f"{found.brier:.4f}"
    tag = found.tags["word order"]
    assert cells_of(lines, "word order")[:2] == [str(tag.examples), f"{tag.accuracy:.4f}"]


def test_each_class_has_its_scores_and_its_confusions() -> None:
    found = evaluation(["neg", "pos"])
    scores, matrix = [line.split()[1:] for line in render(EvaluationView(found), 80) if line[:4] == "pos "]
    pos = found.per_class["pos"]
    rates = [f"{value:.4f}" for value in (pos.precision, pos.recall, pos.f1)]
    assert scores == [*rates, str(pos.support)]
    assert matrix == [str(count) for count in found.confusion[1]]


def test_bars_follow_accuracy_and_go_where_there_is_no_room() -> None:
    found = evaluation(["neg", "pos"])
    tags = dict(zip(("all", "most", "none"), found.tags.values(), strict=True))
    tags = {
        name: dataclasses.replace(tag, accuracy=share)
        for (name, tag), share in zip(tags.items(), (1.0, 0.76, 0.0), strict=True)
    }
    view = EvaluationView(dataclasses.replace(found, tags=tags))
    bars = [cells_of(render(view, 80), name)[-1] for name in tags]
    assert bars == ["█" * 20, "█" * 15 + "░" * 5, "░" * 20]
    assert "█" not in "".join(render(view, 60))


def test_an_ascii_terminal_gets_ascii() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    Console(file=stream, width=80, highlight=False).print(EvaluationView(evaluation(["neg", "pos"])))
    stream.seek(0)
    assert "###############....." in stream.read()


def test_without_tags_there_is_no_table_of_them() -> None:
    assert not any(
        line.startswith("tag") for line in render(EvaluationView(evaluation(["a", "b"], tags=False)), 80)
    )


def test_an_undefined_area_is_a_dash() -> None:
    assert cells_of(render(EvaluationView(evaluation(["a", "b", "c"])), 80), "ROC AUC")[0] == "-"


def test_a_matrix_too_wide_becomes_the_most_frequent_confusions() -> None:
    found = evaluation([f"class{number:02}" for number in range(23)])
    lines = render(EvaluationView(found), 80)
    start = next(index for index, line in enumerate(lines) if line.startswith("Most frequent confusions"))
    rows = [line.split() for line in lines[start + 3 : start + 13]]
    shown = [(int(label[5:]), int(guess[5:]), int(count)) for label, guess, count, _ in rows]
    counts = np.array(found.confusion)
    np.fill_diagonal(counts, 0)
    assert [count for _, _, count in shown] == sorted(counts.ravel().tolist(), reverse=True)[:10]
    for (label, guess, count), row in zip(shown, rows, strict=True):
        assert counts[label, guess] == count
        assert row[3] == f"{count / sum(found.confusion[label]):.1%}"
    assert not any(line.startswith("Most frequent") for line in render(EvaluationView(found), 300))


def test_names_from_elsewhere_are_no_markup() -> None:
    text = "\n".join(render(EvaluationView(evaluation(["[red]a", "b\x1b[31m\rc"])), 80))
    assert text.count("[red]a") == 4  # the baseline, its scores, its row and its column
    assert "\x1b" not in text
    assert "\r" not in text
    assert "b [31m c" in text


def test_wide_characters_take_two_columns() -> None:
    lines = render(EvaluationView(evaluation(["映画の評判", "b"])), 80)
    rule = next(index for index, line in enumerate(lines) if set(line) == {"─"})
    first, second = lines[rule + 1], lines[rule + 2]
    assert len(second) - len(first) == 5


def entry(folder: Path, name: str, *, known: bool = True, **settings: object) -> Entry:
    run = Run(folder / name)
    run.path.mkdir()
    config = TrainSettings.from_options(**settings)
    run.begin(config, dataset="words", fingerprint="f" * 64)
    return Entry(
        run=run,
        settings={"dataset": "words", **config.options()},
        parameters=1_357_441,
        train_seconds=754,
        model_bytes=5_412_345,
        val_accuracy=0.9123,
        val_loss=0.2345,
        evaluation=evaluation(["neg", "pos"]) if known else None,
    )


def comparison(*entries: Entry) -> Comparison:
    settings = [one.settings for one in entries]
    differing = [name for name in settings[0] if any(other[name] != settings[0][name] for other in settings)]
    return Comparison("test", differing, list(entries))


@pytest.fixture
def several(tmp_path: Path) -> Comparison:
    first = entry(tmp_path, "bilstm-1")
    second = entry(tmp_path, "gru-" + "very-" * 12 + "long", arch="gru", learning_rate=0.01, hidden_size=32)
    third = entry(tmp_path, "fresh", known=False, num_layers=2, pooling="max", early_stopping=3)
    random = np.random.default_rng(3)
    test = paired_test(random.random(499) < 0.7, random.random(499) < 0.9)
    second = dataclasses.replace(second, against_best=test, adjusted_p=2e-4)
    return comparison(first, second, third)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_comparison_fits_any_width_and_loses_nothing(several: Comparison, width: int) -> None:
    lines = render(ComparisonView(several), width)
    assert max(map(len, lines)) <= width
    words = " ".join(lines).split()
    assert words[:4] == ["words,", "test", "split:", "997"]
    for word in (
        "accuracy",
        "parameters",
        "training",
        "model",
        "arch",
        "pooling",
        "stopping",
        "best",
        "<0.001",
    ):
        assert word in words, word
    for value in ("1,357,441", "bilstm", "gru", "0.01", "max", f"{several.entries[0].accuracy:.4f}"):
        assert value in words, value
    assert "12 min 34 s" in " ".join(words)
    assert "5.4 MB" in " ".join(words)


def test_a_run_of_a_comparison(several: Comparison) -> None:
    lines = render(ComparisonView(several), 300)
    by_run = {line.split()[0]: line.split()[1:] for line in lines if line.strip()}
    best, fresh = by_run["bilstm-1"], by_run["fresh"]
    low, high = several.entries[0].evaluation.accuracy_interval
    assert best[:6] == [f"{several.entries[0].accuracy:.4f}", f"{low:.4f}", "to", f"{high:.4f}", "best", "-"]
    assert best[6] == f"{several.entries[0].loss:.4f}"
    assert fresh[:5] == ["-"] * 5
    other = by_run[several.entries[1].run.name]
    assert other[4] == f"{several.entries[1].against_best.difference:+.4f}"
    assert other[5] == "<0.001"
    heads = next(line for line in lines if line.startswith("run "))
    # The first words of "hidden size", "learning rate" and others stand in the line above.
    assert heads.split()[-6:] == ["arch", "size", "layers", "pooling", "rate", "stopping"]


def test_one_run_has_no_test_and_no_settings(tmp_path: Path) -> None:
    lines = render(ComparisonView(comparison(entry(tmp_path, "alone"))), 80)
    text = "\n".join(lines)
    assert "vs best" not in text
    assert "McNemar" not in text
    heads = ["run", "accuracy", "95", "%", "interval", "loss", "parameters", "training", "model"]
    assert lines[2].split() == heads
    assert len(lines) == 5


def test_without_evaluations_training_figures_stand_in(tmp_path: Path) -> None:
    lines = render(ComparisonView(comparison(entry(tmp_path, "fresh", known=False))), 80)
    assert lines[0] == "Validation figures of training on words"
    assert cells_of(lines, "fresh")[:2] == ["0.9123", "0.2345"]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.0123, "0.0123 s"),
        (12.345, "12.3 s"),
        (59.94, "59.9 s"),
        (60, "1 min 00 s"),
        (3599.4, "59 min 59 s"),
        (3600, "1 h 00 min"),
        (90_061, "25 h 01 min"),
    ],
)
def test_duration(seconds: float, expected: str) -> None:
    assert duration(seconds) == expected


@pytest.mark.parametrize(
    ("num_bytes", "expected"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (5_412_345, "5.4 MB"), (2_000_000_000, "2.0 GB")],
)
def test_size(num_bytes: int, expected: str) -> None:
    assert size(num_bytes) == expected
