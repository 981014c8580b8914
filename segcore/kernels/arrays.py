"""What the kernels pass around: NumPy arrays by their role."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["Codes", "Colors", "Counts", "Positions", "Values"]

Codes = npt.NDArray[np.int32]
"""Codes of an evaluation, or the code of every value a mask can store."""

Colors = npt.NDArray[np.uint32]
"""Packed colours: red + 256 green + 65536 blue."""

Counts = npt.NDArray[np.int64]
"""Pixels, run lengths, offsets."""

Positions = npt.NDArray[np.int32]
"""Column-major pixel positions."""

Values = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
"""What a mask stores."""
