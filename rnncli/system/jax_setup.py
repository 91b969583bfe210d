"""Setting up JAX for this machine: devices, memory, compiled programs. Call before JAX starts."""

import ctypes
import hashlib
import os
import platform
import sys
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from rnncli.errors import UsageError
from rnncli.system.cluster import Cluster

if TYPE_CHECKING:
    from jax.sharding import Mesh

# Parameters of mallopt(3) as in glibc's malloc.h.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX, M_ARENA_MAX = -1, -2, -4, -8


def keep_freed_memory() -> None:
    """Tell glibc, where there is one, to reuse freed memory rather than return it to the kernel.

    Every step frees and allocates the same large arrays. Given back, each of their pages is
    mapped and cleared again at every step, which costs more than the arithmetic on it.
    """
    libc = ctypes.CDLL(None)
    if sys.platform == "linux" and hasattr(libc, "mallopt"):
        libc.mallopt(M_MMAP_MAX, 0)
        libc.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
        libc.mallopt(M_TOP_PAD, 16 << 20)
        libc.mallopt(M_ARENA_MAX, 1)


def num_cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def start_jax(num_devices: int = 0, cluster: Cluster | None = None) -> None:
    """Configure and start JAX.

    Args:
        num_devices: devices to make of the processor's cores; 0: one of each.
        cluster: the processes that this one works with, if any.
    """
    keep_freed_memory()
    # A program read back from the cache names tuning hints of the compiler among the processor's
    # features; XLA takes each for a missing feature and logs an error for it.
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    # Unasked, the compiler uses half of the width that AVX-512 has. What the user says comes later and wins.
    os.environ["XLA_FLAGS"] = f"--xla_cpu_prefer_vector_width=512 {os.environ.get('XLA_FLAGS', '')}"
    import jax

    if num_devices:
        os.environ["NPROC"] = str(num_devices)  # XLA makes its pool of threads so large; devices share it
    with suppress(RuntimeError):  # raised where JAX has started before: its devices then stay as they are
        jax.config.update("jax_num_cpu_devices", num_devices or num_cores())
    # Elsewhere than on a CPU, products of float32 are rounded to 10 or 7 bits unless asked otherwise.
    jax.config.update("jax_default_matmul_precision", "highest")
    jax.config.update("jax_compilation_cache_dir", str(compilation_cache()))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)
    if cluster:
        cluster.join()


def compilation_cache() -> Path:
    """The user's folder of compiled programs for this jaxlib and this very kind of processor."""
    import platformdirs

    flags = next((line for line in _cpu_info() if line.startswith(("flags", "Features"))), "")
    kind = hashlib.sha256(f"{platform.machine()} {platform.processor()} {flags}".encode()).hexdigest()[:12]
    return platformdirs.user_cache_path("rnncli") / f"jaxlib-{version('jaxlib')}-{kind}"


def _cpu_info() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.is_file() else []


def data_mesh(batch_size: int, *, local: bool = False) -> "Mesh":
    """A mesh of one axis, ``data``, over the most devices that divide the batch evenly.

    Args:
        batch_size: examples in a batch.
        local: whether to take the devices of this process alone, which then computes without the others.

    Raises:
        UsageError: there are several processes, and the batch does not divide by their devices.
    """
    import jax

    devices = jax.local_devices() if local else jax.devices()
    if not local and jax.process_count() > 1 and batch_size % jax.device_count():
        raise UsageError(
            f"--batch-size {batch_size} does not divide by the {jax.device_count()} devices of all processes"
        )
    count = max(n for n in range(1, len(devices) + 1) if batch_size % n == 0)
    automatic = (jax.sharding.AxisType.Auto,)
    return jax.make_mesh((count,), ("data",), automatic, devices=devices[:count])
