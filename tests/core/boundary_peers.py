"""The boundary of a mask as boundary-iou-api has it (Cheng et al., CVPR 2021): OpenCV and NumPy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

B = npt.NDArray[np.bool_]


def mask_to_boundary(mask: B, width_px: int) -> B:
    """As the peer writes it, but for the width, which is in pixels here."""
    import cv2

    padded = cv2.copyMakeBorder(mask.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    inner = cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=width_px)[1:-1, 1:-1]
    return mask & (inner == 0)


def band(mask: B, width_px: int) -> B:
    """The pixels of a mask that are near one outside it or outside the image, window by window."""
    inner = np.pad(mask, width_px)
    for axis in (0, 1):
        inner = sliding_window_view(inner, 2 * width_px + 1, axis=axis).all(axis=-1)
    return mask & ~inner
