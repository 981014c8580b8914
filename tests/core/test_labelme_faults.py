"""LabelMe files that are refused, and what a hostile one may cost."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from labelme_files import png, shape, write
from spec_readings import codes

import segcore
from segcore.errors import SpecError


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"label": ...}, "labelme.missing_field"),
        ({"label": "\x1b[31m"}, "labelme.bad_type"),
        ({"label": " "}, "labelme.bad_type"),
        ({"label": "x" * 1025}, "labelme.bad_type"),
        ({"points": ...}, "labelme.missing_field"),
        ({"points": "2, 2"}, "labelme.bad_type"),
        ({"points": [[2, 2], [8, 2], [8, 8, 8]]}, "poly.bad_nesting"),
        ({"points": [[2, 2], [8, 2], [8, True]]}, "poly.bad_type"),
        ({"points": [[2, 2], [8, 2]]}, "poly.too_few_points"),
        ({"points": [[2, 2], [8, 2], [8, 10**400]]}, "poly.out_of_bounds"),
        ({"points": [[2, 2], [8, 2], [2, 2]]}, "poly.zero_area"),
        ({"points": [[22, 2], [28, 2], [28, 8]]}, "poly.empty_after_clip"),
        ({"points": [[2, 2]] * 100_001}, "poly.too_many_points"),
        ({"group_id": "1"}, "labelme.bad_type"),
        ({"group_id": True}, "labelme.bad_type"),
        ({"shape_type": 5}, "labelme.bad_type"),
        ({"shape_type": "polygone"}, "labelme.unsupported_shape"),
        ({"shape_type": "rectangle"}, "labelme.point_count"),
        ({"shape_type": "circle", "points": [[5, 5], [5, 5]]}, "poly.zero_area"),
        ({"shape_type": "circle", "points": [[5, 5], [5, 10**400]]}, "poly.out_of_bounds"),
        ({"shape_type": "mask", "points": [[2, 2], [3, 3]]}, "labelme.missing_field"),
        ({"shape_type": "mask", "points": [[2, 2], [3, 3]], "mask": [1]}, "labelme.bad_type"),
        ({"shape_type": "mask", "points": [[2, 2], [3, 3]], "mask": "\xe9"}, "mask.corrupt"),
        ({"shape_type": "mask", "points": [[2, 2], [3, 3]], "mask": "AAAA"}, "mask.not_png"),
        ({"shape_type": "mask", "points": [[2, 2], [3, 1e300]], "mask": "AAAA"}, "poly.out_of_bounds"),
    ],
)
def test_a_faulty_shape_is_refused_and_the_others_are_used(
    changes: dict[str, object], found: str, tmp_path: Path
) -> None:
    faulty = {name: value for name, value in (shape() | changes).items() if value is not ...}
    spec = write(tmp_path, shape(), faulty)

    report = segcore.check(spec)

    (fault,) = report.faults
    assert (fault.code, fault.image, fault.annotation) == (found, "a", "shapes[1]")
    assert len(fault.expected + fault.got) <= 240
    assert (fault.expected + fault.got).isprintable()
    assert (report.counts.read, report.counts.used, report.counts.rejected) == (2, 1, 1)


def test_a_mask_of_colours_is_refused(tmp_path: Path) -> None:
    colours = np.zeros((2, 2, 3), np.uint8)
    spec = write(tmp_path, shape(points=[[2, 2], [3, 3]], shape_type="mask", mask=png(colours)))

    assert codes(spec) == ["mask.unexpected_mode"]


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"imageHeight": None}, ["labelme.missing_field"]),
        ({"imageHeight": 10.0, "imageWidth": "20"}, ["labelme.bad_type", "labelme.bad_type"]),
        ({"imageHeight": 1 << 20, "imageWidth": 1 << 20}, ["limits.pixels"]),
        ({"imageHeight": 10**4000, "imageWidth": 1}, ["limits.pixels"]),
        ({"shapes": {}}, ["labelme.bad_structure"]),
        ({"flags": []}, ["labelme.bad_flags"]),
    ],
)
def test_a_faulty_image_is_refused(changes: dict[str, Any], found: list[str], tmp_path: Path) -> None:
    assert codes(write(tmp_path, **({"shapes": [shape()]} | changes))) == found


def test_a_coco_file_is_told_from_a_labelme_file(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"images": [], "annotations": [], "categories": []}')

    (fault,) = segcore.check(f"labelme:{tmp_path}").faults

    assert fault.code == "labelme.bad_structure"
    assert "read it as coco:" in fault.got


def test_broken_json_is_a_fault_of_its_image(tmp_path: Path) -> None:
    write(tmp_path, shape(), name="b")
    (tmp_path / "a.json").write_text('{"shapes": [')

    report = segcore.check(f"labelme:{tmp_path}")

    assert [(fault.code, fault.image) for fault in report.faults] == [("json.syntax", "a")]
    assert (report.counts.read, report.counts.used) == (1, 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("?lines=keep", "lines is one of refuse, draw, skip"),
        ("?line=draw", "unknown option 'line', did you mean 'lines'"),
    ],
)
def test_a_wrong_option_is_a_usage_error(options: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=message):
        segcore.open(f"labelme:{tmp_path}{options}")


def test_too_many_labels_are_one_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segcore.sources.labelme.MAX_CLASSES", 2)
    spec = write(tmp_path, shape("a"), shape("b"), shape("c"), shape("d"))

    report = segcore.check(spec)

    assert [fault.code for fault in report.faults] == ["limits.entries"]
    assert (report.counts.read, report.counts.rejected) == (4, 4)


def test_faults_without_end_are_named_up_to_a_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segcore.sources.labelme.MAX_ENTRY_FAULTS", 5)
    for name in "abc":
        write(tmp_path, *[None] * 4, name=name)

    report = segcore.check(f"labelme:{tmp_path}")

    found = [fault.code for fault in report.faults]
    assert (found.count("labelme.bad_type"), found.count("limits.entries")) == (4, 1)
    assert (report.counts.read, report.counts.rejected) == (12, 12)


def test_masks_of_stripes_have_a_limit_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segcore.sources.labelme_drawing.MAX_IMAGE_RUNS", 50)
    stripes = np.zeros((9, 4), np.uint8)
    stripes[::2] = 1  # 20 runs
    mask = shape(points=[[2, 0], [5, 8]], shape_type="mask", mask=png(stripes))

    report = segcore.check(write(tmp_path, mask, mask, mask))

    assert [(fault.code, fault.annotation) for fault in report.faults] == [
        ("limits.entries", "shapes[2]")
    ]


def test_the_pixels_of_masks_have_a_limit_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segcore.sources.labelme_drawing.MAX_IMAGE_BITMASK_PIXELS", 7)
    mask = shape(points=[[2, 2], [3, 3]], shape_type="mask", mask=png(np.ones((2, 2), np.uint8)))

    assert codes(write(tmp_path, mask, mask)) == ["limits.pixels"]


def test_circles_and_outlines_have_a_limit_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segcore.sources.labelme_drawing.MAX_IMAGE_STEPS", 10)
    circle = shape(points=[[10, 5], [10, 9]], shape_type="circle")  # 8 columns

    assert codes(write(tmp_path, circle, circle, circle)) == ["poly.too_many_points"]


def test_a_file_that_changes_between_two_looks_is_named(tmp_path: Path) -> None:
    source = segcore.open(write(tmp_path, shape("car")))
    assert source.ontology is not None
    write(tmp_path, shape("dog"))

    with pytest.raises(SpecError, match="changed while it was read"):
        source.read("a")


def test_a_file_that_is_gone_when_a_worker_looks_is_a_fault(tmp_path: Path) -> None:
    source = segcore.open(write(tmp_path, shape()))
    assert source.keys() == ("a",)
    (tmp_path / "a.json").unlink()

    worker = pickle.loads(pickle.dumps(source))

    assert worker.read("a") is None
    assert worker.annotation_count("a") == 0
    assert [(fault.code, fault.image) for fault in worker.faults] == [("path.not_regular", "a")]


KINDS = [
    "polygon", "rectangle", "circle", "line", "linestrip", "point", "mask", "oriented_rectangle",
]  # fmt: skip
FIELDS = ["label", "points", "group_id", "shape_type", "mask", "flags"]
SCALAR = st.none() | st.booleans() | st.integers(-30, 30) | st.floats() | st.sampled_from(["car", ""])
JSON = st.recursive(
    SCALAR,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=5)
    ),
    max_leaves=12,
)
POINT = st.lists(st.floats(-30, 60), min_size=2, max_size=2)
SHAPE = st.fixed_dictionaries(
    {
        "label": st.sampled_from(["car", "dog", "__ignore__"]) | JSON,
        "points": st.lists(POINT, max_size=5) | JSON,
        "group_id": st.none() | st.integers(0, 1) | JSON,
        "shape_type": st.sampled_from(KINDS) | JSON,
    }
)


@given(st.lists(SHAPE | JSON, max_size=5), st.sampled_from(["refuse", "draw", "skip"]))
@settings(max_examples=150, deadline=None)
def test_no_file_crashes_and_every_shape_is_accounted_for(
    tmp_path_factory: pytest.TempPathFactory, shapes: list[object], lines: str
) -> None:
    folder = tmp_path_factory.mktemp("any")
    text = json.dumps({"shapes": shapes, "imageHeight": 10, "imageWidth": 20})
    (folder / "a.json").write_text(text.replace("NaN", "1e999").replace("Infinity", "1e999"))

    counts = segcore.check(f"labelme:{folder}?lines={lines}").counts

    assert counts.read == len(shapes)
    assert counts.read == counts.used + counts.rejected + sum(counts.ignored.values())
