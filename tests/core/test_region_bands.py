"""The bands along outlines: per pixel, against OpenCV, and the two kinds against each other."""

from __future__ import annotations

import importlib
import math
from types import ModuleType

import numpy as np
import pytest
from boundary_peers import band, mask_to_boundary
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from instance_scenes import region_runs

from segcore import kernels
from segcore.dilation import Dilation
from segcore.kernels import RegionRuns, reference, reference_boundaries

relaxed = settings(deadline=None, max_examples=150)


@pytest.fixture(scope="session", params=["reference", "compiled"], ids=["numpy", "numba"])
def kind(request: pytest.FixtureRequest) -> ModuleType:
    return importlib.import_module(f"segcore.kernels.{request.param}")


def bands(kind: ModuleType, images: list[np.ndarray], *widths_px: int) -> RegionRuns:
    heights = np.array([image.shape[1] for image in images], np.int64)
    return kind.boundary_runs(
        region_runs(images), heights=heights, widths_px=np.array(widths_px, np.int64)
    )


def drawn(text: str) -> np.ndarray:
    """A mask as text: ``#`` is in it."""
    return np.array([[char == "#" for char in line] for line in text.split()])


def assert_same(found: RegionRuns, expected: RegionRuns) -> None:
    for name, column, other in zip(found._fields, found, expected, strict=True):
        assert column.dtype == other.dtype, name
        assert np.array_equal(column, other), name


@pytest.mark.parametrize(
    ("mask", "width_px", "expected"),
    [
        pytest.param(
            """
            ......
            .####.
            .####.
            .####.
            ......
            """,
            1,
            """
            ......
            .####.
            .#..#.
            .####.
            ......
            """,
            id="inside the image",
        ),
        pytest.param("##### ##### ##### #####", 1, "##### #...# #...# #####", id="the whole image"),
        pytest.param("##### ##### ##### #####", 2, "##### ##### ##### #####", id="wider than the mask"),
        pytest.param(
            """
            #######
            #######
            #######
            ###.###
            #######
            #######
            #######
            """,
            1,
            """
            #######
            #.....#
            #.###.#
            #.#.#.#
            #.###.#
            #.....#
            #######
            """,
            id="a hole, also at its corners",
        ),
        pytest.param(
            "...#. ..#.. .#... #....", 1, "...#. ..#.. .#... #....", id="one pixel a column, by corners"
        ),
        pytest.param("... ...", 3, "... ...", id="empty"),
    ],
)
def test_the_band_is_what_is_near_a_pixel_outside(kind, mask, width_px, expected):
    assert_same(bands(kind, [drawn(mask)[None]], width_px), region_runs([drawn(expected)[None]]))


@st.composite
def filled(draw: st.DrawFn) -> np.ndarray:
    """Masks with much in them: rectangles, and single pixels turned."""
    n, height, width = draw(st.integers(0, 3)), draw(st.integers(1, 14)), draw(st.integers(1, 14))
    masks = np.zeros((n, height, width), np.bool_)
    for mask in masks:
        for _ in range(draw(st.integers(0, 3))):
            y, x = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
            mask[y : y + draw(st.integers(1, 14)), x : x + draw(st.integers(1, 14))] = True
        for _ in range(draw(st.integers(0, 3))):
            y, x = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
            mask[y, x] ^= True
    return masks


@relaxed
@given(st.lists(st.tuples(filled(), st.integers(1, 5)), max_size=3))
def test_bands_are_those_found_pixel_by_pixel(kind, images):
    masks, widths_px = [masks for masks, _ in images], [width_px for _, width_px in images]
    expected = [
        np.array([band(mask, width_px) for mask in own], np.bool_).reshape(own.shape)
        for own, width_px in images
    ]

    assert_same(bands(kind, masks, *widths_px), region_runs(expected))


@relaxed
@given(st.lists(st.tuples(filled(), st.integers(1, 3)), max_size=3), st.sampled_from([1, 5]))
def test_bands_do_not_depend_on_how_many_are_worked_on_at_a_time(images, block):
    masks, widths_px = [masks for masks, _ in images], [width_px for _, width_px in images]
    whole = bands(reference, masks, *widths_px)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reference_boundaries, "BLOCK_RUNS", block)
        parts = bands(reference, masks, *widths_px)

    assert_same(parts, whole)


