"""Whole processes, as a shell user meets them: the median time of several starts."""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np

STARTS = 7
TEXTS = 25_000
WORDS = 230  # of a text in the mean, as IMDB's


def seconds(*arguments: str, folder: Path, environment: Mapping[str, str] = os.environ) -> float:
    """Time of ``rnncli ARGUMENTS`` run in `folder`, from its start to its end.

    Raises:
        RuntimeError: The command failed.
    """
    command = [sys.executable, "-m", "rnncli", *arguments]
    started = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"rnncli {' '.join(arguments)}: {done.stderr}")
    return time.perf_counter() - started


def first_step(folder: Path, environment: Mapping[str, str] = os.environ) -> float:
    """Time from the start of ``rnncli train`` to the checkpoint after its first step."""
    command = [sys.executable, "-m", "rnncli", "train", "--preset", "tutorial", "--name", "first"]
    run = folder / "runs" / "first"
    started = time.perf_counter()
    process = subprocess.Popen(
        [*command, "--checkpoint-every", "1", "--quiet"],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not list((run / "checkpoints").glob("step-*")):
        if process.poll() is not None:
            raise RuntimeError("the training ended before its first checkpoint")
        time.sleep(0.005)
    took = time.perf_counter() - started
    process.kill()
    process.wait()
    shutil.rmtree(run)
    return took


def with_empty_cache(measure: Callable[[Mapping[str, str]], float]) -> float:
    """What `measure` finds when no compiled program is kept from before."""
    with tempfile.TemporaryDirectory() as cache:
        return measure({**os.environ, "XDG_CACHE_HOME": cache})


def median(measure: Callable[[], float], starts: int = STARTS) -> float:
    """The median of several measurements."""
    return statistics.median(measure() for _ in range(starts))


def write_texts(path: Path, count: int = TEXTS) -> None:
    """A CSV of texts whose words follow Zipf's law and whose lengths are IMDB's."""
    random = np.random.default_rng(0)
    words = np.minimum(random.zipf(1.2, TEXTS * WORDS), 50_000)
    lengths = np.clip(random.lognormal(np.log(174), 0.75, count), 10, 2000).astype(int)
    with path.open("w") as file:
        file.write("text\n")
        for length in lengths:
            start = int(random.integers(len(words) - length))
            file.write(" ".join(f"w{word}" for word in words[start : start + length]) + "\n")


def prepare_and_train(folder: Path, environment: Mapping[str, str] = os.environ) -> None:
    """Make a dataset of the sample and a run named ``model`` in `folder`, to predict with."""
    seconds("prepare", "--quiet", folder=folder, environment=environment)
    train = ["train", "--preset", "tutorial", "--epochs", "1", "--name", "model", "--quiet"]
    seconds(*train, folder=folder, environment=environment)


ONE = ["predict", "--run", "model", "great movie"]
MANY = ["predict", "--run", "model", "--input", "texts.csv", "--output", "found.csv", "--quiet"]


def main() -> None:
    """Print the table as Markdown, a row as soon as it is measured."""
    print("| command | seconds |\n|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for option in ("--help", "--version"):
            took = median(partial(seconds, option, folder=folder))
            print(f"| `rnncli {option}` | {took:.2f} |", flush=True)
        prepare_and_train(folder)
        empty = median(lambda: with_empty_cache(lambda environment: first_step(folder, environment)), 3)
        print(f"| `train --preset tutorial` to its first step, empty cache | {empty:.1f} |", flush=True)
        filled = median(lambda: first_step(folder), 3)
        print(f"| `train --preset tutorial` to its first step, filled cache | {filled:.1f} |", flush=True)
        print(f'| `predict "great movie"` | {median(lambda: seconds(*ONE, folder=folder)):.2f} |', flush=True)
        write_texts(folder / "texts.csv")
        many = median(lambda: seconds(*MANY, folder=folder), 3)
        print(f"| `predict --input` of {TEXTS:,} texts | {many:.1f}, {TEXTS / many:,.0f} texts per second |")


if __name__ == "__main__":
    main()
