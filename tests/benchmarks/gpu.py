"""``python -m tests.benchmarks.gpu``: ways to train the tutorial's model on an NVIDIA GPU, as a table.

Each row is a process of its own: our loop over time in float32 and bfloat16, cuDNN's LSTM through
JAX, and ``torch.nn.LSTM`` where PyTorch is installed; training steps on batches that already lie on
the device, so that what is compared is the device's work.
"""

import importlib.util
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.benchmarks.systems import Case, our_training, torch_model

LENGTH, VOCAB_SIZE = 200, 10_000
STEPS, REPETITIONS = 30, 5
SYSTEMS = ["loop", "loop-bfloat16", "cudnn", "torch"]
CASES = [("bilstm", 128, 64), ("bilstm", 1024, 64), ("bilstm", 128, 512), ("bigru", 128, 64)]


def random_batch(batch_size: int) -> tuple[Any, Any]:
    """Token ids with a Zipf distribution [batch, time], and labels."""
    texts, labels = Case(LENGTH, texts=batch_size, vocabulary=VOCAB_SIZE).reviews()
    return np.stack(texts), labels


def our_steps(system: str, arch: str, batch_size: int, hidden_size: int) -> Callable[[], None]:
    """`STEPS` training steps of ours."""
    case = Case(LENGTH, texts=batch_size, hidden=hidden_size, vocabulary=VOCAB_SIZE)
    precision = "bfloat16" if system == "loop-bfloat16" else "float32"
    _, objective, programs = our_training(case, arch=arch, batch_size=batch_size, precision=precision)
    import jax

    (plan,) = objective.plans("train", None)
    batch = programs.place_batch(objective.batch("train", plan))
    key = jax.random.key(0)
    state = programs.initial_state(objective.initial_params(seed=0))

    def run() -> None:
        nonlocal state
        for _ in range(STEPS):
            state, sums = programs.train(state, batch, key)
        jax.block_until_ready(sums)

    return run


def cudnn_steps(batch_size: int, hidden_size: int) -> Callable[[], None]:
    """`STEPS` training steps of the bilstm with cuDNN's layer, which JAX offers for LSTMs alone."""
    import jax
    import jax.numpy as jnp
    import optax
    from jax.experimental import rnn

    ids, labels = random_batch(batch_size)
    lengths = jnp.full(batch_size, LENGTH, jnp.int32)
    zeros = jnp.zeros((2, batch_size, hidden_size))
    tx = optax.adam(1e-3)
    keys = jax.random.split(jax.random.key(0), 3)
    params = {
        "table": jax.random.uniform(keys[0], (VOCAB_SIZE, 128), minval=-0.05, maxval=0.05),
        "lstm": rnn.init_lstm_weight(keys[1], 128, hidden_size, 1, True),
        "output": 0.1 * jax.random.normal(keys[2], (2 * hidden_size,)),
    }

    def loss(params: Any, ids: Any, labels: Any, key: Any) -> Any:
        texts = params["table"][ids]
        _, last, _ = rnn.lstm(texts, zeros, zeros, params["lstm"], lengths, 128, hidden_size, 1, 0.0, True)
        pooled = jnp.concatenate([*last], axis=-1)
        pooled *= 2 * jax.random.bernoulli(key, 0.5, pooled.shape)
        return optax.sigmoid_binary_cross_entropy(pooled @ params["output"], labels).mean()

    def step(params: Any, opt_state: Any, key: Any) -> Any:
        key, now = jax.random.split(key)
        updates, opt_state = tx.update(jax.grad(loss)(params, ids, labels, now), opt_state)
        return optax.apply_updates(params, updates), opt_state, key

    ids, labels = jnp.asarray(ids), jnp.asarray(labels)
    jitted = jax.jit(step, donate_argnums=(0, 1))
    state = params, tx.init(params), jax.random.key(1)

    def run() -> None:
        nonlocal state
        for _ in range(STEPS):
            state = jitted(*state)
        jax.block_until_ready(state[0])

    return run


def torch_steps(arch: str, batch_size: int, hidden_size: int) -> Callable[[], None]:
    """`STEPS` training steps of the same model in PyTorch."""
    import torch

    model = torch_model(Case(LENGTH, hidden=hidden_size, vocabulary=VOCAB_SIZE), arch).cuda()
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    ids, labels = random_batch(batch_size)
    batch, target = torch.from_numpy(ids).cuda(), torch.from_numpy(labels).float().cuda()

    def run() -> None:
        for _ in range(STEPS):
            optimizer.zero_grad()
            torch.nn.functional.binary_cross_entropy_with_logits(model(batch), target).backward()
            optimizer.step()
        torch.cuda.synchronize()

    return run


def measure(system: str, arch: str, batch_size: int, hidden_size: int) -> None:
    """Print the texts per second of one row's entry."""
    if system == "torch":
        steps = torch_steps(arch, batch_size, hidden_size)
    elif system == "cudnn":
        steps = cudnn_steps(batch_size, hidden_size)
    else:
        steps = our_steps(system, arch, batch_size, hidden_size)
    steps()
    rates = []
    for _ in range(REPETITIONS):
        started = time.perf_counter()
        steps()
        rates.append(STEPS * batch_size / (time.perf_counter() - started))
    print(round(statistics.median(rates)))


def main() -> None:
    """Print the table as Markdown, a row as soon as it is measured."""
    systems = [name for name in SYSTEMS if name != "torch" or importlib.util.find_spec("torch")]
    print("| architecture | batch | hidden | " + " | ".join(systems) + " |\n|" + "---|" * (3 + len(systems)))
    for arch, batch_size, hidden_size in CASES:
        row = [arch, str(batch_size), str(hidden_size)]
        cells = []
        for system in systems:
            if system == "cudnn" and arch != "bilstm":
                cells.append("–")
                continue
            command = [sys.executable, "-m", "tests.benchmarks.gpu", system, *row]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            cells.append(f"{int(done.stdout):,}")
        print(f"| {' | '.join([*row, *cells])} |", flush=True)


if __name__ == "__main__":
    measure(*sys.argv[1:3], *map(int, sys.argv[3:])) if len(sys.argv) > 1 else main()
