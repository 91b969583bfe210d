"""Compiled programs are kept between runs, for this compiler and this processor alone."""

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from rnncli.system import jax_setup as devices
from tests.cli.command import invoke
from tests.cli.tables import write_table

COUNTED_TRAINING = """
import collections, json, jax, sys
counts = collections.Counter()
jax.monitoring.register_event_listener(lambda event, **_: counts.update([event.rpartition("/")[2]]))
from rnncli.cli.app import main
try:
    main()
finally:
    print(json.dumps([counts["cache_hits"], counts["cache_misses"]]), file=sys.stderr)
"""


def test_a_second_run_compiles_nothing(tmp_path: Path) -> None:
    write_table(tmp_path / "films.csv", ["bad", "good"], rows=61)
    assert invoke("prepare", "films.csv", "--max-length", "11", cwd=tmp_path).returncode == 0
    arguments = "train --arch gru --epochs 1 --hidden-size 3 --embedding-size 5 --batch-size 8 -q".split()
    counts = []
    for name in ("first", "second"):
        done = subprocess.run(
            [sys.executable, "-c", COUNTED_TRAINING, *arguments, "--name", name],
            cwd=tmp_path,
            env=os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache")},
            capture_output=True,
            text=True,
            check=True,
        )
        counts.append(json.loads(done.stderr.splitlines()[-1]))
    (hits, misses), (hits_again, misses_again) = counts
    assert (hits, misses_again) == (0, 0)
    assert hits_again == misses > 2  # the initial state, a training and an evaluation program


def test_each_compiler_and_processor_has_programs_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    here = devices.compilation_cache()
    assert version("jaxlib") in here.name
    monkeypatch.setattr(devices, "_cpu_info", lambda: ["flags : fpu avx2"])
    elsewhere = devices.compilation_cache()
    monkeypatch.setattr(devices, "version", lambda _name: "9.9.9")
    assert len({here, elsewhere, devices.compilation_cache()}) == 3


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted in /proc")
def test_devices_say_how_many_cores_compute() -> None:
    """One device leaves the other cores to others, even where a product is large enough to share."""
    code = """
import sys
from pathlib import Path
from rnncli.system.jax_setup import start_jax
start_jax(int(sys.argv[1]))
import jax.numpy as jnp
(jnp.ones((1009, 1009)) @ jnp.ones((1009, 1009))).block_until_ready()
names = [(task / "comm").read_text() for task in Path("/proc/self/task").iterdir()]
print(sum(name.startswith("tf_XLAEigen") for name in names))
"""
    for count in ("1", "2"):
        command = [sys.executable, "-c", code, count]
        assert subprocess.check_output(command, text=True).strip() == count
