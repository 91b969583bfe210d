"""Whole processes, as a shell user meets them: the median time of several starts."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from tests.benchmarks import measuring
from tests.benchmarks.measuring import header, median, row
from tests.benchmarks.systems import Case

STARTS = 7
TEXTS = 25_000
ONE = ["predict", "--run", "model", "great movie"]
MANY = ["predict", "--run", "model", "--input", "texts.csv", "--output", "found.csv", "--quiet"]


def seconds(*arguments: str, folder: Path, environment: Mapping[str, str] = os.environ) -> float:
    """Time of ``rnncli ARGUMENTS`` run in `folder`."""
    return measuring.seconds("-m", "rnncli", *arguments, folder=folder, environment=environment)


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


def first_step_with_empty_cache(folder: Path) -> float:
    """The same when no compiled program is kept from before."""
    with tempfile.TemporaryDirectory() as cache:
        return first_step(folder, {**os.environ, "XDG_CACHE_HOME": cache})


def prepare_and_train(folder: Path, environment: Mapping[str, str] = os.environ, texts: int = TEXTS) -> None:
    """Fill `folder`: the sample as a dataset, a run named ``model``, and a CSV of texts to predict.

    The words of the texts follow Zipf's law, and their lengths are IMDB's.
    """
    seconds("prepare", "--quiet", folder=folder, environment=environment)
    train = ["train", "--preset", "tutorial", "--epochs", "1", "--name", "model", "--quiet"]
    seconds(*train, folder=folder, environment=environment)
    reviews, _ = Case(length=2000, ragged=1, texts=texts, vocabulary=50_000).reviews()
    rows = ("text", *(" ".join(f"w{word}" for word in review) for review in reviews))
    (folder / "texts.csv").write_text("\n".join(rows) + "\n")


def main() -> None:
    """Print the table."""
    header("command", "seconds")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare_and_train(folder)
        for title, arguments in (
            ("rnncli --help", ["--help"]),
            ("rnncli --version", ["--version"]),
            ('predict "great movie"', ONE),
        ):
            took = median(lambda arguments=arguments: seconds(*arguments, folder=folder), STARTS)
            row(f"`{title}`", f"{took:.2f}")
        for cache, step in (("empty", first_step_with_empty_cache), ("filled", first_step)):
            took = median(lambda step=step: step(folder), 3)
            row(f"`train --preset tutorial` to its first step, {cache} cache", f"{took:.1f}")
        many = median(lambda: seconds(*MANY, folder=folder), 3)
        row(f"`predict --input` of {TEXTS:,} texts", f"{many:.1f}, {TEXTS / many:,.0f} texts per second")
