"""Tables of runs side by side at every width."""

from functools import partial

import pytest

from rnncli.evaluation.comparison import Comparison, Entry
from rnncli.reporting.comparison_tables import comparison_tables
from rnncli.settings.train import TrainSettings
from tests.evaluation import test_comparison as figures
from tests.reporting.rendering import WIDTHS, cells_of, render


def entry(run: str, accuracy: float | None = 0.7, **settings: object) -> Entry:
    options = TrainSettings.from_options(**settings).options()
    return figures.entry(
        run,
        accuracy,
        settings={"dataset": "words", **options},
        parameters=1_357_441,
        train_seconds=754,
        model_bytes=5_412_345,
        val_accuracy=0.9123,
        val_loss=0.2345,
    )


def shown(comparison: Comparison, width: int) -> list[str]:
    return render(partial(comparison_tables, comparison), width)


@pytest.fixture
def several() -> Comparison:
    return figures.compare(
        entry("bilstm-1", 0.9),
        entry("gru-" + "very-" * 12 + "long", arch="gru", learning_rate=0.01, hidden_size=32),
        entry("fresh", None, num_layers=2, pooling="max", early_stopping=3),
    )


@pytest.mark.parametrize("width", WIDTHS)
def test_a_comparison_fits_any_width_and_loses_nothing(several: Comparison, width: int) -> None:
    lines = shown(several, width)
    assert max(map(len, lines)) <= width
    words = " ".join(lines).split()
    assert words[:4] == ["words,", "test", "split:", "499"]
    heads = ["accuracy", "parameters", "training", "model", "arch", "pooling", "stopping"]
    values = ["best", "<0.001", "1,357,441", "bilstm", "gru", "0.01", "max"]
    assert {*heads, *values, f"{several.entries[0].accuracy:.4f}"} <= set(words)
    assert "12 min 34 s" in " ".join(words)
    assert "5.4 MB" in " ".join(words)


def test_a_run_of_a_comparison(several: Comparison) -> None:
    lines = shown(several, 300)
    by_run = {line.split()[0]: line.split()[1:] for line in lines if line.strip()}
    best, fresh = by_run["bilstm-1"], by_run["fresh"]
    low, high = several.entries[0].evaluation.accuracy_interval
    assert best[:6] == [f"{several.entries[0].accuracy:.4f}", f"{low:.4f}", "to", f"{high:.4f}", "best", "-"]
    assert best[6] == f"{several.entries[0].evaluation.loss:.4f}"
    assert fresh[:5] == ["-"] * 5
    other = by_run[several.entries[1].run]
    assert other[4] == f"{several.entries[1].against_best.difference:+.4f}"
    assert other[5] == "<0.001"
    heads = next(line for line in lines if line.startswith("run "))
    # The first words of "hidden size", "learning rate" and others stand in the line above.
    assert heads.split()[-6:] == ["arch", "size", "layers", "pooling", "rate", "stopping"]


def test_one_run_has_no_test_and_no_settings() -> None:
    lines = shown(figures.compare(entry("alone")), 80)
    heads = ["run", "accuracy", "95", "%", "interval", "loss", "parameters", "training", "model"]
    assert lines[2].split() == heads
    assert len(lines) == 5


def test_without_evaluations_training_figures_stand_in() -> None:
    lines = shown(figures.compare(entry("fresh", None)), 80)
    assert lines[0] == "Validation figures of training on words"
    assert cells_of(lines, "fresh")[:2] == ["0.9123", "0.2345"]
