"""What the kernels pass around: NumPy arrays by their role."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["Bools", "Bytes", "Codes", "Colors", "Counts", "Floats", "Positions", "Values"]

Bools = npt.NDArray[np.bool_]

Bytes = npt.NDArray[np.uint8]
"""Text as it stands in a file."""

Codes = npt.NDArray[np.int32]
"""Codes of an evaluation, or the code of every value a mask can store."""

Colors = npt.NDArray[np.uint32]
"""Packed colours: red + 256 green + 65536 blue."""

Counts = npt.NDArray[np.int64]
"""Pixels, run lengths, offsets."""

Floats = npt.NDArray[np.float64]

Positions = npt.NDArray[np.int32]
"""Column-major pixel positions."""

Values = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
"""What a mask stores."""
