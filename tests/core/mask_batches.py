"""What the masks of a batch look like."""

from __future__ import annotations

import numpy as np

from segcore.annotation import RunMask
from segcore.masks.batch import MaskBatch


def mask_of(batch: MaskBatch, i: int, height: int, width: int) -> np.ndarray:
    lo, hi = batch.offsets[i], batch.offsets[i + 1]
    starts, ends = batch.starts[lo:hi], batch.ends[lo:hi]
    assert (starts < ends).all()
    assert (starts[1:] > ends[:-1]).all(), "runs that touch are not canonical"
    return RunMask(height=height, width=width, starts=starts, ends=ends).to_array()
