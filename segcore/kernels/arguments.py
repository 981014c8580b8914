"""What the kernels index memory with is checked first; a broken argument raises ValueError."""

from __future__ import annotations

import numpy as np

from segcore.kernels.arrays import Codes, Counts, Positions, Values
from segcore.kernels.label_runs import LabelRuns
from segcore.kernels.region_runs import RegionRuns

__all__ = [
    "require_columns",
    "require_images",
    "require_offsets",
    "require_pixels",
    "require_region_runs",
    "require_regions",
    "require_runs",
    "require_values",
]


def require_region_runs(regions: RegionRuns, heights: Counts) -> None:
    """Canonical runs of the regions of several images."""
    require_images(regions, heights)
    starts, ends, offsets, _ = regions
    # Runs of one region increase, so that only its first can lie too low; two regions are not compared.
    first = offsets[:-1][offsets[1:] > offsets[:-1]]
    if not ((starts < ends).all() and (starts[first] >= 0).all()):
        raise ValueError("expected runs that are not empty and lie at 0 or more")
    apart = starts[1:] >= ends[:-1]
    apart[first[1:] - 1] = True
    if not apart.all():
        raise ValueError("expected the runs of each region to increase")


def require_images(regions: RegionRuns, heights: Counts) -> None:
    """What indexes memory; where the runs lie does not."""
    require_columns(regions.starts, regions.ends, regions.offsets)
    require_offsets(regions.images, regions.offsets.size - 1)
    if heights.dtype != np.int64 or (heights.size and int(heights.min()) < 1):
        raise ValueError("expected int64 heights of 1 or more")
    if regions.images.size != heights.size + 1:
        raise ValueError(f"expected the regions of {heights.size} images, got {regions.images.size - 1}")


def require_values(values: Values, codes: Codes, size: int | None) -> None:
    """A dense map, and a code below ``size`` for each value it can store."""
    if values.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"expected uint8 or uint16 values, got {values.dtype}")
    if not values.flags.c_contiguous:
        raise ValueError("expected C-contiguous values")
    if codes.dtype != np.int32 or codes.shape != (1 << 8 * values.itemsize,):
        raise ValueError(
            f"expected int32 codes of every {values.dtype} value, got {codes.dtype} {codes.shape}"
        )
    # Read as unsigned, a negative code is above every size.
    if size is not None and int(codes.view(np.uint32).max()) >= size:
        raise ValueError(f"expected codes from 0 to {size - 1}, got {codes.min()} to {codes.max()}")


def require_runs(runs: LabelRuns, size: int) -> None:
    """Label runs that cover all pixels, with codes below ``size``."""
    starts, codes = runs.starts, runs.codes
    if starts.dtype != np.int32 or codes.dtype != np.int32 or starts.shape != codes.shape:
        raise ValueError("expected int32 starts and codes of one length")
    if not starts.size:
        if runs.pixels:
            raise ValueError(f"no run covers the {runs.pixels} pixels")
        return
    if starts[0] != 0 or not (starts[1:] > starts[:-1]).all() or starts[-1] >= runs.pixels:
        raise ValueError(f"expected starts that increase from 0 and stay below {runs.pixels}")
    # Read as unsigned, a negative code is above every size.
    if int(codes.view(np.uint32).max()) >= size:
        raise ValueError(f"expected codes from 0 to {size - 1}, got {codes.min()} to {codes.max()}")


def require_offsets(offsets: Counts, size: int) -> None:
    """Parts that follow one another up to ``size``."""
    if offsets.dtype != np.int64 or not offsets.size or offsets[0] != 0 or offsets[-1] != size:
        raise ValueError(f"expected int64 offsets from 0 to {size}")
    if not (offsets[1:] >= offsets[:-1]).all():
        raise ValueError("expected offsets that never decrease")


def require_pixels(pixels: int | Counts, offsets: Counts) -> None:
    """Sizes of the images that masks are decoded for."""
    if isinstance(pixels, np.ndarray) and (
        pixels.dtype != np.int64 or pixels.shape != (offsets.size - 1,)
    ):
        raise ValueError(f"expected int64 pixels of {offsets.size - 1} masks")
    if np.min(pixels, initial=0) < 0 or np.max(pixels, initial=0) > np.iinfo(np.int32).max:
        raise ValueError("expected positions that 32 bits can hold")


def require_regions(starts: Positions, ends: Positions, offsets: Counts, pixels: int) -> None:
    """Runs of regions, all within the pixels of an image."""
    require_columns(starts, ends, offsets)
    require_runs_within(starts, ends, pixels)


def require_columns(starts: Positions, ends: Positions, offsets: Counts) -> None:
    """Runs of regions; where they lie is not looked at."""
    if starts.dtype != np.int32 or ends.dtype != np.int32 or starts.shape != ends.shape:
        raise ValueError("expected int32 starts and ends of one length")
    require_offsets(offsets, starts.size)


def require_runs_within(starts: Positions, ends: Positions, pixels: int) -> None:
    if starts.size and not (
        int(starts.min()) >= 0 and int(ends.max()) <= pixels and (starts < ends).all()
    ):
        raise ValueError(f"expected runs that are not empty and lie within 0 to {pixels}")
