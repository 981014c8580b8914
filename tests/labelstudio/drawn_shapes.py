"""Shapes of Label Studio, drawn on small images, and by pycocotools."""

from __future__ import annotations

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from segcore.annotation import RunMask
from segcore.errors import RefusedMaskError
from segcore_labelstudio.brush import DrawnMask
from segcore_labelstudio.shapes import draw


def drawn(
    value: dict[str, object], *, width: int = 10, height: int = 10, threshold: int = 128
) -> DrawnMask:
    result = draw(value, width=width, height=height, threshold=threshold)
    canonical = RunMask.from_array(result.mask.to_array())
    np.testing.assert_array_equal(result.mask.starts, canonical.starts)
    np.testing.assert_array_equal(result.mask.ends, canonical.ends)
    assert result.mask.starts.dtype == result.mask.ends.dtype == np.int32
    return result


def picture(value: dict[str, object], *, width: int = 10, height: int = 10) -> list[str]:
    mask = drawn(value, width=width, height=height).mask.to_array()
    return ["".join(".#"[pixel] for pixel in row) for row in mask.astype(int)]


def refusal(value: dict[str, object], *, width: int = 10, height: int = 10) -> RefusedMaskError:
    with pytest.raises(RefusedMaskError) as caught:
        draw(value, width=width, height=height, threshold=128)
    assert len(caught.value.got) <= 80
    return caught.value


def coco(ring: list[float], *, width: int, height: int) -> np.ndarray:
    return coco_mask.decode(coco_mask.frPyObjects([ring], height, width))[..., 0].astype(bool)


def percent(ring: list[tuple[float, float]], *, width: int, height: int) -> list[list[float]]:
    return [[100 * x / width, 100 * y / height] for x, y in ring]


TRIANGLE = [(1, 1), (9, 1), (1, 9)]
