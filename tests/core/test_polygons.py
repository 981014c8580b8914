"""Polygons: pixels by the COCO rule, and what is refused before it is applied."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mask_batches import mask_of
from pycocotools import mask as coco_mask

from segcore.masks.polygons import rasterize_polygons

BOX = [2, 2, 8, 2, 8, 8, 2, 8]
"""A square of 6 x 6 pixels."""


def coco_mask_of(rings: list[list[float]], height: int, width: int) -> np.ndarray:
    merged = coco_mask.merge(coco_mask.frPyObjects(rings, height, width))
    return coco_mask.decode(merged).astype(bool)


def codes(*polygon: object, height: int = 12, width: int = 12) -> list[str]:
    batch = rasterize_polygons([list(polygon)], height=height, width=width)
    return [problem.code for problem in batch.problems]


def circle(x: float, y: float, radius: float, points: int) -> list[float]:
    steps = [2 * math.pi * i / points for i in range(points)]
    return [v for a in steps for v in (x + radius * math.cos(a), y + radius * math.sin(a))]


def test_a_box_of_six_by_six_has_36_pixels() -> None:
    batch = rasterize_polygons([[BOX]], height=12, width=12)

    assert batch.areas_px().tolist() == [36]
    assert mask_of(batch, 0, 12, 12)[2:8, 2:8].all()


def test_rings_of_one_annotation_are_united_and_rings_of_two_are_not() -> None:
    left, right = [1, 1, 6, 1, 6, 6, 1, 6], [4, 4, 10, 4, 10, 10, 4, 10]

    batch = rasterize_polygons([[left, right], [left], [right]], height=12, width=12)

    assert batch.areas_px().tolist() == [25 + 36 - 4, 25, 36]
    union = mask_of(batch, 1, 12, 12) | mask_of(batch, 2, 12, 12)
    assert (mask_of(batch, 0, 12, 12) == union).all()


coordinates = st.floats(-10, 60, allow_nan=False)
rings = st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=12).map(
    lambda points: [value for point in points for value in point]
)


@settings(deadline=None)
@given(st.lists(st.lists(rings, min_size=1, max_size=3), min_size=1, max_size=5))
def test_what_is_accepted_equals_pycocotools_pixel_for_pixel(polygons: list[list[list[float]]]) -> None:
    batch = rasterize_polygons(polygons, height=40, width=50)

    for i, polygon in enumerate(polygons):
        if batch.refused[i]:
            assert batch.offsets[i] == batch.offsets[i + 1]
            assert any(problem.item == i for problem in batch.problems)
        else:
            expected = coco_mask_of(polygon, 40, 50)
            assert expected.any()
            assert (mask_of(batch, i, 40, 50) == expected).all()


REFUSED = [
    ("no_ring", [], "seg.empty"),
    ("flat_numbers", BOX, "poly.bad_nesting"),
    ("ring_of_points", [[[2, 2], [8, 2], [8, 8]]], "poly.bad_nesting"),
    ("ring_is_an_object", [{"x": 1}], "poly.bad_nesting"),
    ("ring_is_null", [BOX, None], "poly.bad_nesting"),
    ("empty_ring", [BOX, []], "poly.too_few_points"),
    ("two_points", [[2, 2, 8, 8]], "poly.too_few_points"),
    ("second_ring_two_points", [BOX, [2, 2, 8, 8]], "poly.too_few_points"),
    ("odd_length", [[*BOX, 5]], "poly.odd_length"),
    ("text", [["2", 2, 8, 2, 8, 8]], "poly.bad_type"),
    ("null", [[None, 2, 8, 2, 8, 8]], "poly.bad_type"),
    ("bool", [[True, 2, 8, 2, 8, 8]], "poly.bad_type"),
    ("nan", [[math.nan, 2, 8, 2, 8, 8]], "poly.not_finite"),
    ("infinite", [[math.inf, 2, 8, 2, 8, 8]], "poly.not_finite"),
    ("minus_infinite", [[2, -math.inf, 8, 2, 8, 8]], "poly.not_finite"),
    ("far_out", [[1e9, 2, 8, 2, 8, 8]], "poly.out_of_bounds"),
    ("just_beyond_four_frames", [[48.1, 2, 8, 2, 8, 8]], "poly.out_of_bounds"),
    ("integer_no_double_holds", [[10**400, 2, 8, 2, 8, 8]], "poly.out_of_bounds"),
    ("left_of_the_image", [[-9, 2, -2, 2, -2, 8]], "poly.empty_after_clip"),
    ("below_the_image", [[2, 12, 8, 12, 8, 20]], "poly.empty_after_clip"),
    ("past_the_corner", [[13, -5, 17, 5, 5, -20]], "poly.empty_after_clip"),
    ("a_point", [[5, 5, 5, 5, 5, 5]], "poly.zero_area"),
    ("a_line_there_and_back", [[2, 2, 8, 8, 2, 2]], "poly.zero_area"),
    ("a_sliver", [[2.0, 2, 2.2, 2, 2.2, 9, 2.0, 9]], "poly.zero_area"),
    ("a_sliver_between_pixel_centres", [[0, 2.1, 11, 2.1, 11, 2.3, 0, 2.3]], "poly.zero_area"),
    ("traced_twice", [BOX * 2], "poly.zero_area"),
    ("partly_traced_twice", [[*BOX * 2, 2, 2, 11, 2, 11, 11]], "poly.zero_area"),
    ("second_ring_traced_twice", [BOX, [1, 1, 4, 1, 4, 4, 1, 4] * 2], "poly.zero_area"),
]


@pytest.mark.parametrize(
    ("polygon", "code"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_a_polygon_is_refused_as_a_whole(polygon: list[object], code: str) -> None:
    batch = rasterize_polygons([polygon, [BOX]], height=12, width=12)

    assert [problem.code for problem in batch.problems] == [code]
    assert batch.refused.tolist() == [True, False]
    assert batch.areas_px().tolist() == [0, 36]


def test_every_faulty_ring_is_reported_with_its_number() -> None:
    batch = rasterize_polygons([[BOX, [1, 1], [math.nan] * 6, [1, 1, 2]]], height=12, width=12)

    assert sorted((problem.code, problem.got) for problem in batch.problems) == [
        ("poly.not_finite", "ring 2"),
        ("poly.too_few_points", "ring 1: 2 numbers"),
        ("poly.too_few_points", "ring 3: 3 numbers"),
    ]


def test_a_ring_with_too_many_points_is_refused() -> None:
    assert codes([1.0, 2.0] * 100_001) == ["poly.too_many_points"]


def test_a_boundary_that_would_take_gigabytes_to_walk_is_refused() -> None:
    # 4000 strokes of 2000 px: eight million steps, each walked in fifths of a pixel.
    ring = [0, 0, 2000, 1] * 2000 + [1000, 2000]

    assert codes(ring, height=2000, width=2000) == ["poly.too_many_points"]


def test_many_long_boundaries_in_one_image_are_refused_together() -> None:
    zigzag = [v for i in range(1900) for v in (i % 2 * 1999, i)] + [0, 1900]  # 3.8 million steps

    batch = rasterize_polygons([[zigzag]] * 6, height=2000, width=2000)

    assert {problem.code for problem in batch.problems if batch.refused[problem.item]} == {
        "poly.too_many_points"
    }
    assert batch.refused.tolist() == [False] * 4 + [True] * 2


def test_a_ring_that_leaves_the_image_is_clipped_with_a_warning() -> None:
    batch = rasterize_polygons([[[-4, 2, 8, 2, 8, 8, -4, 8]]], height=12, width=12)

    assert [problem.code for problem in batch.problems] == ["poly.clipped"]
    assert batch.areas_px().tolist() == [48]


def test_a_ring_on_the_border_is_not_worth_a_warning() -> None:
    assert codes([-0.5, 0, 12.9, 0, 12.9, 12.5, -0.5, 12.5]) == []


def test_a_bow_tie_is_read_with_a_warning() -> None:
    batch = rasterize_polygons([[[2, 2, 10, 10, 10, 2, 2, 10]]], height=12, width=12)

    assert [problem.code for problem in batch.problems] == ["poly.self_intersection"]
    assert (mask_of(batch, 0, 12, 12) == coco_mask_of([[2, 2, 10, 10, 10, 2, 2, 10]], 12, 12)).all()


def test_a_long_ring_that_turns_twice_is_found_by_its_area() -> None:
    # Two turns with different radii: the even-odd fill keeps only what lies between them.
    ring = circle(100, 100, 80, 150) + circle(100, 100, 60, 150)

    assert codes(ring, height=200, width=200) == ["poly.self_intersection"]


@pytest.mark.parametrize("points", [3, 4, 17, 128, 129, 2000])
def test_a_circle_raises_no_warning(points: int) -> None:
    assert codes(circle(100, 100, 80, points), height=200, width=200) == []


def test_a_ring_in_a_ring_is_no_hole_and_is_warned_about() -> None:
    batch = rasterize_polygons([[BOX, [4, 4, 6, 4, 6, 6, 4, 6]]], height=12, width=12)

    assert [problem.code for problem in batch.problems] == ["poly.nested_ring"]
    assert batch.problems[0].got == "ring 1 in ring 0"
    assert batch.areas_px().tolist() == [36]


def test_a_keyhole_ring_keeps_its_hole_without_a_warning() -> None:
    """The usual way to write a hole: in along a cut, around the hole, and back out."""
    outer, hole = [1, 1, 11, 1, 11, 11, 1, 11, 1, 1], [4, 4, 4, 8, 8, 8, 8, 4, 4, 4]
    batch = rasterize_polygons([[outer + hole + [1, 1]]], height=12, width=12)

    assert batch.problems == ()
    assert batch.areas_px().tolist() == [100 - 16]


def test_repeated_vertices_and_a_closed_ring_change_nothing() -> None:
    closed = [2, 2, 2, 2, 8, 2, 8, 8, 8, 8, 2, 8, 2, 2]

    batch = rasterize_polygons([[BOX], [closed]], height=12, width=12)

    assert batch.problems == ()
    assert (mask_of(batch, 0, 12, 12) == mask_of(batch, 1, 12, 12)).all()


def test_large_integer_coordinates_lose_no_pixel() -> None:
    x = 16_000_000
    batch = rasterize_polygons([[[x, 1, x + 5, 1, x + 5, 6, x, 6]]], height=8, width=16_000_010)

    assert batch.areas_px().tolist() == [25]


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
        lambda inner: st.lists(inner, max_size=8),
        max_leaves=30,
    )
)
def test_anything_json_can_hold_is_a_mask_or_refused(value: object) -> None:
    batch = rasterize_polygons([value, [BOX]], height=12, width=12)

    assert not batch.refused[1]
    assert batch.areas_px()[1] == 36
    assert batch.refused[0] == (batch.areas_px()[0] == 0)
