"""What an objective has to say, so that step, loop and checkpoints can do without knowing what is learned."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from jax import Array
from numpy.typing import NDArray

from rnncli.data.batching import Plan
from rnncli.models.layers import Keys

Params = dict[str, Any]
Part = Literal["train", "validation"]
# Arrays by name, on the host or on the devices, and None for one that a batch does without. Over
# several devices each array is split along its first axis. `weights` [rows] says how much each row
# counts in the loss; rows that fill a batch up have weight 0. The other names are the objective's.
Batch = Mapping[str, Array | NDArray[Any] | None]
Sums = dict[str, Array]  # float32 scalars, so that the devices add them up in one exchange


class Objective(ABC):
    """What is minimised: batches of it, sums over a batch, figures made of sums, and which are better.

    On the host it plans epochs and fills batches. On the devices `sums` is a pure function, which the
    training step differentiates: the gradient is that of ``loss / weight`` over the whole batch.
    """

    @abstractmethod
    def initial_params(self, seed: int) -> Params:
        """The parameters that training starts from, on the host."""

    @abstractmethod
    def plans(self, part: Part, random: np.random.Generator | None) -> list[Plan]:
        """The batches of an epoch, always as many; in an order drawn from `random`, or any order without."""

    @abstractmethod
    def batch(self, part: Part, plan: Plan) -> Batch:
        """The arrays of a planned batch on the host."""

    @abstractmethod
    def sums(self, params: Params, batch: Batch, keys: Keys | None) -> Sums:
        """Sums over one device's share of a batch.

        Args:
            params: the parameters.
            batch: the share, on the device.
            keys: while training, the randomness of each row and of the step; without, there is none.

        Returns:
            ``loss``, ``weight`` and ``examples`` (rows that do not fill up), and whatever else the
            figures are made of.
        """

    @abstractmethod
    def figures(self, sums: Mapping[str, float]) -> dict[str, float]:
        """What a reader wants to know of sums over many batches; ``loss`` in any case."""

    @abstractmethod
    def rank(self, figures: Mapping[str, float]) -> tuple[float, ...]:
        """What orders validation figures: the greater tuple is of the better model."""

    @property
    def batches_per_epoch(self) -> int:
        """Batches in an epoch of training."""
        return len(self.plans("train", None))
