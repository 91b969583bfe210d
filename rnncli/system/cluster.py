"""Several processes that train one model together."""

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rnncli.errors import RunError, UsageError


@dataclass(frozen=True)
class Cluster:
    """The processes that train one model together.

    The first, whose `process_id` is 0, listens for the others at the coordinator, ``HOST:PORT``; with
    ``auto``, Slurm, Open MPI or Kubernetes tells each process all three.
    """

    coordinator: str
    num_processes: int | None = None
    process_id: int | None = None

    def __post_init__(self) -> None:
        described = self.num_processes is not None and self.process_id is not None
        if described == (self.coordinator == "auto"):
            raise UsageError(
                "--coordinator HOST:PORT needs --num-processes and --process-id; auto finds them itself"
            )

    @property
    def is_first(self) -> bool:
        """Whether this process is known to be the first, before JAX has started."""
        variables = ("SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "JOB_COMPLETION_INDEX")
        found = next((os.environ[name] for name in variables if name in os.environ), "0")
        return (int(found) if self.process_id is None else self.process_id) == 0

    def join(self) -> None:
        """Meet the other processes.

        Raises:
            RunError: they do not come, or nothing tells where they are.
        """
        import jax
        from jax.experimental import multihost_utils

        jax.config.update("jax_cpu_collectives_implementation", "gloo")
        address = None if self.coordinator == "auto" else self.coordinator
        try:
            with _stdout_on_stderr():
                jax.distributed.initialize(address, self.num_processes, self.process_id)
                multihost_utils.sync_global_devices("all are here")
        except (RuntimeError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise RunError(f"cannot join the other processes through {self.coordinator}: {reason}") from error


def highest_of_all(number: int) -> int:
    """The highest number that any of the processes has; all of them must ask at once."""
    import jax
    import numpy as np

    if jax.process_count() == 1:
        return number
    from jax.experimental import multihost_utils

    return int(multihost_utils.process_allgather(np.int32(number)).max())


@contextmanager
def _stdout_on_stderr() -> Iterator[None]:
    """Send what native code prints on stdout to stderr: Gloo greets its peers, and stdout is for data."""
    sys.stdout.flush()
    saved = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        ctypes.CDLL(None).fflush(None)
        os.dup2(saved, 1)
        os.close(saved)
