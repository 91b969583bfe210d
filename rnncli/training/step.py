"""Pure functions of one batch: loss, training step, evaluation step."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from numpy.typing import NDArray

from rnncli.models.classifier import Classifier
from rnncli.models.parameters import initial_weights, nested
from rnncli.settings.model import ModelShape
from rnncli.settings.train import Precision

Params = dict[str, Any]
Values = Array | NDArray[Any]


class TrainState(NamedTuple):
    """All that a step changes.

    Attributes:
        params: the model's parameters.
        opt_state: the optimizer's state.
        step: number of steps taken, an int32 scalar.
    """

    params: Params
    opt_state: optax.OptState
    step: Array


class Examples(NamedTuple):
    """A labelled batch, on the host or on the devices.

    Attributes:
        positions: [batch, time], see `Classifier`.
        words: [shards, words], a list for each device's share of the texts, see `Classifier`; or None.
        labels: [batch] class indices.
        weights: [batch] how much each example counts in the loss; 0 for rows that fill the batch.
    """

    positions: Values
    words: Values | None
    labels: Values
    weights: Values


class BatchMetrics(NamedTuple):
    """Sums over a batch, float32 all of them, so that the devices add them up in one exchange.

    `grad_norm` is 0 where no gradient was taken.

    Attributes:
        loss: weighted sum of the examples' cross-entropies, in nats.
        weight: sum of the examples' weights.
        correct: examples with a weight whose most probable class is the label.
        examples: examples with a weight.
        grad_norm: global norm of the gradient, before clipping.
    """

    loss: Array
    weight: Array
    correct: Array
    examples: Array
    grad_norm: Array


def cross_entropy(logits: Array, labels: Array) -> Array:
    """Negative log-probability of each label, in nats, [batch].

    One logit is that of class 1 against class 0 (binary cross-entropy); more are a softmax's.
    """
    if logits.shape[-1] == 1:
        return optax.sigmoid_binary_cross_entropy(logits[:, 0], labels.astype(logits.dtype))
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels)


def batch_metrics(logits: Array, examples: Examples) -> BatchMetrics:
    """Loss and hits of a batch, as sums."""
    binary = logits.shape[-1] == 1
    predicted = (logits[:, 0] > 0).astype(jnp.int32) if binary else logits.argmax(axis=-1)
    labels, weights = jnp.asarray(examples.labels), jnp.asarray(examples.weights)
    counts = weights > 0
    return BatchMetrics(
        loss=(weights * cross_entropy(logits, labels)).sum(),
        weight=weights.sum(),
        correct=(counts & (predicted == labels)).sum(dtype=jnp.float32),
        examples=counts.sum(dtype=jnp.float32),
        grad_norm=jnp.zeros(()),
    )


class Steps:
    """The compiled programs of one model on one mesh, an array shape each, and their count and time.

    Batches are split over the mesh's devices; parameters and optimizer state are copied to each.
    """

    def __init__(
        self,
        config: ModelShape,
        tx: optax.GradientTransformation,
        mesh: Mesh,
        precision: Precision = "float32",
    ) -> None:
        self._model = Classifier(config, jnp.bfloat16 if precision == "bfloat16" else None)
        self._tx = tx
        self._mesh = mesh
        self._split = NamedSharding(mesh, PartitionSpec("data"))
        self._whole = NamedSharding(mesh, PartitionSpec())
        self._programs: dict[tuple[Any, ...], jax.stages.Compiled] = {}
        self._initialise = jax.jit(self._initial_state, out_shardings=self._whole)
        self._train = jax.jit(self._train_step, donate_argnums=0)
        self._evaluate = jax.jit(self._eval_step)

    @property
    def num_shards(self) -> int:
        """Equal parts that a batch is split into."""
        return self._mesh.size

    @property
    def num_programs(self) -> int:
        """How many programs were compiled so far."""
        return len(self._programs)

    def initial_state(self, seed: int) -> TrainState:
        """Fresh parameters drawn from `seed`, and the optimizer's state for them."""
        return self._initialise(nested(initial_weights(self._model.config, seed)))

    def place(self, state: TrainState) -> TrainState:
        """`state` copied to every device."""
        return jax.device_put(state, self._whole)

    def place_examples(self, examples: Examples) -> Examples:
        """A batch of host arrays, split over the devices; each process fills its own."""
        if jax.process_count() == 1:
            return jax.device_put(examples, self._split)

        def share(values: NDArray[Any]) -> Array:
            return jax.make_array_from_callback(values.shape, self._split, values.__getitem__)

        return jax.tree.map(share, examples)

    def compile(self, kind: str, state: TrainState, examples: Examples, key: Array) -> bool:
        """Make sure that the program for this batch's shape exists; return whether it was compiled now."""
        name = self._name(kind, examples)
        if name in self._programs:
            return False
        if kind == "train":
            self._programs[name] = self._train.lower(state, examples, key).compile()
        else:
            self._programs[name] = self._evaluate.lower(state.params, examples).compile()
        return True

    def train(self, state: TrainState, examples: Examples, key: Array) -> tuple[TrainState, BatchMetrics]:
        """One optimizer step; `state` is consumed. `key` is the run's, not the step's."""
        return self._programs[self._name("train", examples)](state, examples, key)

    def evaluate(self, state: TrainState, examples: Examples) -> BatchMetrics:
        """Metrics of a batch without dropout."""
        return self._programs[self._name("eval", examples)](state.params, examples)

    @staticmethod
    def _name(kind: str, examples: Examples) -> tuple[Any, ...]:
        return (kind, examples.positions.shape, None if examples.words is None else examples.words.shape)

    def _initial_state(self, params: Params) -> TrainState:
        return TrainState(params, self._tx.init(params), jnp.zeros((), jnp.int32))

    def _train_step(
        self, state: TrainState, examples: Examples, key: Array
    ) -> tuple[TrainState, BatchMetrics]:
        step_key = jax.random.fold_in(key, state.step)
        grads, metrics = self._on_shards(self._shard_gradients)(state.params, examples, step_key)
        updates, opt_state = self._tx.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        metrics = metrics._replace(grad_norm=optax.tree.norm(grads))
        return TrainState(params, opt_state, state.step + 1), metrics

    def _eval_step(self, params: Params, examples: Examples) -> BatchMetrics:
        return self._on_shards(self._shard_metrics)(params, examples, None)

    def _on_shards(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """`function` of (params, examples, key) on every device, each with its share of the examples.

        Left to itself, the compiler adds up the recurrent weights' gradient over the devices at
        every time step, inside the loop; here each device finishes first.
        """
        split: Any = PartitionSpec("data")
        whole: Any = PartitionSpec()
        return jax.shard_map(
            function, mesh=self._mesh, in_specs=(whole, split, whole), out_specs=whole, check_vma=False
        )

    def _shard_gradients(self, params: Params, examples: Examples, key: Array) -> tuple[Params, BatchMetrics]:
        rows = len(examples.labels)
        numbers = jax.lax.axis_index("data") * rows + jnp.arange(rows)  # of the rows, in the whole batch
        dropout_keys = jax.vmap(jax.random.fold_in, (None, 0))(key, numbers)

        def summed_loss(params: Params) -> tuple[Array, BatchMetrics]:
            metrics = batch_metrics(self._logits(params, examples, dropout_keys), examples)
            return metrics.loss, metrics

        # The devices meet once, at the end: one that has to wait earlier leaves its core idle.
        grads, metrics = jax.lax.psum(jax.grad(summed_loss, has_aux=True)(params), "data")
        return jax.tree.map(lambda grad: grad / metrics.weight, grads), metrics

    def _shard_metrics(self, params: Params, examples: Examples, _key: None) -> BatchMetrics:
        return jax.lax.psum(batch_metrics(self._logits(params, examples), examples), "data")

    def _logits(self, params: Params, examples: Examples, dropout_keys: Array | None = None) -> Array:
        words = None if examples.words is None else examples.words[0]
        return jnp.asarray(self._model.apply({"params": params}, examples.positions, words, dropout_keys))
