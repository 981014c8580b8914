"""What reading finds is counted by the lint it belongs to, and what a format cannot show is said."""

from __future__ import annotations

import cvat_scenes
import pytest
from lint_scenes import CLASSES, SQUARE, classes, found, mapped, only, written
from PIL import Image

from segcore.faults import CODES, Severity
from segcore.lints import Lint, lint
from segcore.lints.front_door import CODES_OF

RLE = {"size": [10, 10], "counts": [22, 6, 4, 6, 4, 6, 4, 6, 4, 6, 4, 6, 22]}
BOWTIE = [2, 2, 8, 8, 8, 2, 2, 8]
BOX = [2, 2, 6, 6]


def masks(folder, **drawings):
    for key, drawing in drawings.items():
        Image.fromarray(classes(drawing)).save(folder / f"{key}.png")
    return f"png:{folder}"


@pytest.mark.parametrize(
    ("name", "bad", "good"),
    [
        ("unknown-class", {"category_id": 77, "segmentation": [SQUARE]}, {"segmentation": [SQUARE]}),
        ("undecodable-mask", {"segmentation": [[2, 2, 8]]}, {"segmentation": [SQUARE]}),
        (
            "undecodable-mask",
            {"segmentation": {"size": [10, 10], "counts": [22, 6]}},
            {"segmentation": RLE},
        ),
        ("empty-mask", {"segmentation": []}, {"segmentation": [SQUARE]}),
        (
            "empty-mask",
            {"segmentation": {"size": [10, 10], "counts": [100]}},
            {"segmentation": RLE},
        ),
        ("empty-mask", {"segmentation": [[2, 2, 8, 2, 4, 2]]}, {"segmentation": [SQUARE]}),
        ("out-of-bounds", {"segmentation": [[2, 2, 14, 2, 14, 8]]}, {"segmentation": [SQUARE]}),
        ("out-of-bounds", {"segmentation": [[2, 2, 90, 2, 14, 8]]}, {"segmentation": [SQUARE]}),
        ("out-of-bounds", {"segmentation": [[12, 2, 14, 2, 14, 8]]}, {"segmentation": [SQUARE]}),
        ("self-intersection", {"segmentation": [BOWTIE]}, {"segmentation": [SQUARE]}),
        (
            "bbox-mismatch",
            {"segmentation": [SQUARE], "bbox": [0, 0, 3, 3]},
            {"segmentation": [SQUARE], "bbox": BOX},
        ),
        (
            "bbox-mismatch",
            {"segmentation": RLE, "bbox": [0, 0, 3, 3]},
            {"segmentation": RLE, "bbox": BOX},
        ),
        (
            "area-mismatch",
            {"segmentation": [SQUARE], "area": 100},
            {"segmentation": [SQUARE], "area": 36},
        ),
    ],
)
def test_what_reading_finds_is_a_finding_of_its_lint(tmp_path, name, bad, good):
    wrong = found(name, written(tmp_path, {"segmentation": [SQUARE]}, bad))
    right = found(name, written(tmp_path, good, good))

    assert only(wrong).annotation == 11
    assert (right.found, right.examined, right.not_applicable) == (0, 2, "")


def test_a_value_that_is_no_class_is_an_unknown_class(tmp_path):
    Image.fromarray(classes("rr\nrr") + 40).save(tmp_path / "a.png")

    finding = only(found("unknown-class", f"png:{tmp_path}"))

    assert finding.image == "a"
    assert "41" in finding.got


def test_a_damaged_mask_image_is_undecodable(tmp_path):
    spec = masks(tmp_path, a="rr\nrr", b="rc\nrc")
    data = (tmp_path / "b.png").read_bytes()
    (tmp_path / "b.png").write_bytes(data[:-20])

    assert only(found("undecodable-mask", spec)).image == "b"


# ---- vertices


@pytest.mark.parametrize(("limit", "expected"), [(4, 0), (5, 1)])
def test_a_polygon_has_too_few_points_below_the_limit(tmp_path, limit, expected):
    result = found(
        "too-few-vertices",
        written(tmp_path, {"segmentation": [SQUARE]}),
        min_vertices={"default": limit},
    )

    assert result.found == expected
    assert [f.got for f in result.findings] == ["4"] * expected


