"""An array written to a file part by part, for it may be larger than the memory."""

from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.lib import format as npy
from numpy.typing import DTypeLike, NDArray


class ArrayWriter:
    """Writes the ``.npy`` file of a one-dimensional array whose length shows at the end.

    NumPy gives every header of such an array the same length, so that it can be written again.
    """

    def __init__(self, path: Path, dtype: DTypeLike) -> None:
        """Make the file `path` for numbers of type `dtype`."""
        self._dtype = np.dtype(dtype)
        self._length = 0
        self._file = path.open("wb")
        self._write_header()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._file:
            self._file.seek(0)
            self._write_header()

    def append(self, values: NDArray[np.integer]) -> None:
        """Add `values` [n] at the end."""
        self._file.write(values.astype(self._dtype).tobytes())
        self._length += len(values)

    def _write_header(self) -> None:
        header = {
            "descr": npy.dtype_to_descr(self._dtype),
            "fortran_order": False,
            "shape": (self._length,),
        }
        npy.write_array_header_1_0(self._file, header)
