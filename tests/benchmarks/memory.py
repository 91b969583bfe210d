"""``python -m tests.benchmarks.memory [MEGABYTES ...]``: peak memory by size of the corpus, as a table.

A corpus of each size is generated in a temporary folder and goes through `prepare`, `train` and
`predict --input`; the last two are stopped after a minute. "Own" memory is what the process
allocated (RssAnon); the rest of the peak is files, above all the memory-mapped token ids, whose
pages the kernel drops when others need the memory.
"""

import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from tests.benchmarks.measuring import header, row

SIZES = (500, 1000, 4000)  # megabytes
SECONDS = 60.0  # for train and predict
LENGTH = (80, 2600)  # characters of a text
VOCABULARY = 100_000
DRAWN_WORDS = 2_000_000  # the texts are stretches of these


def write_corpus(path: Path, megabytes: float, seed: int = 0) -> int:
    """Write a CSV of texts and labels; return its number of rows.

    The words follow Zipf's law, and each text has a word of its own besides, so that the number of
    different words grows with the corpus.
    """
    random = np.random.default_rng(seed)
    numbers = np.minimum(random.zipf(1.2, DRAWN_WORDS), VOCABULARY)
    words = " ".join(f"w{number:x}" for number in numbers.tolist())
    rows = written = 0
    with path.open("w") as file:
        file.write("text,label\n")
        while written < megabytes * 1e6:
            for length in random.integers(*LENGTH, 1000).tolist():
                start = int(random.integers(len(words) - length))
                row = f"{words[start : start + length]} n{rows:x},{'neg' if rows % 2 else 'pos'}\n"
                written += file.write(row)
                rows += 1
    return rows


def measure(arguments: list[str], folder: Path, *, seconds: float | None = None) -> tuple[float, float]:
    """Peak memory of ``rnncli ARGUMENTS`` and its own, in megabytes; it is stopped after so many `seconds`.

    Raises:
        RuntimeError: The command failed.
    """
    started = time.monotonic()
    resident = own = 0.0
    with (folder / "errors").open("w+") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "rnncli", *arguments, "--quiet", "--runs-dir", str(folder / "runs")],
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
        while process.poll() is None:
            resident = max(resident, status(process.pid, "VmHWM"))
            own = max(own, status(process.pid, "RssAnon"))
            if seconds is not None and time.monotonic() - started > seconds:
                process.send_signal(signal.SIGTERM)
                seconds = None
            time.sleep(0.02)
        if process.returncode not in (0, 143, -signal.SIGTERM):
            errors.seek(0)
            raise RuntimeError(f"rnncli {' '.join(arguments)}: {errors.read()}")
    return resident, own


def status(pid: int, name: str) -> float:
    """The field `name` of /proc/PID/status in megabytes; 0 once the process has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (ProcessLookupError, FileNotFoundError):
        return 0
    fields = dict(line.split(":", 1) for line in lines)
    return int(fields.get(name, "0 kB").split()[0]) / 1024


def measure_size(megabytes: float, folder: Path) -> None:
    """Print the row of a corpus of so many `megabytes`."""
    corpus, few = folder / "corpus.csv", folder / "few.csv"
    rows = write_corpus(corpus, megabytes)
    # A model to predict with comes from a few texts, for an epoch of the whole would take hours.
    write_corpus(few, 0.2)
    train = ["train", "--embedding-size=16", "--hidden-size=16", "--arch=lstm", "--epochs=1"]
    prepared = measure(["prepare", str(corpus)], folder)
    measure(["prepare", str(few)], folder)
    measure([*train, "--dataset=few", "--name=few"], folder)
    trained = measure([*train, "--dataset=corpus", "--checkpoint-every=200"], folder, seconds=SECONDS)
    predicted = measure(["predict", "--run=few", f"--input={corpus}"], folder, seconds=SECONDS)
    cells = (f"{resident:,.0f} MB ({own:,.0f} MB)" for resident, own in (prepared, trained, predicted))
    row(f"{megabytes:,.0f} MB", f"{rows:,}", *cells)


def main(sizes: list[float]) -> None:
    """Print the table: peak memory, and in brackets the process's own."""
    header("corpus", "texts", "prepare", "train", "predict")
    for megabytes in sizes:
        with tempfile.TemporaryDirectory() as folder:
            measure_size(megabytes, Path(folder))


if __name__ == "__main__":
    main([float(size) for size in sys.argv[1:]] or list(SIZES))