@pytest.mark.parametrize(("limit", "expected"), [(4, 0), (3, 1)])
def test_a_polygon_has_too_many_points_above_the_limit(tmp_path, limit, expected):
    delivery = written(tmp_path, {"segmentation": [SQUARE, [0, 0, 2, 0, 0, 2]]})

    result = found("too-many-vertices", delivery, max_vertices={"default": limit})

    assert result.found == expected


def test_the_limits_of_vertices_go_by_class(tmp_path):
    delivery = written(
        tmp_path, {"segmentation": [SQUARE]}, {"category_id": 3, "segmentation": [SQUARE]}
    )

    result = found("too-few-vertices", delivery, min_vertices={"bus": 9})

    assert only(result).class_name == "bus"
    assert result.examined == 1


YOLO = "0 0.2 0.2 0.8 0.2 0.8 0.8 0.2 0.8 0.1 0.5\n"
LABELME = """{"version": "5.0.1", "flags": {}, "imagePath": "a.png", "imageData": null,
"imageHeight": 10, "imageWidth": 10, "shapes": [
{"label": "car", "points": [[2, 2], [8, 2], [8, 8], [2, 8], [1, 5]], "group_id": null,
 "shape_type": "polygon", "flags": {}},
{"label": "car", "points": [[2, 2], [8, 8]], "group_id": null,
 "shape_type": "rectangle", "flags": {}}]}"""


def yolo(folder):
    for name in ("labels", "images"):
        (folder / name).mkdir()
    (folder / "data.yaml").write_text("names: [car]\n")
    (folder / "labels" / "a.txt").write_text(YOLO)
    Image.new("L", (10, 10)).save(folder / "images" / "a.png")
    return f"yolo:{folder}"


def cvat(folder):
    five = cvat_scenes.polygon("2,2;8,2;8,8;2,8;1,5")
    text = cvat_scenes.document(cvat_scenes.image(five, cvat_scenes.ellipse()), labels=["car"])
    return f"cvat:{cvat_scenes.written(folder, text)}"


def labelme(folder):
    (folder / "a.json").write_text(LABELME)
    return f"labelme:{folder}"


@pytest.mark.parametrize("write", [yolo, cvat, labelme])
def test_every_format_that_stores_polygons_tells_their_points(tmp_path, write):
    result = found("too-few-vertices", write(tmp_path), min_vertices={"default": 6})

    assert only(result).got == "5"
    assert result.examined == 1


# ---- what a format cannot show


@pytest.mark.parametrize(
    "name", ["too-few-vertices", "too-many-vertices", "self-intersection", "out-of-bounds"]
)
def test_a_mask_image_has_no_vertices(name):
    limits = {"min_vertices": {"default": 4}, "max_vertices": {"default": 9}}

    result = found(name, mapped(a="rr\nrr"), **limits)

    assert result.examined == 0
    assert result.not_applicable == "none of its annotations is known to be a polygon"


@pytest.mark.parametrize("name", ["bbox-mismatch", "area-mismatch"])
def test_what_is_not_stated_cannot_disagree(tmp_path, name):
    result = found(name, written(tmp_path, {"segmentation": [SQUARE]}))

    assert result.not_applicable.endswith("that it states is read")


def test_every_annotation_that_is_read_is_looked_at_for_its_class(tmp_path):
    delivery = written(tmp_path, {"segmentation": RLE}, {"segmentation": RLE})

    results = lint(delivery, ["unknown-class", "undecodable-mask"], ontology=CLASSES)

    assert [result.examined for result in results.values()] == [2, 2]


# ---- the codes


def test_every_code_is_a_fault_and_belongs_to_one_lint():
    codes = [code for of_lint in CODES_OF.values() for code in of_lint]

    assert sorted(codes) == sorted(set(codes))
    assert set(codes) <= set(CODES)


def test_a_lint_that_can_only_be_an_error_is_about_faults_that_refuse():
    always = [name for name in Lint if name.always_refused]

    assert [name.value for name in always] == ["unknown-class", "undecodable-mask"]
    for name in always:
        assert {CODES[code][0] for code in CODES_OF[name]} == {Severity.ERROR}