@pytest.mark.parametrize("share", [0.001, 0.02, 0.1])
@pytest.mark.parametrize("holes", [0.0, 0.001, 0.3])
def test_bands_are_those_of_mask_to_boundary(kind, share, holes):
    """``mask_to_boundary`` of boundary-iou-api, with OpenCV, on wavy discs with holes."""
    height, width = 120, 173
    rng = np.random.default_rng(5)
    y, x = np.ogrid[:height, :width]
    masks = np.stack([
        np.hypot(y - cy, x - cx) < radius + 4 * np.sin(np.arctan2(y - cy, x - cx) * 5)
        for cy, cx, radius in ((60, 80, 50), (0, 0, 70), (110, 150, 90), (50, 160, 20))
    ])  # fmt: skip
    masks &= rng.random(masks.shape) >= holes
    steps = max(1, round(share * math.sqrt(height**2 + width**2)))
    expected = [mask_to_boundary(mask, steps) for mask in masks]

    found = bands(kind, [masks], Dilation(share=share).of(height=height, width=width))

    assert_same(found, region_runs([np.stack(expected)]))


def test_regions_that_end_where_an_image_of_the_largest_size_ends_have_a_band(kind):
    height, last = 46341, np.iinfo(np.int32).max
    # The lower seven rows of the last seven columns.
    ends = np.array([last - column * height for column in range(6, -1, -1)])
    side = RegionRuns(
        (ends - 7).astype(np.int32), ends.astype(np.int32), np.array([0, 7]), np.array([0, 1])
    )

    found = kind.boundary_runs(side, heights=np.array([height]), widths_px=np.array([3]))

    assert int((found.ends - found.starts).sum(dtype=np.int64)) == 49 - 1
    assert found.ends[-1] == last


@relaxed
@given(hnp.arrays(np.bool_, (3, 5, 6)), hnp.arrays(np.bool_, (2, 5, 6)))
def test_shared_pixels_of_any_pairs_are_those_counted_pixel_by_pixel(kind, left, right):
    i, j = np.array([2, 0, 0, 1, 2]), np.array([1, 1, 0, 1, 1])

    found = kind.shared_px(region_runs([left]), i, region_runs([right]), j)

    assert found.tolist() == [int((left[a] & right[b]).sum()) for a, b in zip(i, j, strict=True)]
    assert found.dtype == np.int64


SOUND = RegionRuns(
    np.array([1, 4], np.int32), np.array([3, 6], np.int32), np.array([0, 2]), np.array([0, 1])
)


@pytest.mark.parametrize(
    ("heights", "widths_px", "message"),
    [
        pytest.param([3], [0], "widths of 1 or more", id="no width"),
        pytest.param([3], [1, 1], "1 heights, 2 widths", id="another number of widths"),
        pytest.param([0], [1], "heights of 1 or more", id="no height"),
        pytest.param([3, 3], [1, 1], "2 images", id="another number of images"),
        pytest.param([3], [0.5], "int64 widths", id="broken widths"),
    ],
)
def test_broken_widths_are_refused_before_compiled_code_runs(heights, widths_px, message):
    with pytest.raises(ValueError, match=message):
        kernels.boundary_runs(SOUND, heights=np.array(heights), widths_px=np.array(widths_px))


def test_runs_that_fall_are_refused_before_compiled_code_runs():
    broken = SOUND._replace(starts=np.array([4, 1], np.int32), ends=np.array([6, 3], np.int32))

    with pytest.raises(ValueError, match="to increase"):
        kernels.boundary_runs(broken, heights=np.array([3]), widths_px=np.array([1]))


@pytest.mark.parametrize(
    ("i", "j"), [([0, 0], [0]), ([1], [0]), ([0], [-1]), ([0.0], [0])],
)  # fmt: skip
def test_pairs_of_regions_that_are_not_there_are_refused_before_compiled_code_runs(i, j):
    assert kernels.shared_px(SOUND, np.array([0]), SOUND, np.array([0])).tolist() == [4]
    with pytest.raises(ValueError, match="pairs"):
        kernels.shared_px(SOUND, np.array(i), SOUND, np.array(j))
