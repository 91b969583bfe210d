"""``python -m tests.benchmarks.in_place [TURNS]``: what the backward pass in place gains, as a table.

For each model, a process that trains with the pass of `rnncli.models.in_place` and one in which JAX
differentiates the definition take turns, a few steps of the tutorial's size each, so that a machine
whose speed drifts treats both alike. The gain is the median of the ratios of neighbouring turns:
once of time, and once of processor time, which hardly depends on what else the machine does.
"""

import itertools
import json
import resource
import statistics
import subprocess
import sys
import time

import numpy as np

BATCH_SIZE, VOCABULARY = 128, 10_000
CASES = list(itertools.product((64, 128, 256), (200, 400), ("rnn", "gru", "lstm"), ("", "bi")))
WAYS = ("in place", "definition")
TURNS, TOKENS = 7, 20_000_000  # a turn takes as many steps as this many tokens times hidden units


def serve(way: str, arch: str, hidden_size: int, length: int) -> None:
    """Answer each line with the texts, seconds and processor seconds of a turn, and the peak of memory."""
    from rnncli.system.jax_setup import data_mesh, start_jax

    start_jax()
    import jax

    from rnncli.data.dataset import Split
    from rnncli.models import in_place
    from rnncli.settings.model import CELLS
    from rnncli.settings.train import resolve_settings
    from rnncli.training.objectives.classification import Classification
    from rnncli.training.optimizer import make_optimizer
    from rnncli.training.step import Programs

    in_place.WORTH_IT = set(itertools.product(CELLS, (1, 2))) if way == "in place" else set()
    random = np.random.default_rng(0)
    ids = np.minimum(random.zipf(1.2, BATCH_SIZE * length) + 1, VOCABULARY - 1).astype(np.int32)
    labels = random.integers(0, 2, BATCH_SIZE).astype(np.int32)
    split = Split("train", ids, length * np.arange(BATCH_SIZE + 1), labels, None)
    settings = resolve_settings(
        {"arch": arch, "hidden_size": hidden_size, "batching": "full"}, None, "tutorial"
    )
    shape, mesh = settings.model.shape(vocab_size=VOCABULARY, num_classes=2), data_mesh(BATCH_SIZE)
    objective = Classification(settings, shape, split, split, max_length=length, num_devices=mesh.size)
    programs = Programs(objective, make_optimizer(settings.optimizer, 1000), mesh)
    (plan,) = objective.plans("train", None)
    batch, key = programs.place_batch(objective.batch("train", plan)), jax.random.key(0)
    state = programs.initial_state(objective.initial_params(seed=0))
    steps = max(1, TOKENS // (BATCH_SIZE * length * hidden_size * shape.num_directions))
    for turn in itertools.count():
        wall, processor = time.perf_counter(), time.process_time()
        for _ in range(steps if turn else 1):
            state, sums = programs.train(state, batch, key)
        jax.block_until_ready(sums)
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps([steps * BATCH_SIZE, wall, processor, memory]), flush=True)
        if not sys.stdin.readline():
            return


def measure(arch: str, hidden_size: int, length: int, turns: int) -> str:
    """A row of the table."""
    command = [sys.executable, "-m", "tests.benchmarks.in_place"]
    processes = [
        subprocess.Popen(
            [*command, way, arch, str(hidden_size), str(length)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for way in WAYS
    ]

    def turn(process: subprocess.Popen[str]) -> list[float]:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
        return answer(process)

    def answer(process: subprocess.Popen[str]) -> list[float]:
        assert process.stdout is not None
        return json.loads(process.stdout.readline())

    for process in processes:
        answer(process)  # compiled
    found = np.array([[turn(process) for process in processes] for _ in range(turns)])  # [turns, ways, 4]
    for process in processes:
        process.communicate()
    texts, wall, processor, memory = np.moveaxis(found, -1, 0)  # [turns, ways] each
    rates = statistics.median(texts[:, 0] / wall[:, 0]), statistics.median(texts[:, 1] / wall[:, 1])
    gains = [statistics.median(seconds[:, 1] / seconds[:, 0]) - 1 for seconds in (wall, processor)]
    return (
        f"| {arch} {hidden_size} | {length} | {rates[0]:,.0f} | {rates[1]:,.0f} | {gains[0]:+.0%} | "
        f"{gains[1]:+.0%} | {memory[-1, 0]:,.0f} | {memory[-1, 1]:,.0f} |"
    )


def main(turns: int) -> None:
    """Print the table as Markdown, a row as soon as it is measured."""
    columns = ["model", "tokens", "texts/s in place", "definition", "gain", "of processor time"]
    print("| " + " | ".join([*columns, "MB in place", "definition"]) + " |\n" + 8 * "|---" + "|")
    for hidden_size, length, cell, direction in CASES:
        print(measure(direction + cell, hidden_size, length, turns), flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        serve(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else TURNS)
