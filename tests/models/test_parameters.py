"""What a classifier starts from."""

import math

import numpy as np
import pytest

from rnncli.models.parameters import initial_parameters, parameters
from rnncli.settings.model import NEURAL_ARCHES, ModelShape


def make(arch: str) -> ModelShape:
    return ModelShape(
        arch=arch, vocab_size=1009, num_classes=3, embedding_size=31, hidden_size=7, num_layers=2
    )


@pytest.mark.parametrize("arch", NEURAL_ARCHES)
def test_first_values_are_a_function_of_seed_and_name(arch: str) -> None:
    first, again, other = (initial_parameters(make(arch), seed) for seed in (5, 5, 6))
    assert {name: value.shape for name, value in first.items()} == {
        entry.name: entry.shape for entry in parameters(make(arch))
    }
    drawn = [name for name in first if name.endswith(("kernel", "table"))]
    for name, value in first.items():
        assert value.dtype == np.float32
        np.testing.assert_array_equal(value, again[name])
        assert np.array_equal(value, other[name]) == (name not in drawn)
    values = [value.tobytes() for name, value in first.items() if name in drawn]
    assert len(set(values)) == len(drawn)


@pytest.mark.parametrize("arch", ["rnn", "bilstm", "bigru"])
def test_recurrent_kernels_are_orthogonal(arch: str) -> None:
    """Over all gates, and without a preferred sign."""
    learned = initial_parameters(make(arch), 1)
    kernels = [value for name, value in learned.items() if name.endswith("recurrent_kernel")]
    assert len(kernels) == 2 * (2 if arch.startswith("bi") else 1)
    for kernel in kernels:
        np.testing.assert_allclose(kernel @ kernel.T, np.eye(7), atol=1e-6)
        assert abs(np.sign(kernel).mean()) < 0.5


def test_other_first_values_are_spread_as_they_should_be() -> None:
    """Uniformly up to the embedding's and Glorot's bounds; biases at 0, but 1 at the forget gates."""
    learned = initial_parameters(make("bilstm"), 2)
    others = initial_parameters(make("gru"), 3) | initial_parameters(make("bow"), 3)
    assert not any(value.any() for name, value in others.items() if name.endswith("bias"))
    bounds = {
        "embedding.table": 0.05,
        "encoder.layer_0.backward.input_kernel": math.sqrt(6 / (31 + 28)),
        "encoder.layer_1.forward.input_kernel": math.sqrt(6 / (14 + 28)),
    }
    for name, bound in bounds.items():
        value = learned[name]
        assert 0.95 * bound < np.abs(value).max() <= np.float32(bound)
        assert np.std(value) == pytest.approx(bound / math.sqrt(3), rel=0.1)
    for name, value in learned.items():
        if name.endswith("bias"):
            expected = np.zeros_like(value)
            if name.startswith("encoder"):
                expected[7:14] = 1
            np.testing.assert_array_equal(value, expected)
