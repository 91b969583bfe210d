"""Predictions out of texts."""

from dataclasses import replace

import numpy as np
import pytest

from rnncli.errors import RunError
from rnncli.inference import jitted, scoring
from rnncli.inference.model_folder import SavedModel
from rnncli.inference.predictions import Prediction, Predictor
from rnncli.settings.model import ModelShape
from rnncli.settings.prepare import Keep
from tests.factories import random_model, vocabulary

CONFIG = ModelShape("bigru", vocab_size=103, num_classes=3, embedding_size=7, hidden_size=5)
WORDS = vocabulary(101)


def predict(model: SavedModel, *texts: str) -> list[Prediction]:
    return Predictor(model).predict(texts)


@pytest.mark.parametrize(
    ("keep", "kept"),
    [("end", slice(6, 29)), ("start", slice(23)), ("both", [*range(12), *range(18, 29)])],
)
def test_of_a_long_text_the_part_to_keep_is_read(keep: Keep, kept: slice | list[int]) -> None:
    model = random_model(CONFIG, max_length=23, keep=keep)
    words = np.array(WORDS[:29])
    whole, part = predict(model, " ".join(words), " ".join(words[kept]))
    assert (whole.tokens, part.tokens) == (29, 23)
    assert (whole.truncated, part.truncated) == (True, False)
    assert whole.probabilities == pytest.approx(part.probabilities, abs=1e-12)


def test_the_label_is_the_most_probable_class() -> None:
    model = random_model(CONFIG)
    for prediction in predict(model, *WORDS):
        assert prediction.probability == max(prediction.probabilities.values())
        assert sum(prediction.probabilities.values()) == pytest.approx(1)
        assert list(prediction.probabilities) == list(model.label_names)
    even = {name: np.zeros_like(value) for name, value in model.parameters.items()}
    (prediction,) = predict(SavedModel(**{**vars(model), "parameters": even}), "great")
    assert prediction.label == model.label_names[0]


def test_unknown_words_are_counted_in_the_whole_text() -> None:
    text = "Qwerty " * 7 + "great BAD " * 13
    (prediction,) = predict(random_model(CONFIG, max_length=11), text)
    assert (prediction.tokens, prediction.unknown, prediction.truncated) == (33, 7, True)


@pytest.mark.parametrize("evidence", [False, True])
def test_the_jitted_model_gives_the_same(monkeypatch: pytest.MonkeyPatch, *, evidence: bool) -> None:
    model, random = random_model(replace(CONFIG, evidence=evidence)), np.random.default_rng(3)
    monkeypatch.setattr(jitted, "MOST_PROJECTED", 16 * 23 * 40)  # so that the texts fill several batches
    texts = [random.integers(1, 103, length, dtype=np.int32) for length in random.integers(0, 24, 61)]
    expected = Predictor(model).probabilities(texts)
    monkeypatch.setattr(scoring, "BREAK_EVEN", 0)
    np.testing.assert_allclose(Predictor(model).probabilities(texts), expected, atol=1e-6)


def test_ids_beyond_the_vocabulary_are_refused() -> None:
    model = random_model(CONFIG)
    with pytest.raises(RunError, match="the tokenizer gives the id 103, but the model knows 103 words"):
        Predictor(model).probabilities(
            [np.array([5], np.int32), np.array([], np.int32), np.array([3, 103], np.int32)]
        )
