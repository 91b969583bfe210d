"""``python -m tests.benchmarks.gpu``: ways to train the tutorial's model on an NVIDIA GPU, as a table.

Each row is a process of its own: our loop over time in float32 and bfloat16, cuDNN's LSTM through
JAX, and ``torch.nn.LSTM`` where PyTorch is installed; training steps on batches that already lie on
the device, so that what is compared is the device's work.
"""

import importlib.util
import statistics
import sys
from typing import Any

import numpy as np

from tests.benchmarks.measuring import answer, header, rates, row
from tests.benchmarks.systems import EMBEDDING_SIZE, Case, Steps, our_steps, torch_train

STEPS, REPETITIONS = 30, 5
SYSTEMS = ["loop", "loop-bfloat16", "cudnn", "torch"]
CASES = [("bilstm", 128, 64), ("bilstm", 1024, 64), ("bilstm", 128, 512), ("bigru", 128, 64)]


def cudnn_steps(case: Case) -> Steps:
    """Training steps of the bilstm with cuDNN's layer, which JAX offers for LSTMs alone."""
    import jax
    import jax.numpy as jnp
    import optax
    from jax.experimental import rnn

    texts, labels = case.reviews()
    lengths = jnp.full(case.batch, case.length, jnp.int32)
    zeros = jnp.zeros((2, case.batch, case.hidden))
    sizes = EMBEDDING_SIZE, case.hidden, 1
    tx = optax.adam(1e-3)
    keys = jax.random.split(jax.random.key(0), 3)
    params = {
        "table": jax.random.uniform(keys[0], (case.vocabulary, EMBEDDING_SIZE), minval=-0.05, maxval=0.05),
        "lstm": rnn.init_lstm_weight(keys[1], *sizes, True),
        "output": 0.1 * jax.random.normal(keys[2], (2 * case.hidden,)),
    }

    def loss(params: Any, ids: Any, labels: Any, key: Any) -> Any:
        inputs = params["table"][ids]
        _, last, _ = rnn.lstm(inputs, zeros, zeros, params["lstm"], lengths, *sizes, 0.0, True)
        pooled = jnp.concatenate([*last], axis=-1)
        pooled *= 2 * jax.random.bernoulli(key, 0.5, pooled.shape)
        return optax.sigmoid_binary_cross_entropy(pooled @ params["output"], labels).mean()

    def update(params: Any, opt_state: Any, key: Any) -> Any:
        key, now = jax.random.split(key)
        updates, opt_state = tx.update(jax.grad(loss)(params, ids, labels, now), opt_state)
        return optax.apply_updates(params, updates), opt_state, key

    ids, labels = jnp.asarray(np.stack(texts)), jnp.asarray(labels)
    jitted = jax.jit(update, donate_argnums=(0, 1))
    state = params, tx.init(params), jax.random.key(1)

    def step() -> Any:
        nonlocal state
        state = jitted(*state)
        return state[0]

    return step, jax.block_until_ready


def torch_steps(case: Case, arch: str) -> Steps:
    """Training steps of the same model in PyTorch."""
    step = torch_train(case, arch, "cuda")  # an epoch of one batch
    import torch

    return step, lambda _: torch.cuda.synchronize()


def measure(system: str, arch: str, batch_size: int, hidden_size: int) -> None:
    """Print the texts per second of one row's entry."""
    case = Case(texts=batch_size, batch=batch_size, hidden=hidden_size)
    if system == "torch":
        step, wait = torch_steps(case, arch)
    elif system == "cudnn":
        step, wait = cudnn_steps(case)
    else:
        precision = "bfloat16" if system == "loop-bfloat16" else "float32"
        step, wait = our_steps(case, arch=arch, precision=precision)

    def run() -> None:
        for _ in range(STEPS):
            last = step()
        wait(last)

    print(round(statistics.median(rates(run, STEPS * batch_size, REPETITIONS))))


def main() -> None:
    """Print the table."""
    systems = [name for name in SYSTEMS if name != "torch" or importlib.util.find_spec("torch")]
    header("architecture", "batch", "hidden", *systems)
    for arch, *sizes in CASES:
        found = [
            "–" if system == "cudnn" and arch != "bilstm" else f"{answer('gpu', system, arch, *sizes):,}"
            for system in systems
        ]
        row(arch, *map(str, sizes), *found)


if __name__ == "__main__":
    measure(*sys.argv[1:3], *map(int, sys.argv[3:])) if len(sys.argv) > 1 else main()
