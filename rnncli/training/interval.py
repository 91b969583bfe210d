"""When to write checkpoints."""

from dataclasses import dataclass


@dataclass(frozen=True)
class CheckpointInterval:
    """Checkpoints besides those at the end of every epoch; 0 means none.

    Attributes:
        steps: after the steps whose number this divides.
        minutes: so long after the last one.
    """

    steps: int = 0
    minutes: float = 0.0
