"""Any bytes for everything that reads what others wrote."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

from tests.reliability.mutator import Fuzzer
from tests.reliability.tally import Tally
from tests.reliability.targets import targets

# Of a hundred inputs.
SHARES = {"table readers": 45, "prepare from a table": 20, "predict --input": 15, "model loading": 20}


def fuzz(folder: Path, *, inputs: int, seed: int) -> Iterator[Tally]:
    """Try so many inputs in all, drawn from `seed`."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # for three texts its threads cost more than they gain
    for target in targets(folder):
        fuzzer = Fuzzer(target.function, target.seeds, target.words, f"{seed} {target.name}")
        begin = time.perf_counter()
        fuzzer.run(inputs * SHARES[target.name] // 100)
        rate = fuzzer.tried / (time.perf_counter() - begin)
        tally = Tally("any bytes", target.name, fuzzer.tried)
        tally.lost = [
            f"{target.name}: {failure.error}\n  {failure.content!r}" for failure in fuzzer.failures.values()
        ]
        tally.note = f"{rate:,.0f} a second; {fuzzer.num_arcs} arcs, {len(fuzzer.corpus)} inputs kept"
        yield tally
