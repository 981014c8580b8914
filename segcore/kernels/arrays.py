"""What the kernels pass around: NumPy arrays by their role."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["Codes", "Counts", "Positions", "Values"]

Codes = npt.NDArray[np.int32]
"""Codes of an evaluation, or the code of every value a mask can store."""

Counts = npt.NDArray[np.int64]
"""Pixels, run lengths, offsets."""

Positions = npt.NDArray[np.int32]
"""Column-major pixel positions."""

Values = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
"""What a mask stores."""
