"""Rectangles and ellipses of Label Studio: their pixels by hand, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from drawn_shapes import TRIANGLE, coco, drawn, percent, picture, refusal
from hypothesis import given, settings
from hypothesis import strategies as st

from segcore.errors import RefusedMaskError

# ---- rectangles


def rectangle(x: float, y: float, width: float, height: float, **more: object) -> dict[str, object]:
    return {"x": x, "y": y, "width": width, "height": height, "rotation": 0} | more


def test_a_rectangle_begins_at_its_top_left_corner() -> None:
    assert picture(rectangle(20, 25, 40, 50), width=5, height=4) == [
        ".....",
        ".##..",
        ".##..",
        ".....",
    ]


def test_a_rectangle_turns_clockwise_about_its_top_left_corner() -> None:
    # 3 x 1 pixels from (4, 1): a quarter turn clockwise takes right to down and down to left.
    quarter = rectangle(50, 20, 37.5, 20, rotation=90)

    assert picture(quarter, width=8, height=5) == [
        "........",
        "...#....",
        "...#....",
        "...#....",
        "........",
    ]
    assert picture(rectangle(50, 20, 37.5, 20, rotation=0), width=8, height=5)[1] == "....###."
    assert picture(rectangle(50, 20, 37.5, 20, rotation=180), width=8, height=5)[0] == ".###...."
    assert picture(rectangle(50, 80, 37.5, 20, rotation=-90), width=8, height=5) == [
        "........",
        "....#...",
        "....#...",
        "....#...",
        "........",
    ]


def test_a_rectangle_turns_in_pixels_and_not_in_percents() -> None:
    # 30 x 20 px from (10, 80) in 160 x 120, turned by 30 degrees: its true area is 600 px.
    value = rectangle(6.25, 100 * 80 / 120, 18.75, 100 * 20 / 120, rotation=30)
    cos, sin = math.sqrt(3) / 2, 0.5
    corners = [10, 80, 10 + 30 * cos, 80 + 15, 10 + 30 * cos - 20 * sin, 95 + 20 * cos, 0, 80 + 20 * cos]

    mask = drawn(value, width=160, height=120).mask

    assert abs(mask.area_px - 600) < 10
    np.testing.assert_array_equal(mask.to_array(), coco(corners, width=160, height=120))


def test_a_rectangle_without_rotation_is_upright() -> None:
    upright = rectangle(20, 20, 40, 40)
    del upright["rotation"]

    assert drawn(upright).mask.area_px == 16


# ---- ellipses


def ellipse(x: float, y: float, rx: float, ry: float, **more: object) -> dict[str, object]:
    return {"x": x, "y": y, "radiusX": rx, "radiusY": ry, "rotation": 0} | more


def centres_inside(
    x: float, y: float, rx: float, ry: float, degrees: float, *, width: int, height: int
) -> np.ndarray:
    """The definition, pixel by pixel: turn the centre back and look whether it lies in the ellipse."""
    t = math.radians(degrees)
    dy, dx = np.mgrid[:height, :width] + 0.5
    dx, dy = dx - x, dy - y
    along, across = dx * math.cos(t) + dy * math.sin(t), dy * math.cos(t) - dx * math.sin(t)
    return (along / rx) ** 2 + (across / ry) ** 2 <= 1 + 1e-9


def test_an_ellipse_is_given_by_its_centre_and_its_radii() -> None:
    # Centre (4, 2), radii 3 and 1.5, then 3 and 2 pixels: 0.5 below the centre it reaches 2.8 and 2.9
    # pixels to either side, 1.5 below it 0 and 2.0.
    assert picture(ellipse(50, 50, 37.5, 37.5), width=8, height=4) == [
        "........",
        ".######.",
        ".######.",
        "........",
    ]
    assert picture(ellipse(50, 50, 37.5, 50), width=8, height=4) == [
        "..####..",
        ".######.",
        ".######.",
        "..####..",
    ]


def test_pixel_centres_on_the_outline_are_inside() -> None:
    # radius 5 about the centre of pixel (5, 5): 81 lattice points, 12 of them on the circle
    disk = drawn(ellipse(50, 50, 500 / 11, 500 / 11), width=11, height=11)

    assert disk.mask.area_px == 81


@pytest.mark.parametrize("rotation", [0, 30, 90, 180, 217.5, -90])
def test_a_circle_is_the_same_however_it_is_turned(rotation) -> None:
    disk = drawn(ellipse(50, 50, 500 / 11, 500 / 11, rotation=rotation), width=11, height=11)

    assert disk.mask.area_px == 81


def test_an_ellipse_turns_clockwise_and_in_pixels() -> None:
    # 6 x 1 px along the falling diagonal of a 10 x 20 image
    mask = drawn(ellipse(50, 50, 60, 5, rotation=45), width=10, height=20).mask.to_array()

    np.testing.assert_array_equal(mask, centres_inside(5, 10, 6, 1, 45, width=10, height=20))
    assert mask[7, 2]
    assert not mask[12, 2]


number = st.floats(-20, 120, allow_nan=False)
radius = st.floats(1, 80, allow_nan=False)


@given(number, number, radius, radius, st.floats(-720, 720), st.integers(1, 30), st.integers(1, 30))
def test_an_ellipse_covers_the_pixels_whose_centres_lie_in_it(
    x, y, rx, ry, degrees, width, height
) -> None:
    def inside(factor: float) -> np.ndarray:
        centre = x * width / 100, y * height / 100
        radii = factor * rx * width / 100, factor * ry * height / 100
        return centres_inside(*centre, *radii, degrees, width=width, height=height)

    found, code = np.zeros((height, width), bool), None
    try:
        found = drawn(
            ellipse(x, y, rx, ry, rotation=degrees), width=width, height=height
        ).mask.to_array()
    except RefusedMaskError as error:
        code = error.code

    # A centre within a millionth of the outline may fall to either side of it.
    assert (inside(1 - 1e-6) <= found).all()
    assert (found <= inside(1 + 1e-6)).all()
    assert code in ((None,) if found.any() else ("poly.zero_area", "poly.empty_after_clip"))


def test_an_ellipse_over_the_whole_image_is_one_run() -> None:
    mask = drawn(ellipse(50, 50, 100, 100)).mask

    assert (mask.starts.tolist(), mask.ends.tolist()) == ([0], [100])


def test_an_ellipse_over_the_border_is_clipped_with_a_warning() -> None:
    result = drawn(ellipse(0, 50, 30, 30))

    assert [warning.code for warning in result.warnings] == ["poly.clipped"]
    assert not result.mask.to_array()[:, 3:].any()


def test_a_needle_that_meets_pixel_centres_is_drawn() -> None:
    needle = drawn(ellipse(50, 45, 30, 1e-6))

    assert needle.mask.to_array()[4].astype(int).tolist() == [0, 0, 1, 1, 1, 1, 1, 1, 0, 0]


# ---- rectangles and ellipses that are none


@pytest.mark.parametrize("shape", [rectangle(20, 20, 40, 40), ellipse(50, 50, 20, 20)])
@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (None, "ls.missing_field"),
        ("20", "ls.missing_field"),
        (True, "ls.missing_field"),
        ([20], "ls.missing_field"),
        (math.nan, "poly.not_finite"),
        (math.inf, "poly.not_finite"),
        (-math.inf, "poly.not_finite"),
    ],
)
def test_every_field_of_a_shape_is_a_finite_number(shape, wrong, code) -> None:
    for name in shape:
        error = refusal(shape | {name: wrong})

        assert error.code == code
        assert name in error.expected


@pytest.mark.parametrize("shape", [rectangle(20, 20, 40, 40), ellipse(50, 50, 20, 20)])
def test_every_field_of_a_shape_but_the_rotation_must_be_there(shape) -> None:
    for name in [name for name in shape if name != "rotation"]:
        error = refusal({key: number for key, number in shape.items() if key != name})

        assert (error.code, error.expected) == ("ls.missing_field", name)


@pytest.mark.parametrize("size", [0, 0.0, -0.0, -5, -(10**400)])
def test_a_shape_without_extent_is_refused(size) -> None:
    refused = [
        refusal(rectangle(20, 20, size, 40)),
        refusal(rectangle(20, 20, 40, size)),
        refusal(ellipse(50, 50, size, 20)),
        refusal(ellipse(50, 50, 20, size)),
    ]

    assert {error.code for error in refused} == {"poly.zero_area"}


@pytest.mark.parametrize(
    ("shape", "code"),
    [
        (rectangle(20, 20, 1e-9, 1e-9), "poly.zero_area"),
        (ellipse(50, 50, 0.5, 0.5), "poly.zero_area"),
        (ellipse(50, 50, 5e-324, 1), "poly.zero_area"),
        (ellipse(50.5, 50, 20, 5e-324, rotation=90), "poly.zero_area"),
        (ellipse(-30, 50, 20, 20), "poly.empty_after_clip"),
        (ellipse(50, 130, 20, 20), "poly.empty_after_clip"),
        (rectangle(120, 20, 20, 20), "poly.empty_after_clip"),
        (rectangle(20, 20, 1e308, 20), "poly.out_of_bounds"),
        (rectangle(10**400, 20, 20, 20), "poly.out_of_bounds"),
        (ellipse(50, 50, 1e308, 20), "poly.out_of_bounds"),
        (ellipse(50, 50, 20, 10**400), "poly.out_of_bounds"),
        (ellipse(50, 50, 20, 360), "poly.out_of_bounds"),
    ],
)
def test_a_shape_that_covers_no_pixel_or_lies_far_outside_is_refused(shape, code) -> None:
    assert refusal(shape, width=100, height=100).code == code


@pytest.mark.parametrize("rotation", [1e300, -1e300, 10**400, 5e-324])
def test_any_finite_rotation_is_an_angle(rotation) -> None:
    assert drawn(ellipse(50, 50, 30, 30, rotation=rotation)).mask.area_px == 32
    assert drawn(rectangle(50, 50, 30, 30, rotation=rotation)).mask.area_px > 0


finite_or_not = st.one_of(
    st.floats(),
    st.integers(),
    st.sampled_from([0, 10**400, 1e308, -1e308, 5e-324]),
    st.none(),
    st.text(),
)


@settings(max_examples=300)
@given(st.lists(finite_or_not, min_size=5, max_size=5), st.sampled_from([rectangle, ellipse]))
def test_whatever_the_numbers_are_a_shape_is_drawn_or_refused(numbers, shape) -> None:
    value = shape(*numbers[:4], rotation=numbers[4])
    code = ""

    try:
        drawn(value, width=7, height=5)
    except RefusedMaskError as error:
        code = error.code

    assert code == "" or code.startswith(("poly.", "ls.missing_field"))


# ---- which shape it is


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"brushlabels": ["car"]},
        {"x": 10, "y": 10},
        {"touches": [], "maskDataURL": "data:"},
        {"sequence": []},
        {"choices": ["good"]},
    ],
)
def test_a_value_without_a_shape_is_refused(value) -> None:
    assert refusal(value).code == "ls.missing_field"


def test_a_value_with_two_shapes_is_refused() -> None:
    value = rectangle(20, 20, 40, 40) | {"points": percent(TRIANGLE, width=10, height=10)}

    error = refusal(value)

    assert (error.code, error.got) == ("ls.unsupported_type", "points and width and height")


def test_an_image_beyond_the_limit_is_refused() -> None:
    assert refusal(rectangle(20, 20, 40, 40), width=1 << 15, height=1 << 15).code == "limits.pixels"


def test_labels_and_unknown_fields_of_a_value_are_not_looked_at() -> None:
    value = rectangle(20, 20, 40, 40, rectanglelabels=None, text=float("nan"))

    assert drawn(value).mask.area_px == 16
