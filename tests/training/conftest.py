"""Two devices before JAX starts, and compiled programs that the tests of this folder share."""

import jax
import pytest

from rnncli.devices import num_cores
from rnncli.training.step import Steps
from tests.training.toys import CONFIG, make_steps

# As many as `rnncli.devices.start_jax` would set, which cannot be changed later in this process.
jax.config.update("jax_num_cpu_devices", max(2, num_cores()))


@pytest.fixture(scope="session")
def steps() -> Steps:
    """The programs of `CONFIG` on one device."""
    return make_steps(CONFIG)
