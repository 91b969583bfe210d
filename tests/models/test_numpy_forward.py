"""The NumPy forward pass against the textbook's equations, alone and in company."""

import math

import numpy as np
import pytest

from rnncli.models import numpy_forward
from rnncli.models.numpy_forward import forward, to_probabilities
from rnncli.models.parameters import parameters
from rnncli.settings.model import NEURAL_ARCHES, POOLINGS, RECURRENT_ARCHES, ModelShape
from rnncli.text.ngrams import NgramTable
from tests.models.textbook import logits_of, make, ngrams_of, random_texts

LENGTHS = (7, 1, 0, 19, 3, 3, 0, 11, 2)


def reference(
    model: ModelShape, learned: dict[str, np.ndarray], ids: np.ndarray, ngrams: NgramTable | None = None
) -> np.ndarray:
    return logits_of(model, {name: value.astype(np.float64) for name, value in learned.items()}, ids, ngrams)


@pytest.mark.parametrize("num_layers", [1, 3])
@pytest.mark.parametrize("pooling", list(POOLINGS))
@pytest.mark.parametrize("arch", NEURAL_ARCHES)
def test_agrees_with_the_equations(arch: str, pooling: str, num_layers: int) -> None:
    model, learned = make(arch, pooling, num_layers, num_classes=3)
    found = forward(model, learned, random_texts(LENGTHS))
    expected = np.array([reference(model, learned, ids) for ids in random_texts(LENGTHS)])
    assert found.shape == (len(LENGTHS), 3)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("num_classes", [2, 3])
@pytest.mark.parametrize("arch", RECURRENT_ARCHES)
def test_evidence_is_read_beside_the_words(
    arch: str, num_classes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = random_texts(LENGTHS)
    model, learned = make(arch, "maxmean", num_classes=num_classes, evidence=True)
    ngrams = ngrams_of(model, texts)
    expected = np.array([reference(model, learned, ids, ngrams) for ids in texts])
    np.testing.assert_allclose(forward(model, learned, texts, ngrams), expected, rtol=0, atol=1e-12)
    monkeypatch.setattr(numpy_forward, "CHUNK_VALUES", 28 * 19 * 3)
    np.testing.assert_allclose(forward(model, learned, texts, ngrams), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("arch", NEURAL_ARCHES)
@pytest.mark.parametrize("pooling", list(POOLINGS))
def test_company_order_and_chunks_change_nothing(
    arch: str, pooling: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, learned = make(arch, pooling, num_layers=2)
    many = random_texts(tuple(np.random.default_rng(2).integers(0, 41, 83)))
    together = to_probabilities(forward(model, learned, many))
    alone = np.concatenate([to_probabilities(forward(model, learned, [ids])) for ids in many])
    backwards = to_probabilities(forward(model, learned, many[::-1]))[::-1]
    monkeypatch.setattr(numpy_forward, "CHUNK_VALUES", 28 * 41 * 3)
    in_chunks = to_probabilities(forward(model, learned, many))
    for other in (alone, backwards, in_chunks):
        np.testing.assert_allclose(other, together, rtol=0, atol=1e-12)


def test_no_texts_and_only_empty_texts() -> None:
    for arch in NEURAL_ARCHES:
        model, learned = make(arch, num_classes=5)
        assert forward(model, learned, []).shape == (0, 5)
        np.testing.assert_allclose(
            forward(model, learned, random_texts((0, 0))), [reference(model, learned, np.zeros(0, int))] * 2
        )


def test_the_parameters_are_left_as_they_were() -> None:
    model, learned = make("bigru")
    before = {name: value.copy() for name, value in learned.items()}
    forward(model, learned, random_texts(LENGTHS))
    assert all(np.array_equal(before[name], value) for name, value in learned.items())
    assert learned.keys() == {entry.name for entry in parameters(model)}


@pytest.mark.parametrize("arch", NEURAL_ARCHES)
def test_huge_parameters_saturate_without_a_warning(arch: str) -> None:
    model, learned = make(arch, num_classes=3)
    huge = {name: np.sign(value) * np.float32(3e38) for name, value in learned.items()}
    probabilities = to_probabilities(forward(model, huge, random_texts(LENGTHS)))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)


def test_probabilities() -> None:
    two = to_probabilities(np.array([[0.0], [math.log(3)], [-1000.0], [1000.0]]))
    np.testing.assert_allclose(two, [[0.5, 0.5], [0.25, 0.75], [1, 0], [0, 1]], atol=1e-15)
    many = to_probabilities(np.array([[0.0, math.log(2), math.log(5)], [-1e4, 1e4, 0.0]]))
    np.testing.assert_allclose(many, [[1 / 8, 2 / 8, 5 / 8], [0, 1, 0]], atol=1e-15)
