"""Two devices before JAX starts, and compiled programs that the tests of this folder share."""

from collections.abc import Iterator

import jax
import pytest

from rnncli.data import batching
from rnncli.system.jax_setup import num_cores
from rnncli.training.step import Programs
from tests.training.toys import CONFIG, make_programs

# As many as `rnncli.system.jax_setup.start_jax` would set, which cannot be changed later in this process.
jax.config.update("jax_num_cpu_devices", max(2, num_cores()))


@pytest.fixture(scope="module", autouse=True)
def _two_widths_for_few_texts() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batching, "TOKENS_PER_WIDTH", 100)
        yield


@pytest.fixture(scope="session")
def programs() -> Programs:
    """The programs of `CONFIG` on one device."""
    return make_programs(CONFIG)
