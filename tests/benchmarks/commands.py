"""Whole processes, as a shell user meets them: the median time of several starts."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

STARTS = 7
TEXTS = 25_000
WORDS = 230  # of a text in the mean, as IMDB's


def seconds(*arguments: str, folder: Path, starts: int = STARTS, cold: bool = False) -> float:
    """Median time of ``rnncli ARGUMENTS``; `cold` gives each start an empty compilation cache."""
    times = []
    for _ in range(starts):
        with tempfile.TemporaryDirectory() as cache:
            environment = os.environ | ({"XDG_CACHE_HOME": cache} if cold else {})
            started = time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "rnncli", *arguments],
                cwd=folder,
                env=environment,
                check=True,
                capture_output=True,
            )
            times.append(time.perf_counter() - started)
    return statistics.median(times)


def first_step(folder: Path, *, cold: bool, starts: int = 3) -> float:
    """Median time from the start of ``rnncli train`` to the checkpoint after its first step."""
    times = []
    for number in range(starts):
        name = f"first-{cold}-{number}"
        with tempfile.TemporaryDirectory() as cache:
            environment = os.environ | ({"XDG_CACHE_HOME": cache} if cold else {})
            command = [sys.executable, "-m", "rnncli", "train", "--preset", "tutorial", "--name", name]
            started = time.perf_counter()
            process = subprocess.Popen(
                [*command, "--checkpoint-every", "1", "--quiet"],
                cwd=folder,
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            while not list((folder / "runs" / name / "checkpoints").glob("step-*")):
                if process.poll() is not None:
                    raise RuntimeError("the training ended before its first checkpoint")
                time.sleep(0.01)
            times.append(time.perf_counter() - started)
            process.kill()
            process.wait()
    return statistics.median(times)


def write_texts(path: Path) -> None:
    """A CSV of texts whose words follow Zipf's law and whose lengths are IMDB's."""
    random = np.random.default_rng(0)
    words = np.minimum(random.zipf(1.2, TEXTS * WORDS), 50_000)
    lengths = np.clip(random.lognormal(np.log(174), 0.75, TEXTS), 10, 2000).astype(int)
    with path.open("w") as file:
        file.write("text\n")
        for length in lengths:
            start = int(random.integers(len(words) - length))
            file.write(" ".join(f"w{word}" for word in words[start : start + length]) + "\n")


def main() -> None:
    """Print the table as Markdown, a row as soon as it is measured."""
    print("| command | seconds |\n|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for arguments in (["--help"], ["--version"]):
            print(f"| `rnncli {arguments[0]}` | {seconds(*arguments, folder=folder):.2f} |", flush=True)
        seconds("prepare", "--quiet", folder=folder, starts=1)
        for cold, state in ((True, "empty"), (False, "filled")):
            found = first_step(folder, cold=cold)
            print(f"| `train --preset tutorial` to its first step, {state} cache | {found:.1f} |", flush=True)
        train = ["train", "--preset", "tutorial", "--epochs", "1", "--name", "model", "--quiet"]
        seconds(*train, folder=folder, starts=1)
        one = seconds("predict", "--run", "model", "great movie", folder=folder)
        print(f'| `predict "great movie"` | {one:.2f} |', flush=True)
        write_texts(folder / "texts.csv")
        command = ["predict", "--run", "model", "--input", "texts.csv", "--output", "found.csv", "--quiet"]
        many = seconds(*command, folder=folder, starts=3)
        print(f"| `predict --input` of {TEXTS:,} texts | {many:.1f}, {TEXTS / many:,.0f} texts a second |")


if __name__ == "__main__":
    main()
