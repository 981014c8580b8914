"""What is wrong with a CVAT document is a fault with its line."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Final

import pytest
from cvat_scenes import SQUARE, checked, document, ellipse, image, mask, polygon, shape

import segcore
from segcore.errors import SpecError

HOSTILE: Final[dict[str, tuple[str, str]]] = {
    "NaN": (polygon("nan,2;8,2;8,8"), "poly.not_finite"),
    "infinity": (polygon("2,2;inf,2;8,8"), "poly.not_finite"),
    "beyond doubles": (polygon("2,2;1e999,2;8,8"), "poly.not_finite"),
    "far out": (polygon("2,2;1e9,2;8,8"), "poly.out_of_bounds"),
    "a number of a million digits": (polygon(f"2,2;{'9' * 1_000_000},2;8,8"), "poly.not_finite"),
    "two points": (polygon("2,2;8,8"), "poly.too_few_points"),
    "no points": (polygon(""), "cvat.bad_value"),
    "a trailing semicolon": (polygon("2,2;8,2;8,8;"), "cvat.bad_value"),
    "three numbers in a point": (polygon("2,2;8,2,1;8,8"), "cvat.bad_value"),
    "spaces for commas": (polygon("2 2;8 2;8 8"), "cvat.bad_value"),
    "a number only Python reads": (polygon("2,2;1_0,2;8,8"), "cvat.bad_value"),
    "digits of another script": (polygon("\u0662,2;8,2;8,8"), "cvat.bad_value"),
    "a hundred thousand points": (polygon("2,2;8,2;" * 60_000 + "8,8"), "poly.too_many_points"),
    "a ring traced twice": (polygon(f"{SQUARE};{SQUARE}"), "poly.zero_area"),
    "outside the image": (polygon("30,2;38,2;38,8"), "poly.empty_after_clip"),
    "runs too short": (mask("0, 3", 2, 2, 2, 2), "rle.sum_mismatch"),
    "runs that overshoot": (mask("0, 5", 2, 2, 2, 2), "rle.sum_mismatch"),
    "runs that wrap 64 bits": (mask(f"0, {2**64 + 4}", 2, 2, 2, 2), "rle.sum_mismatch"),
    "a negative run": (mask("6, -2", 2, 2, 2, 2), "rle.negative_run"),
    "a run of a million digits": (mask("9" * 1_000_000, 2, 2, 2, 2), "cvat.bad_value"),
    "half a run": (mask("1.5, 2.5", 2, 2, 2, 2), "cvat.bad_value"),
    "text among the runs": (mask("0, four", 2, 2, 2, 2), "cvat.bad_value"),
    "an empty run": (mask("0,, 4", 2, 2, 2, 2), "cvat.bad_value"),
    "no runs": (mask("", 2, 2, 2, 2), "cvat.bad_value"),
    "background only": (mask("4", 2, 2, 2, 2), "seg.empty"),
    "a part left of the image": (mask("0, 4", -1, 2, 2, 2), "cvat.crop_outside"),
    "a part below the image": (mask("0, 4", 2, 9, 2, 2), "cvat.crop_outside"),
    "a part of no width": (mask("0, 0", 2, 2, 0, 2), "cvat.crop_outside"),
    "a part as wide as the world": (mask("0, 4", 2, 2, 10**15 - 1, 10**15 - 1), "cvat.crop_outside"),
    "a width of many digits": (mask("0, 4", 2, 2, 10**99, 2), "cvat.bad_value"),
    "a mask without runs": (mask("0, 4", 2, 2, 2, 2).replace("rle", "runs"), "cvat.missing_field"),
    "an ellipse without a centre": (shape("ellipse", label="car", rx=2, ry=2), "cvat.missing_field"),
    "an ellipse of NaN": (ellipse(cx="nan"), "poly.not_finite"),
    "an ellipse of no size": (ellipse(rx=0), "poly.zero_area"),
    "an ellipse turned inside out": (ellipse(rx=-3), "poly.zero_area"),
    "an ellipse far out": (ellipse(rx=1e300), "poly.out_of_bounds"),
    "an ellipse turned by infinity": (ellipse(rotation="inf"), "poly.not_finite"),
    "a z order of no number": (polygon(z_order="top"), "cvat.bad_value"),
    "a group of no number": (polygon(group_id="1.5"), "cvat.bad_value"),
    "no label": (shape("polygon", points=SQUARE), "cvat.missing_field"),
    "a label with a control character": (polygon(label="&#9;car"), "cvat.unknown_label"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_broken_shape_is_refused_with_its_place_and_its_line(tmp_path: Path, name: str) -> None:
    text, code = HOSTILE[name]

    report = checked(tmp_path, document(image(polygon(), text, polygon())))

    (fault,) = (f for f in report.faults if f.code != "poly.self_intersection")
    assert fault.code == code
    assert (fault.image, fault.image_id) == ("a", 7)
    assert str(fault.annotation).endswith("[1], line 4")
    assert max(len(fault.expected), len(fault.got)) <= 160
    assert (fault.expected + fault.got).isprintable()
    assert (report.counts.read, report.counts.used, report.counts.rejected) == (3, 2, 1)


BROKEN: Final[dict[str, tuple[str, str, int]]] = {
    "an image without a name": (image(polygon()).replace('name="a.jpg"', ""), "cvat.missing_field", 1),
    "a name that climbs": (image(polygon(), name="../a.jpg"), "path.unsafe", 1),
    "no width": (image(polygon()).replace('width="20"', ""), "cvat.missing_field", 1),
    "a width of 0": (image(polygon(), size=(0, 10)), "cvat.bad_value", 1),
    "a width of 1e3": (image(polygon()).replace('"20"', '"1e3"'), "cvat.bad_value", 1),
    "too many pixels": (image(polygon(), size=(1 << 15, 1 << 14)), "limits.pixels", 1),
    "an id that is no number": (image(polygon()).replace('"7"', '"x"'), "cvat.bad_value", 1),
    "one image twice": (f"{image(polygon())}\n{image(polygon())}", "delivery.ambiguous_image", 2),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_image_is_refused_with_its_shapes_and_its_line(tmp_path: Path, name: str) -> None:
    text, code, shapes = BROKEN[name]

    report = checked(tmp_path, document(text))

    assert {fault.code for fault in report.faults} == {code}
    assert "line 2" in report.faults[0].got
    assert (report.counts.read, report.counts.rejected) == (shapes, shapes)


def test_every_fault_of_a_document_is_found_in_one_run(tmp_path: Path) -> None:
    broken = [text for text, _ in HOSTILE.values()]

    report = checked(tmp_path, document(image(*broken)))

    expected = Counter(code for _, code in HOSTILE.values())
    assert Counter(f.code for f in report.faults if f.code != "poly.self_intersection") == expected
    assert report.counts.rejected == report.counts.read == len(broken)


def test_masks_of_few_bytes_that_cover_everything_have_a_limit_together(tmp_path: Path) -> None:
    # 16 383 runs down the columns from forty bytes, two thousand times.
    side = 1 << 14
    shapes = [mask(f"0, {side * (side - 1)}", 0, 0, side - 1, side)] * 2000

    report = checked(tmp_path, document(image(*shapes, size=(side, side))))

    assert {fault.code for fault in report.faults} == {"limits.entries"}


def test_a_file_of_cvat_for_video_says_what_to_export(tmp_path: Path) -> None:
    track = '<track id="0" label="car"><polygon frame="0" points="1,1;2,1;2,2"/></track>'

    report = checked(tmp_path, document(track, track))

    assert [fault.code for fault in report.faults] == ["cvat.video"]
    assert "CVAT for images 1.1" in report.faults[0].expected
    assert (report.counts.read, report.counts.rejected) == (2, 2)


def test_a_document_without_labels_needs_an_ontology(tmp_path: Path) -> None:
    text = document(image(polygon()), labels=[])
    classes = tmp_path / "o.yaml"
    classes.write_text("classes: [{id: 3, name: car}]")

    assert [f.code for f in checked(tmp_path, text).faults] == ["cvat.missing_field"]
    assert checked(tmp_path, text, f"?ontology={classes}").faults == ()


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ("?boxes=mask", "boxes is one of ignore, area"),
        ("?groups=1", "groups is one of apart, merge"),
        ("?subsets=a", "did you mean 'subset'"),
    ],
)
def test_an_option_that_means_nothing_is_refused(options: str, problem: str) -> None:
    with pytest.raises(SpecError, match=problem):
        segcore.open(f"cvat:c.xml{options}")


def test_a_link_to_a_pipe_is_refused_and_does_not_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "c.xml").symlink_to("pipe")

    report = segcore.check(f"cvat:{tmp_path / 'c.xml'}")

    assert [fault.code for fault in report.faults] == ["path.not_regular"]
