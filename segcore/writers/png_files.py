"""PNG files for masks: gray of 8 or 16 bits, palette, RGB; lossless, and the same bytes every time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

__all__ = ["png_bytes", "voc_palette", "write_png"]


def write_png(
    path: Path, values: npt.NDArray[np.generic], *, palette: Sequence[tuple[int, int, int]] | None = None
) -> None:
    """Write a mask, and the folders it lies in.

    Parameters
    ----------
    path : Path
    values : uint8 (H, W), uint16 (H, W) or uint8 (H, W, 3)
    palette : sequence of (int, int, int) or None
        Red, green and blue of the values from 0 on, of 8-bit masks.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png_bytes(values, palette=palette))


def png_bytes(
    values: npt.NDArray[np.generic], *, palette: Sequence[tuple[int, int, int]] | None = None
) -> bytes:
    """The file of a mask; see :func:`write_png`."""
    import io

    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(values))
    if palette is not None:
        image.putpalette([part for color in palette for part in color])
    stream = io.BytesIO()
    # Pillow packs a short palette into fewer bits than 8, which readers disagree about.
    options = {"bits": 8} if palette is not None else {}
    image.save(stream, format="PNG", **options)
    return stream.getvalue()


def voc_palette() -> list[tuple[int, int, int]]:
    """The 256 colours of Pascal VOC."""
    from segcore.sources.voc_labels import VOC_PALETTE

    return [(color >> 16, color >> 8 & 255, color & 255) for color in VOC_PALETTE]
