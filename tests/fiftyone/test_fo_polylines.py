"""Polylines: which pixels they cover."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import scenes
from object_labels import masks, problems, ring, square

import segcore
from segcore_fiftyone.source import FiftyOneSource


def test_a_square_covers_the_pixels_between_its_corners(street, polylines):
    made = street(found=polylines(("car", square(2, 3, 4))))

    assert masks(made) == [[*3 * [".........."], *4 * ["..####...."], ".........."]]


def test_a_shape_inside_another_is_a_hole_and_one_inside_that_is_not(street, polylines):
    made = street(found=polylines(("car", square(0, 0, 8), square(2, 2, 4), square(3, 3, 1))))

    assert masks(made) == [
        ["########..", "########..", "##....##..", "##.#..##..", "##....##..", "##....##..",
         "########..", "########.."]
    ]  # fmt: skip


def test_shapes_apart_are_parts_and_where_they_cross_is_neither(street, polylines):
    made = street(found=polylines(("car", square(0, 0, 3), square(2, 2, 3), square(7, 5, 2))))

    assert masks(made) == [
        ["###.......", "###.......", "##.##.....", "..###.....", "..###.....", ".......##.",
         ".......##.", ".........."]
    ]  # fmt: skip


def test_holes_are_what_fiftyone_fills_but_for_the_pixels_its_outline_touches(fo, dataset, tmp_path,
                                                                            polylines):  # fmt: skip
    rng = np.random.default_rng(1)
    width, height = 160, 120
    shapes = []
    for _ in range(6):
        angle = np.sort(rng.uniform(0, 2 * np.pi, 9))
        radius = rng.uniform(15, 45, 9)
        x, y = rng.uniform(50, 110), rng.uniform(45, 75)
        points = np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], axis=1)
        shapes.append([(px / width, py / height) for px, py in np.round(points)])
    made = dataset()
    label = polylines(("car", *shapes))
    scenes.add_samples(fo, made, tmp_path, {"a": {"found": label}}, (height, width))
    theirs = label.polylines[0].to_segmentation(frame_size=(width, height)).mask > 0

    (region,) = FiftyOneSource.of(made, "found").read(made.first().id).content

    ours = region.mask.to_array()
    outline = np.zeros((height, width), np.uint8)
    for shape in shapes:
        pixels = np.round(np.array(shape) * (width, height)).astype(np.int32)
        cv2.polylines(outline, [pixels], True, 1, thickness=3)
    assert ours.sum() > 0
    assert not ((ours != theirs) & (outline == 0)).any()
    assert ((ours | theirs) & (outline == 0)).sum() > 1000


def test_a_ring_fiftyone_traced_comes_back_with_its_hole(fo, dataset, tmp_path):
    y, x = np.mgrid[:120, :160]
    distance = np.hypot(x - 80, y - 60)
    whole = (distance < 50) & (distance > 20)
    made = dataset()
    label = fo.Polylines(polylines=[fo.Polyline.from_mask(whole, label="car", tolerance=1)])
    scenes.add_samples(fo, made, tmp_path, {"a": {"found": label}}, whole.shape)

    (region,) = FiftyOneSource.of(made, "found").read(made.first().id).content

    drawn = region.mask.to_array()
    assert len(label.polylines[0].points) == 2
    assert not drawn[distance < 18].any()
    assert (drawn & whole).sum() / (drawn | whole).sum() > 0.95


@pytest.mark.parametrize(
    ("shapes", "options", "code"),
    [
        pytest.param([square(1, 1, 3)], {"closed": False}, "fo.no_area", id="open"),
        pytest.param([square(1, 1, 3)], {"filled": False}, "fo.no_area", id="an outline"),
        pytest.param([], {}, "seg.empty", id="no shape"),
        pytest.param([ring((1, 1), (2, 2))], {}, "poly.too_few_points", id="two points"),
        pytest.param([square(1, 1, 3), square(1, 1, 3)], {}, "seg.empty", id="a shape over itself"),
        pytest.param([square(20, 1, 3)], {}, "poly.empty_after_clip", id="outside the image"),
        pytest.param([square(1, 1, 3), ring((1, 1), (2, 2))], {}, "poly.too_few_points",
                     id="one bad shape of two"),
        pytest.param([square(1, float("nan"), 3)], {}, "poly.not_finite", id="not a number"),
        pytest.param([square(1e9, 1, 3)], {}, "poly.out_of_bounds", id="far away"),
    ],
)  # fmt: skip
def test_a_polyline_without_an_area_is_a_fault_and_the_others_are_read(
    fo, street, polylines, shapes, options, code
):
    wrong = polylines(("car", *shapes), **options).polylines[0]
    sound = polylines(("car", square(5, 5, 2))).polylines[0]
    made = street(found=fo.Polylines(polylines=[wrong, sound]))

    report = segcore.check(FiftyOneSource.of(made, "found", key="stem"))

    assert [(f.code, f.annotation) for f in report.faults] == [(code, wrong.id)]
    assert (report.counts.read, report.counts.used) == (2, 1)


def test_a_warning_about_one_shape_says_which(street, polylines):
    made = street(found=polylines(("car", square(1, 1, 2), square(7, 3, 6))))

    assert problems(made) == [("poly.clipped", "shape 1: 3 px over the border")]


def test_one_polyline_a_sample_is_read_as_well(fo, street, polylines):
    made = street(found=polylines(("car", square(2, 3, 4))).polylines[0])

    assert masks(made) == [[*3 * [".........."], *4 * ["..####...."], ".........."]]
