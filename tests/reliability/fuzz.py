"""Any bytes for everything that reads what others wrote, drawn by Atheris, which coverage leads.

``python -m tests.reliability.fuzz TARGET FOLDER INPUTS SEED`` tries one target, in a process of its
own, for libFuzzer never hands a process back. ``pip install -e '.[fuzz]'`` brings Atheris.
"""

import json
import os
import re
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tests.reliability.tally import Tally

# Of a hundred inputs.
SHARES = {"table readers": 45, "prepare from a table": 20, "predict --input": 15, "model loading": 20}
HANG = 60  # seconds for one input, of which thousands take one
LONGEST = 4096  # bytes; longer inputs reach no more and take longer


def fuzz(folder: Path, *, inputs: int, seed: int) -> Iterator[Tally]:
    """Try so many inputs in all, drawn from `seed`."""
    for name, share in SHARES.items():
        begin = time.perf_counter()
        arguments = [name, str(folder), str(inputs * share // 100), str(seed)]
        # For three texts the tokenizer's threads cost more than they gain.
        done = subprocess.run(
            [sys.executable, "-m", "tests.reliability.fuzz", *arguments],
            env={**os.environ, "TOKENIZERS_PARALLELISM": "false"},
            capture_output=True,
            text=True,
            errors="backslashreplace",
        )
        tried = re.search(r"number_of_executed_units: +(\d+)", done.stderr)
        tally = Tally("any bytes", name, int(tried[1]) if tried else 0)
        found = folder / name / "failures"
        tally.lost = [f"{name}: {line}" for line in found.read_text().splitlines()] if found.exists() else []
        if done.returncode or not tried:
            tally.lost.append(f"{name}: ended with {done.returncode}: {done.stderr[-2000:]}")
        coverage = re.findall(r"cov: \d+", done.stderr)[-1:]
        tally.note = f"{tally.tried / (time.perf_counter() - begin):,.0f} per second; {', '.join(coverage)}"
        yield tally


def unexplained(target: Callable[[bytes], object], content: bytes) -> BaseException | None:
    """What `target` met besides an error that is meant for users."""
    from rnncli.errors import RnncliError

    printed: list[Any] = []  # what Python can only print, by a function that needs no stack
    error: BaseException | None = None
    with patch.object(sys, "unraisablehook", printed.append):
        try:
            target(content)
        except KeyboardInterrupt:
            raise
        except RnncliError:
            pass
        except BaseException as other:  # a panic of native code is no Exception
            error = other
    if printed and error is None:
        return printed[0].exc_value or printed[0].exc_type()
    return error


def main(name: str, home: str, count: str, seed: str) -> None:
    """Fuzz one target; each kind of failure becomes a line of the file ``failures``."""
    import atheris

    folder = Path(home) / name
    (folder / "seeds").mkdir(parents=True)
    with atheris.instrument_imports(include=["rnncli"]):
        from tests.reliability.targets import targets

        target = {target.name: target for target in targets(folder)}[name]
        for number, content in enumerate(target.seeds):
            (folder / "seeds" / str(number)).write_bytes(content)
            unexplained(target.function, content)  # what is imported on the way is instrumented, too
    words = "".join('"' + "".join(f"\\x{byte:02x}" for byte in word) + '"\n' for word in target.words)
    (folder / "words").write_text(words)
    kinds: set[str] = set()

    def one_input(content: bytes) -> None:
        error = unexplained(target.function, content)
        if error is None:
            return
        kind = f"{type(error).__name__} at {traceback.extract_tb(error.__traceback__)[-1:]}"
        if kind not in kinds:
            kinds.add(kind)
            with (folder / "failures").open("a") as file:
                file.write(json.dumps([kind, str(error), repr(content)]) + "\n")

    flags = [f"-runs={count}", f"-seed={seed}", f"-max_len={LONGEST}", f"-timeout={HANG}"]
    paths = [f"-dict={folder / 'words'}", f"-artifact_prefix={folder}/", str(folder / "seeds")]
    atheris.Setup(["fuzz", *flags, "-print_final_stats=1", *paths], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
