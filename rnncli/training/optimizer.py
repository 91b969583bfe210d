"""The update rule: optimizer, learning-rate schedule, clipping; layers that start later or learn slower."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from rnncli.settings.train import OptimizerSettings

HEAD, EMBEDDING = "head", "embedding"


def learning_rates(settings: OptimizerSettings, total_steps: int) -> optax.Schedule:
    """Learning rate by step: linear warm-up from 0, then the schedule down to 0 at `total_steps`."""
    peak, warmup = settings.learning_rate, settings.warmup_steps
    rest = max(1, total_steps - warmup)
    after = {
        "constant": lambda: optax.constant_schedule(peak),
        "cosine": lambda: optax.cosine_decay_schedule(peak, rest),
        "linear": lambda: optax.linear_schedule(peak, 0.0, rest),
    }[settings.schedule]()
    if warmup == 0:
        return after
    return optax.join_schedules([optax.linear_schedule(0.0, peak, warmup), after], [warmup])


def make_optimizer(
    settings: OptimizerSettings, steps_per_epoch: int, epochs: int = 1, num_layers: int = 1
) -> optax.GradientTransformation:
    """The transformation of gradients to updates; clips by global norm first (0: never).

    `num_layers` is that of the model, whose layers may start one after the other or have rates of their
    own.
    """
    rates = learning_rates(settings, steps_per_epoch * epochs)
    if settings.unfreeze_epochs or settings.layer_rate_decay > 1:
        return _by_layer(settings, rates, settings.unfreeze_epochs * steps_per_epoch, num_layers)
    if settings.clip_norm == 0:
        return _rule(settings, rates)
    return optax.chain(optax.clip_by_global_norm(settings.clip_norm), _rule(settings, rates))


def _rule(settings: OptimizerSettings, rates: optax.Schedule) -> optax.GradientTransformation:
    return {
        "adam": lambda: optax.adam(rates),
        "adamw": lambda: optax.adamw(rates, weight_decay=settings.weight_decay),
        "sgd": lambda: optax.sgd(rates, momentum=0.9),
        "rmsprop": lambda: optax.rmsprop(rates),
    }[settings.name]()


def _by_layer(
    settings: OptimizerSettings, rates: optax.Schedule, wait: int, num_layers: int
) -> optax.GradientTransformation:
    """Gradual unfreezing and discriminative learning rates (Howard & Ruder 2018).

    The d-th layer below the head, which is number 0, is trained from step ``d · wait`` on, with the
    learning rates ``rates(step) / layer_rate_decay^d``. Until then its gradient is as if it were zero:
    clipping does not count it, and its moments are those of a beginning when it begins.
    """
    layers = [HEAD, *(f"layer_{layer}" for layer in reversed(range(num_layers))), EMBEDDING]

    def rates_of(depth: int) -> optax.Schedule:
        return lambda count: rates(count + depth * wait) / settings.layer_rate_decay**depth

    waiting = {name: starting_at(depth * wait, optax.identity()) for depth, name in enumerate(layers)}
    rules = {
        name: starting_at(depth * wait, _rule(settings, rates_of(depth))) for depth, name in enumerate(layers)
    }
    clip = optax.clip_by_global_norm(settings.clip_norm) if settings.clip_norm else optax.identity()
    return optax.chain(optax.partition(waiting, layers_of), clip, optax.partition(rules, layers_of))


def layers_of(params: Any) -> Any:
    """The layer that each parameter belongs to, as a tree of names: from the head down to the embedding."""

    def layer_of(path: tuple[Any, ...], _: Array) -> str:
        names = [entry.key for entry in path]
        if names[0] == "encoder":
            return str(names[1])
        return {"embedding": EMBEDDING, "hidden": "layer_0"}.get(names[0], HEAD)

    return jax.tree_util.tree_map_with_path(layer_of, params)


class Started(NamedTuple):
    """The state of `starting_at`."""

    step: Array
    inner: optax.OptState


def starting_at(first_step: int, tx: optax.GradientTransformation) -> optax.GradientTransformation:
    """Zero updates before `first_step`; from then on `tx`, as if that step were its first."""
    if first_step == 0:
        return tx

    def init(params: optax.Params) -> Started:
        return Started(jnp.zeros((), jnp.int32), tx.init(params))

    def update(
        updates: optax.Updates, state: Started, params: optax.Params | None = None
    ) -> tuple[optax.Updates, Started]:
        found, inner = tx.update(updates, state.inner, params)
        started = state.step >= first_step
        found = jax.tree.map(lambda new: jnp.where(started, new, 0), found)
        inner = jax.tree.map(lambda new, old: jnp.where(started, new, old), inner, state.inner)
        return found, Started(state.step + 1, inner)

    return optax.GradientTransformation(init, update)
