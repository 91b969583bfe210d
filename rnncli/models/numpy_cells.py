"""One step of each recurrent cell in NumPy: the twins of `rnncli.models.cells`, named like the option.

Each takes the carry, a tuple of arrays [texts, hidden] with the state h first, and the two shares of
the sums: ``x W + b`` and ``h U``, [texts, gates * hidden] each; and returns the next carry.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Carry = tuple[Floats, ...]
Learned = Mapping[str, Floats]  # a direction's parameters by name


def sigmoid(z: Floats) -> Floats:
    """``1 / (1 + exp(-z))``, as a tanh, which is faster and cannot overflow."""
    return 0.5 * np.tanh(0.5 * z) + 0.5


def rnn(_carry: Carry, from_x: Floats, from_h: Floats, _learned: Learned) -> Carry:
    """``h' = tanh(x W + b + h U)``."""
    return (np.tanh(from_x + from_h),)


def lstm(carry: Carry, from_x: Floats, from_h: Floats, _learned: Learned) -> Carry:
    """``c' = f c + i g``, ``h' = o tanh(c')``, with gates in the order i, f, g, o."""
    _, c = carry
    i, f, g, o = np.split(from_x + from_h, 4, axis=1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def gru(carry: Carry, from_x: Floats, from_h: Floats, learned: Learned) -> Carry:
    """``n = tanh(x W_n + b_n + r (h U_n + b_hn))``, ``h' = (1 - z) n + z h``, gates in the order r, z, n."""
    (h,) = carry
    (xr, xz, xn), (hr, hz, hn) = np.split(from_x, 3, axis=1), np.split(from_h, 3, axis=1)
    z = sigmoid(xz + hz)
    n = np.tanh(xn + sigmoid(xr + hr) * (hn + learned["recurrent_bias"]))
    return ((1 - z) * n + z * h,)
