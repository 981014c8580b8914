"""Polygons and vectors of Label Studio: their pixels by pycocotools, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from drawn_shapes import TRIANGLE, coco, drawn, percent, picture, refusal


def test_a_polygon_in_percent_has_the_pixels_of_the_coco_rule() -> None:
    points = percent([(3.5, 2), (17, 4.5), (12, 9), (5, 7.25)], width=20, height=10)

    mask = drawn({"points": points, "closed": True}, width=20, height=10).mask.to_array()

    expected = coco([3.5, 2, 17, 4.5, 12, 9, 5, 7.25], width=20, height=10)
    np.testing.assert_array_equal(mask, expected)


def test_a_square_of_two_by_three_pixels_is_where_it_was_drawn() -> None:
    points = [[20, 25], [60, 25], [60, 100], [20, 100]]

    assert picture({"points": points}, width=5, height=4) == [
        ".....",
        ".##..",
        ".##..",
        ".##..",
    ]


def vertices(ring: list[tuple[float, float]]) -> list[dict[str, object]]:
    points = percent(ring, width=10, height=10)
    return [
        {"id": f"v{i}", "x": x, "y": y, "prevPointId": f"v{i - 1}" if i else None, "isBezier": False}
        for i, (x, y) in enumerate(points)
    ]


def test_a_closed_vector_is_the_polygon_of_its_vertices() -> None:
    vector = drawn({"vertices": vertices(TRIANGLE), "closed": True})

    polygon = drawn({"points": percent(TRIANGLE, width=10, height=10)})
    np.testing.assert_array_equal(vector.mask.starts, polygon.mask.starts)
    np.testing.assert_array_equal(vector.mask.ends, polygon.mask.ends)


def test_the_first_vertex_of_a_closed_vector_may_follow_the_last() -> None:
    path = vertices(TRIANGLE)
    path[0]["prevPointId"] = "v2"

    assert drawn({"vertices": path, "closed": True}).mask.area_px > 20


def test_a_polygon_that_crosses_itself_or_leaves_the_image_is_drawn_with_a_warning() -> None:
    bow_tie = drawn({"points": [[10, 10], [90, 90], [90, 10], [10, 90]]})
    outside = drawn({"points": [[50, 50], [150, 50], [150, 90], [50, 90]]})

    assert [warning.code for warning in bow_tie.warnings] == ["poly.self_intersection"]
    assert [warning.code for warning in outside.warnings] == ["poly.clipped"]
    assert outside.mask.area_px == 5 * 4


@pytest.mark.parametrize(
    ("points", "code"),
    [
        ("10,10", "ls.missing_field"),
        (None, "ls.missing_field"),
        ({}, "ls.missing_field"),
        ([], "poly.too_few_points"),
        ([[10, 10], [90, 90]], "poly.too_few_points"),
        ([10, 10, 90, 10, 90, 90], "poly.bad_nesting"),
        ([[10, 10], [90, 10], [90]], "poly.bad_nesting"),
        ([[10, 10], [90, 10], [90, 90, 90]], "poly.bad_nesting"),
        ([[10, 10], [90, 10], None], "poly.bad_nesting"),
        ([[10, 10], [90, 10], [90, "90"]], "poly.bad_type"),
        ([[10, 10], [90, 10], [True, 90]], "poly.bad_type"),
        ([[10, 10], [90, 10], [90, [90]]], "poly.bad_type"),
        ([[10, 10], [90, 10], [90, math.nan]], "poly.not_finite"),
        ([[10, 10], [90, 10], [-math.inf, 90]], "poly.not_finite"),
        ([[10, 10], [90, 10], [90, 500]], "poly.out_of_bounds"),
        ([[10, 10], [90, 10], [90, 10**400]], "poly.out_of_bounds"),
        ([[10, 10], [90, 10], [-(10**400), 90]], "poly.out_of_bounds"),
        ([[10, 10], [50, 50], [90, 90]], "poly.zero_area"),
        ([[10, 10], [10, 10], [10, 10]], "poly.zero_area"),
        ([[120, 10], [190, 10], [190, 90]], "poly.empty_after_clip"),
    ],
)
def test_a_polygon_that_cannot_be_filled_is_refused(points, code) -> None:
    assert refusal({"points": points, "closed": True}).code == code


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"closed": False}, "ls.unsupported_type"),
        ({"closed": None}, "ls.missing_field"),
        ({"vertices": None}, "ls.missing_field"),
        ({"vertices": [[10, 10]]}, "ls.missing_field"),
        ({"vertices": []}, "poly.too_few_points"),
        ({"vertices": vertices(TRIANGLE)[:2]}, "poly.too_few_points"),
    ],
)
def test_a_vector_that_encloses_nothing_is_refused(change, code) -> None:
    assert refusal({"vertices": vertices(TRIANGLE), "closed": True} | change).code == code


@pytest.mark.parametrize(
    ("vertex", "change", "code"),
    [
        (1, {"isBezier": True}, "ls.unsupported_type"),
        (2, {"prevPointId": "v0"}, "ls.unsupported_type"),
        (2, {"prevPointId": None}, "ls.unsupported_type"),
        (0, {"prevPointId": "v1"}, "ls.unsupported_type"),
        (1, {"x": "10"}, "ls.missing_field"),
        (1, {"y": None}, "ls.missing_field"),
        (1, {"x": math.nan}, "poly.not_finite"),
    ],
)
def test_a_vector_that_is_not_one_path_of_straight_lines_is_refused(vertex, change, code) -> None:
    path = vertices(TRIANGLE)
    path[vertex] |= change

    assert refusal({"vertices": path, "closed": True}).code == code


def test_a_vector_that_does_not_say_that_it_is_closed_is_open() -> None:
    assert refusal({"vertices": vertices(TRIANGLE)}).code == "ls.unsupported_type"


def test_an_open_polygon_is_refused() -> None:
    points = percent(TRIANGLE, width=10, height=10)

    assert refusal({"points": points, "closed": False}).code == "ls.unsupported_type"
