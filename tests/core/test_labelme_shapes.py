"""The shapes of LabelMe as masks, beside what LabelMe itself draws."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from labelme_files import SQUARE, apart, box, drawn, pillow, png, shape, text, write
from pycocotools import mask as coco_mask
from spec_readings import regions

import segcore


def test_a_polygon_is_filled_by_the_coco_rule(tmp_path: Path) -> None:
    points = [[1.5, 1.2], [18.3, 4.9], [9.1, 9.6]]
    spec = write(tmp_path, shape(points=points))

    peer = coco_mask.decode(coco_mask.frPyObjects([[v for p in points for v in p]], 10, 20))[:, :, 0]
    assert np.array_equal(drawn(spec), peer > 0)


def test_a_shape_without_a_type_is_a_polygon(tmp_path: Path) -> None:
    old = {"label": "car", "points": SQUARE}

    assert np.array_equal(drawn(write(tmp_path, old)), box(2, 2, 8, 8))


@pytest.mark.parametrize("corners", [[[2, 3], [9, 8]], [[9, 8], [2, 3]], [[9, 3], [2, 8]]])
def test_a_rectangle_may_be_drawn_from_any_corner(corners: object, tmp_path: Path) -> None:
    spec = write(tmp_path, shape(points=corners, shape_type="rectangle"))

    assert np.array_equal(drawn(spec), box(2, 3, 9, 8))


def test_a_turned_rectangle_is_its_four_corners(tmp_path: Path) -> None:
    spec = write(tmp_path, shape(shape_type="oriented_rectangle"))

    assert np.array_equal(drawn(spec), box(2, 2, 8, 8))


def test_a_circle_covers_the_pixels_whose_centres_lie_in_it(tmp_path: Path) -> None:
    spec = write(tmp_path, shape(points=[[5, 5], [5, 8]], shape_type="circle"))

    assert text(drawn(spec)[:, :10]) == "\n".join(
        [
            "..........",
            "..........",
            "...####...",
            "..######..",
            "..######..",
            "..######..",
            "..######..",
            "...####...",
            "..........",
            "..........",
        ]
    )


@pytest.mark.parametrize("dtype", [np.uint8, np.bool_])
def test_a_mask_is_laid_into_its_box(dtype: type, tmp_path: Path) -> None:
    crop = np.array([[0, 1, 1], [1, 0, 1]], dtype)
    spec = write(tmp_path, shape(points=[[4, 6], [6, 7]], shape_type="mask", mask=png(crop)))

    expected = np.zeros((10, 20), np.bool_)
    expected[6:8, 4:7] = crop
    assert np.array_equal(drawn(spec), expected)


def test_the_box_of_a_mask_is_rounded_as_labelme_does(tmp_path: Path) -> None:
    crop = np.ones((2, 4), np.uint8)
    between = [[3.5, 6.0], [6.5, 7.0]]  # 4 to 6, halves to even, and yet four columns wide
    spec = write(tmp_path, shape(points=between, shape_type="mask", mask=png(crop)))

    assert np.array_equal(drawn(spec), box(4, 6, 8, 8))


@given(
    st.integers(1, 12),
    st.integers(1, 12),
    st.integers(-6, 20),
    st.integers(-6, 12),
    st.integers(0, 2**32),
)
@settings(max_examples=100, deadline=None)
def test_a_mask_anywhere_is_what_numpy_slices_say(
    tmp_path_factory: pytest.TempPathFactory, height: int, width: int, x: int, y: int, seed: int
) -> None:
    crop = np.random.default_rng(seed).random((height, width)) < 0.6
    canvas = np.zeros((40, 60), np.bool_)
    canvas[12 + y : 12 + y + height, 12 + x : 12 + x + width] = crop
    expected = canvas[12:22, 12:32]
    points = [[x, y], [x + width - 1, y + height - 1]]
    folder = tmp_path_factory.mktemp("mask")
    spec = write(folder, shape(points=points, shape_type="mask", mask=png(crop.astype(np.uint8))))

    source = segcore.open(spec)
    found = source.read("a")

    assert found is not None
    if expected.any():
        assert np.array_equal(regions(spec)[0].mask.to_array(), expected)
        starts, ends = regions(spec).starts, regions(spec).ends
        assert (starts < ends).all()
        assert (starts[1:] > ends[:-1]).all()
        lost = int(crop.sum() - expected.sum())
        assert [fault.code for fault in source.faults] == (["poly.clipped"] if lost else [])
    else:
        assert (found.read, found.rejected) == (1, 1)
        assert [fault.code for fault in source.faults] == ["seg.empty"]


@pytest.mark.parametrize("kind", ["line", "linestrip", "point"])
def test_what_has_no_area_is_refused_unless_the_spec_says_otherwise(kind: str, tmp_path: Path) -> None:
    points = [[5, 5]] if kind == "point" else [[3, 5], [15, 5]]
    spec = write(tmp_path, shape(), shape("road", points, shape_type=kind))

    report = segcore.check(spec)
    skipped = segcore.check(f"{spec}?lines=skip")
    there = segcore.check(f"{spec}?lines=draw")

    assert [(fault.code, fault.annotation) for fault in report.faults] == [
        ("labelme.no_area", "shapes[1]")
    ]
    assert (report.counts.read, report.counts.used, report.counts.rejected) == (2, 1, 1)
    assert (skipped.counts.read, skipped.counts.used) == (2, 1)
    assert skipped.counts.ignored == {"line or point": 1}
    assert skipped.ontology is not None
    assert skipped.ontology.names == ("car",)
    assert (there.counts.read, there.counts.used) == (2, 2)
    assert [fault.code for fault in there.faults] in ([], ["poly.clipped"])


@pytest.mark.parametrize(
    ("kind", "points", "tolerance_px"),
    [
        ("polygon", [[31.5, 20.2], [88.1, 34.7], [60.6, 77.3], [18.4, 60.9]], 1),
        ("rectangle", [[12.0, 15.0], [70.0, 66.0]], 1),
        ("circle", [[50.2, 40.7], [61.0, 62.3]], 1),
        ("point", [[45.0, 38.0]], 1),
        # Pillow rounds the corners of a line to whole pixels, away from where they should be.
        ("line", [[20.0, 20.0], [80.0, 55.0]], 2),
        ("linestrip", [[15.0, 20.0], [60.0, 25.0], [40.0, 70.0]], 2),
    ],
)
def test_every_shape_is_close_to_what_labelme_draws(
    kind: str, points: list[list[float]], tolerance_px: int, tmp_path: Path
) -> None:
    spec = write(tmp_path, shape(points=points, shape_type=kind), imageHeight=90, imageWidth=100)

    ours = drawn(f"{spec}?lines=draw")

    assert apart(ours, pillow(kind, points, height=90, width=100)) == tolerance_px
