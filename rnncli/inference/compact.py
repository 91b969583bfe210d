"""The large tables of a model in 8 bits a number.

A column of a table is stored as whole numbers from -127 to 127 and what to multiply them by. The codes
of n-grams are stored in as few bytes as the largest of them needs.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
LARGEST = 127


def pack(name: str, values: Floats) -> dict[str, NDArray[Any]]:
    """The table [rows, columns] in 8 bits: tensors ``NAME.int8`` and ``NAME.scale`` [columns]."""
    scale = (np.abs(values).max(axis=0, initial=0) / LARGEST).astype(np.float32)
    whole = np.rint(values / np.where(scale > 0, scale, 1)).astype(np.int8)
    return {f"{name}.int8": whole, f"{name}.scale": scale}


def unpack(name: str, tensors: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The tensors with the table that `pack` made two of."""
    rest = dict(tensors)
    whole, scale = rest.pop(f"{name}.int8"), rest.pop(f"{name}.scale")
    return {name: whole * scale} | rest


def rounded(values: Floats) -> Floats:
    """The table as it is after packing and unpacking; rounding it again changes nothing."""
    table: Floats = unpack("table", pack("table", values))["table"]
    return table


def pack_codes(codes: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Codes [n] as their bytes, the lowest first, [n, bytes]."""
    num_bytes = -(-int(codes.max(initial=1)).bit_length() // 8)
    return np.ascontiguousarray(codes.astype("<i8").view(np.uint8).reshape(-1, 8)[:, :num_bytes])


def unpack_codes(packed: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The codes [n] that `pack_codes` packed."""
    whole = np.zeros((len(packed), 8), np.uint8)
    whole[:, : packed.shape[1]] = packed
    return whole.view("<i8").reshape(-1).astype(np.int64)
