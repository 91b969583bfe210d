"""The update rule: optimizer, learning-rate schedule, clipping."""

import optax

from rnncli.settings import Optimizer, Schedule, TrainConfig


def learning_rates(config: TrainConfig, total_steps: int) -> optax.Schedule:
    """Learning rate by step: linear warm-up from 0, then the schedule down to 0 at `total_steps`."""
    peak, warmup = config.learning_rate, config.warmup_steps
    rest = max(1, total_steps - warmup)
    after = {
        Schedule.CONSTANT: lambda: optax.constant_schedule(peak),
        Schedule.COSINE: lambda: optax.cosine_decay_schedule(peak, rest),
        Schedule.LINEAR: lambda: optax.linear_schedule(peak, 0.0, rest),
    }[config.schedule]()
    if warmup == 0:
        return after
    return optax.join_schedules([optax.linear_schedule(0.0, peak, warmup), after], [warmup])


def make_optimizer(config: TrainConfig, total_steps: int) -> optax.GradientTransformation:
    """The transformation of gradients to updates; clips by global norm first (0: never)."""
    rate = learning_rates(config, total_steps)
    rule = {
        Optimizer.ADAM: lambda: optax.adam(rate),
        Optimizer.ADAMW: lambda: optax.adamw(rate, weight_decay=config.weight_decay),
        Optimizer.SGD: lambda: optax.sgd(rate, momentum=0.9),
        Optimizer.RMSPROP: lambda: optax.rmsprop(rate),
    }[config.optimizer]()
    if config.clip_norm == 0:
        return rule
    return optax.chain(optax.clip_by_global_norm(config.clip_norm), rule)
