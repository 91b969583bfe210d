"""The installed JAX computes what it should, and releases that do not are refused."""

import tomllib
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from packaging.requirements import Requirement

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
WRONG_RELEASES = ("0.10.2", "0.11.0", "0.11.1")


def test_a_vmapped_product_and_a_sum_keep_single_precision() -> None:
    """On CPU, jax 0.10.2 rounds to bfloat16 on the way: 1065369600 for 2**30 (jax-ml/jax#39103)."""
    mirror = jnp.eye(3)[::-1]
    vectors = np.zeros((2**15 + 1, 3), np.float32)
    vectors[:, 0] = np.arange(len(vectors))
    squared_lengths = jax.jit(jax.vmap(lambda vector: jnp.sum((mirror @ vector) ** 2)))(vectors)
    assert float(squared_lengths[-1]) == 2**30
    np.testing.assert_allclose(squared_lengths, np.arange(len(vectors)) ** 2, rtol=1e-6)


@pytest.mark.parametrize("package", ["jax", "jaxlib"])
def test_wrong_releases_are_refused(package: str) -> None:
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    (wanted,) = (r for r in map(Requirement, project["dependencies"]) if r.name == package)
    assert not [release for release in WRONG_RELEASES if wanted.specifier.contains(release)]
    assert wanted.specifier.contains(jax.__version__)
