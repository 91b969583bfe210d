"""The training step: one pure function; and the programs that are compiled of it."""

import time
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from rnncli.models.layers import Keys
from rnncli.training.objectives.base import Batch, Objective, Params, Sums


class TrainState(NamedTuple):
    """All that a step changes."""

    params: Params
    opt_state: optax.OptState
    step: Array  # how many were taken, an int32 scalar
    mean: Params | None = None  # of the last epochs' parameters, as far as they are done; see `Trainer`


def train_step(
    state: TrainState, batch: Batch, key: Array, *, objective: Objective, tx: optax.GradientTransformation
) -> tuple[TrainState, Sums]:
    """Update the parameters once, from the gradient of a batch's mean loss.

    Every device of the axis ``data`` runs this at once on its share of the rows, with the same state;
    they exchange the sums of their gradients, and all return the same.

    Args:
        state: the state before.
        batch: this device's share.
        key: the run's; what is random in a step is a function of it, of the step's number and of a
            row's place in the whole batch, and so neither of the devices nor of earlier steps.
        objective: what is minimised.
        tx: the update rule.

    Returns:
        The state after, and the objective's sums over the whole batch with ``grad_norm``, the global
        norm of the gradient before clipping.
    """
    rows = len(jnp.asarray(batch["weights"]))
    places = jax.lax.axis_index("data") * rows + jnp.arange(rows)  # [rows], in the whole batch
    step_key = jax.random.fold_in(key, state.step)
    row_keys = jax.vmap(jax.random.fold_in, (None, 0))(step_key, places)
    # The rows take the low numbers; the last one is far from those of any batch.
    keys = Keys(row_keys, jax.random.fold_in(step_key, 2**32 - 1))

    def summed_loss(params: Params) -> tuple[Array, Sums]:
        sums = objective.sums(params, batch, keys)
        return sums["loss"], sums

    gradients_and_sums = jax.grad(summed_loss, has_aux=True)(state.params)
    # The devices meet once, at the end: one that has to wait earlier leaves its core idle.
    grads, sums = jax.lax.psum(gradients_and_sums, "data")
    grads = jax.tree.map(lambda grad: grad / sums["weight"], grads)

    updates, opt_state = tx.update(grads, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    state = TrainState(params, opt_state, state.step + 1, state.mean)
    return state, sums | {"grad_norm": optax.tree.norm(grads)}


def eval_step(params: Params, batch: Batch, *, objective: Objective) -> Sums:
    """The objective's sums over a whole batch, without randomness; `batch` is this device's share."""
    return jax.lax.psum(objective.sums(params, batch, None), "data")


class Programs:
    """The two steps compiled for an objective, an optimizer and a mesh, a program for each shape of a batch.

    Batches are split over the mesh's devices; parameters and optimizer state are copied to each.
    `compile_seconds` is the time spent compiling so far.
    """

    def __init__(self, objective: Objective, tx: optax.GradientTransformation, mesh: Mesh) -> None:
        split, whole = PartitionSpec("data"), PartitionSpec()
        self._split, self._whole = NamedSharding(mesh, split), NamedSharding(mesh, whole)
        self._initialise = jax.jit(
            lambda params: TrainState(params, tx.init(params), jnp.zeros((), jnp.int32)),
            out_shardings=self._whole,
        )
        # Left to itself, the compiler adds up the recurrent kernels' gradient over the devices at
        # every time step, inside the loop; mapped by hand, each device finishes first.
        on_devices = partial(jax.shard_map, mesh=mesh, out_specs=whole, check_vma=False)
        step = partial(train_step, objective=objective, tx=tx)
        self._train = jax.jit(on_devices(step, in_specs=(whole, split, whole)), donate_argnums=0)
        self._evaluate = jax.jit(on_devices(partial(eval_step, objective=objective), in_specs=(whole, split)))
        self._compiled: dict[Any, jax.stages.Compiled] = {}
        self.compile_seconds = 0.0

    def __len__(self) -> int:
        """How many programs were compiled so far."""
        return len(self._compiled)

    def initial_state(self, params: Params) -> TrainState:
        """The state before the first step, on every device."""
        return self._initialise(params)

    def place_state(self, state: TrainState) -> TrainState:
        """`state` copied to every device."""
        return jax.device_put(state, self._whole)

    def place_batch(self, batch: Batch) -> Batch:
        """A batch of host arrays, split over the devices; each process fills its own."""
        if jax.process_count() == 1:
            return jax.device_put(batch, self._split)
        return jax.tree.map(
            lambda array: jax.make_array_from_callback(array.shape, self._split, array.__getitem__), batch
        )

    def train(self, state: TrainState, batch: Batch, key: Array) -> tuple[TrainState, Sums]:
        """`train_step` on the devices; `state` is consumed."""
        return self._run(self._train, state, batch, key)

    def evaluate(self, params: Params, batch: Batch) -> Sums:
        """`eval_step` on the devices."""
        return self._run(self._evaluate, params, batch)

    def _run(self, step: Any, values: Any, batch: Batch, *rest: Array) -> Any:
        """Run a step on arrays that are on the devices, and compile it first where the shape is new."""
        name = (step, jax.tree.structure(values), *(leaf.shape for leaf in jax.tree.leaves(batch)))
        if name not in self._compiled:
            started = time.perf_counter()
            self._compiled[name] = step.lower(values, batch, *rest).compile()
            self.compile_seconds += time.perf_counter() - started
        return self._compiled[name](values, batch, *rest)
