"""A stream of rows is scored in windows: none is lost, none waits for long, none is held for ever."""

import threading
from typing import Any

import pytest

from rnncli.data.reading.text_input import TextRow
from rnncli.errors import RunError
from rnncli.inference.predictions import Prediction, Predictor
from rnncli.settings.model import ModelShape
from rnncli.workflows import predict as workflow
from rnncli.workflows.predict import predict, predict_windows
from tests.factories import random_model, vocabulary

MODEL = random_model(ModelShape("bigru", vocab_size=103, num_classes=3, embedding_size=7, hidden_size=5))
WORDS = vocabulary(101)


@pytest.mark.parametrize(("rows", "characters"), [(7, 10**6), (10**6, 50), (1, 1)])
def test_windows_keep_every_row_in_order(rows: int, characters: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workflow, "WINDOW_ROWS", rows)
    monkeypatch.setattr(workflow, "WINDOW_CHARACTERS", characters)
    texts = [None if n % 5 == 0 else " ".join(WORDS[n : n + n % 13]) for n in range(53)]
    source = [TextRow(n, text, None if text else "no text") for n, text in enumerate(texts)]
    windows = list(predict_windows(source, Predictor(MODEL)))
    assert max(map(len, windows)) <= rows
    assert len(windows) >= 53 / rows
    found = [each for window in windows for each in window]
    assert [row for row, _ in found] == source
    alone = [None if text is None else Predictor(MODEL).predict([text])[0] for text in texts]
    for (_, together), prediction in zip(found, alone, strict=True):
        assert (together is None) == (prediction is None)
        if together and prediction:
            assert together.probabilities == pytest.approx(prediction.probabilities, abs=1e-12)


def test_a_window_is_scored_while_the_next_one_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workflow, "WINDOW_ROWS", 3)
    next_was_read = threading.Event()

    class Waiting(Predictor):
        def predict_ids(self, *arguments: Any, **options: Any) -> list[Prediction]:
            assert next_was_read.wait(timeout=60)
            return super().predict_ids(*arguments, **options)

    def texts() -> Any:
        yield from ["great"] * 5
        next_was_read.set()

    assert [row.index for row, _ in predict(texts(), Waiting(MODEL))] == [0, 1, 2, 3, 4]


def test_a_pause_answers_what_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workflow, "WINDOW_ROWS", 3)
    answered: list[int] = []

    def rows() -> Any:
        for index in range(11):
            yield TextRow(index, "great")
            if index in (1, 5, 8):  # within a window, at its end while it is scored, and on
                yield None
                assert answered == list(range(index + 1))

    for row, _ in predict(rows(), Predictor(MODEL)):
        answered.append(row.index)
    assert answered == list(range(11))


def test_a_failure_of_the_scoring_thread_comes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workflow, "WINDOW_ROWS", 2)

    class Failing(Predictor):
        def predict_ids(self, *_: Any, **__: Any) -> list[Prediction]:
            raise RunError(f"no scores in {threading.current_thread().name}")

    with pytest.raises(RunError, match="no scores in scoring"):
        list(predict(["great", "great", "bad"], Failing(MODEL)))


def test_what_is_not_sure_enough_has_no_label() -> None:
    rows = [found for _, found in predict(["great", "bad", "a film"], Predictor(MODEL))]
    least = sorted(found.probability for found in rows)[1]
    again = [found for _, found in predict(["great", "bad", "a film"], Predictor(MODEL), abstain_below=least)]
    assert [found.abstained for found in again] == [found.probability < least for found in rows]
    assert sum(found.abstained for found in again) == 1
    assert [found.probabilities for found in again] == [found.probabilities for found in rows]


def test_texts_become_rows() -> None:
    (good, _), (bad, nothing) = predict(["great", "caf\udce9"], Predictor(MODEL))
    assert (good, nothing) == (TextRow(0, "great"), None)
    assert bad == TextRow(1, None, "text 2 is not UTF-8")
