"""Predictions out of texts, one by one and in windows."""

import threading
from typing import Any

import numpy as np
import pytest

from rnncli.data.reading.text_rows import TextRow
from rnncli.errors import RunError
from rnncli.inference import predictions as inference
from rnncli.inference.model_folder import SavedModel
from rnncli.inference.predictions import Prediction, Scorer, WindowedScorer, predict_texts
from rnncli.settings.model import ModelShape
from rnncli.settings.prepare import Keep
from tests.factories import random_model, vocabulary

CONFIG = ModelShape("bigru", vocab_size=103, num_classes=3, embedding_size=7, hidden_size=5)
WORDS = vocabulary(101)


def predict(model: SavedModel, *texts: str) -> list[Prediction]:
    return predict_texts(model, texts, Scorer(model))


@pytest.mark.parametrize(
    ("keep", "kept"),
    [("end", slice(6, 29)), ("start", slice(23)), ("both", slice(3, 26))],
)
def test_a_long_text_is_read_where_truncation_says(truncate: Keep, kept: slice) -> None:
    model = random_model(CONFIG, max_length=23, keep=truncate)
    whole, part = predict(model, " ".join(WORDS[:29]), " ".join(WORDS[:29][kept]))
    assert (whole.tokens, part.tokens) == (29, 23)
    assert (whole.truncated, part.truncated) == (True, False)
    assert whole.probabilities == pytest.approx(part.probabilities, abs=1e-12)


def test_the_label_is_the_most_probable_class() -> None:
    model = random_model(CONFIG)
    for prediction in predict(model, *WORDS):
        assert prediction.probability == max(prediction.probabilities.values())
        assert sum(prediction.probabilities.values()) == pytest.approx(1)
        assert list(prediction.probabilities) == list(model.label_names)
    even = {name: np.zeros_like(value) for name, value in model.weights.items()}
    (prediction,) = predict(SavedModel(**{**vars(model), "weights": even}), "great")
    assert prediction.label == model.label_names[0]


def test_unknown_words_are_counted_in_the_whole_text() -> None:
    text = "Qwerty " * 7 + "great BAD " * 13
    (prediction,) = predict(random_model(CONFIG, max_length=11), text)
    assert (prediction.tokens, prediction.unknown, prediction.truncated) == (33, 7, True)


def test_ids_beyond_the_vocabulary_are_refused() -> None:
    model = random_model(CONFIG)
    with pytest.raises(RunError, match="the tokenizer gives the id 103, but the model knows 103 words"):
        Scorer(model)([np.array([5], np.int32), np.array([], np.int32), np.array([3, 103], np.int32)])


@pytest.mark.parametrize(("rows", "characters"), [(7, 10**6), (10**6, 50), (1, 1)])
def test_windows_keep_every_row_in_order(rows: int, characters: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inference, "WINDOW_ROWS", rows)
    monkeypatch.setattr(inference, "WINDOW_CHARACTERS", characters)
    texts = [None if n % 5 == 0 else " ".join(WORDS[n : n + n % 13]) for n in range(53)]
    sizes, found = [], []

    def emit(scored: list[tuple[TextRow, Prediction | None]]) -> None:
        sizes.append(len(scored))
        found.extend(scored)

    model = random_model(CONFIG)
    scorer = WindowedScorer(model, emit)
    for index, text in enumerate(texts):
        scorer.add(TextRow(index, text, "no text" if text is None else None))
    scorer.flush()
    scorer.flush()
    assert [row.text for row, _ in found] == texts
    assert max(sizes) <= rows
    assert len(sizes) >= 53 / rows
    alone = [None if text is None else predict(model, text)[0] for text in texts]
    for (_, together), prediction in zip(found, alone, strict=True):
        assert (together is None) == (prediction is None)
        if together and prediction:
            assert together.probabilities == pytest.approx(prediction.probabilities, abs=1e-12)
    assert (scorer.summary.rows, scorer.summary.errors) == (53, 11)


def test_a_window_is_scored_while_the_next_one_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inference, "WINDOW_ROWS", 3)
    model = random_model(CONFIG)
    next_was_read = threading.Event()
    score = inference._predict_ids

    def wait_for_the_next(*arguments: Any) -> list[Prediction]:
        assert next_was_read.wait(timeout=60)
        return score(*arguments)

    monkeypatch.setattr(inference, "_predict_ids", wait_for_the_next)
    found: list[int] = []
    scorer = WindowedScorer(model, lambda scored: found.extend(row.index for row, _ in scored))
    for index in range(5):
        scorer.add(TextRow(index, "great"))
    assert found == []
    next_was_read.set()
    scorer.flush()
    assert found == [0, 1, 2, 3, 4]


def test_a_failure_of_the_scoring_thread_comes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inference, "WINDOW_ROWS", 2)

    def fail(*_: Any) -> list[Prediction]:
        raise RunError("no scores")

    monkeypatch.setattr(inference, "_predict_ids", fail)
    scorer = WindowedScorer(random_model(CONFIG), pytest.fail)
    scorer.add(TextRow(0, "great"))
    scorer.add(TextRow(1, "great"))
    with pytest.raises(RunError, match="no scores"):
        scorer.flush()
