"""The update rule: optimizer, learning-rate schedule, clipping."""

import optax

from rnncli.settings.train import OptimizerSettings


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


def make_optimizer(settings: OptimizerSettings, total_steps: int) -> optax.GradientTransformation:
    """The transformation of gradients to updates; clips by global norm first (0: never)."""
    rate = learning_rates(settings, total_steps)
    rule = {
        "adam": lambda: optax.adam(rate),
        "adamw": lambda: optax.adamw(rate, weight_decay=settings.weight_decay),
        "sgd": lambda: optax.sgd(rate, momentum=0.9),
        "rmsprop": lambda: optax.rmsprop(rate),
    }[settings.name]()
    if settings.clip_norm == 0:
        return rule
    return optax.chain(optax.clip_by_global_norm(settings.clip_norm), rule)
