"""COCO files with wrong structure: every fault is named, and what is read is right."""

from __future__ import annotations

import copy
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from coco_files import Opened, all_regions, change, codes, dataset, reference_mask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segcore.sources.coco import open_source
from segcore.sources.spec import Spec

pytestmark = pytest.mark.usefixtures("either_kind")  # numba finds rows in the text

NO_IMAGES = [
    ("null", "null", "coco.bad_structure"),
    ("number", "12", "coco.bad_structure"),
    ("no_annotations", json.dumps(change(["annotations"], ...)), "coco.missing_field"),
    ("annotations_is_an_object", json.dumps(change(["annotations"], {})), "coco.bad_structure"),
    ("images_is_null", json.dumps(change(["images"], None)), "coco.bad_structure"),
    ("categories_is_text", json.dumps(change(["categories"], "car")), "coco.bad_structure"),
    ("empty_file", "", "json.syntax"),
    ("html_page", "<!DOCTYPE html><html></html>", "json.syntax"),
    ("gzip", gzip.compress(json.dumps(dataset()).encode()), "json.encoding"),
    ("utf_16", json.dumps(dataset()).encode("utf-16"), "json.encoding"),
    ("byte_order_mark", b"\xef\xbb\xbf" + json.dumps(dataset()).encode(), "json.bom"),
    ("cut_off", json.dumps(dataset())[:-9], "json.syntax"),
    ("nested_1e5_deep", "[" * 100_000 + "]" * 100_000, "json.too_deep"),
    ("number_of_5000_digits", '{"images": ' + "9" * 5000 + "}", "json.number"),
    (
        "panoptic",
        json.dumps(change(["annotations"], [{"image_id": 7, "segments_info": []}])),
        "coco.bad_structure",
    ),
]


@pytest.mark.parametrize(
    ("text", "code"), [row[1:] for row in NO_IMAGES], ids=[row[0] for row in NO_IMAGES]
)
def test_a_document_that_is_no_coco_file_is_a_fault_that_names_the_file(
    opened: Opened, text: str | bytes, code: str
) -> None:
    source = opened(text)

    assert source.keys() == ()
    assert {fault.code for fault in source.faults} == {code}
    assert all(fault.file.endswith("delivery.json") for fault in source.faults)


def test_a_folder_is_no_coco_file(tmp_path: Path) -> None:
    source = open_source(Spec(format="coco", location=str(tmp_path)))

    assert source.keys() == ()
    assert [fault.code for fault in source.faults] == ["path.not_regular"]


ONE_FAULT = [
    (["images", 0, "id"], ..., "coco.missing_field"),
    (["images", 0, "id"], "7", "coco.bad_type"),
    (["images", 0, "id"], True, "coco.bad_type"),
    (["images", 0, "id"], 7.0, "coco.bad_type"),
    (["images", 0, "id"], 2**80, "coco.bad_type"),
    (["images", 0, "file_name"], ..., "coco.missing_field"),
    (["images", 0, "file_name"], None, "coco.bad_type"),
    (["images", 0, "file_name"], "", "path.unsafe"),
    (["images", 0, "file_name"], "../../etc/a.jpg", "path.unsafe"),
    (["images", 0, "file_name"], "..\\a.jpg", "path.unsafe"),
    (["images", 0, "file_name"], "a\x00.jpg", "path.unsafe"),
    (["images", 0, "file_name"], "a\x1b[31m.jpg", "path.unsafe"),
    (["images", 0, "file_name"], "a\u202egpj.exe", "path.unsafe"),
    (["images", 0, "height"], ..., "coco.missing_field"),
    (["images", 0, "height"], 0, "coco.bad_type"),
    (["images", 0, "height"], -10, "coco.bad_type"),
    (["images", 0, "height"], 10.0, "coco.bad_type"),
    (["images", 0, "height"], "10", "coco.bad_type"),
    (["images", 0, "width"], True, "coco.bad_type"),
    (["images", 0, "width"], 10**4000, "limits.pixels"),
    (["images", 0], None, "coco.bad_structure"),
    (["images", 1, "id"], 7, "coco.duplicate_image_id"),
    (["images", 1, "file_name"], "street/a.jpg", "coco.duplicate_file_name"),
    (["images", 1, "file_name"], "road/a.png", "delivery.ambiguous_image"),
    (["categories", 0, "name"], ..., "coco.missing_field"),
    (["categories", 0, "name"], 5, "coco.bad_type"),
    (["categories", 0, "name"], " ", "coco.bad_type"),
    (["categories", 0, "name"], "car\n", "coco.bad_type"),
    (["categories", 0, "name"], "car", "coco.duplicate_category"),
    (["categories", 0, "id"], 2, "coco.duplicate_category"),
    (["categories", 0, "id"], "9", "coco.bad_type"),
    (["categories", 0], [], "coco.bad_structure"),
    (["annotations", 0, "id"], ..., "coco.missing_field"),
    (["annotations", 0, "id"], "5", "coco.bad_type"),
    (["annotations", 0, "id"], True, "coco.bad_type"),
    (["annotations", 0, "id"], 4, "coco.duplicate_annotation_id"),
    (["annotations", 0, "image_id"], ..., "coco.missing_field"),
    (["annotations", 0, "image_id"], 8, "coco.unknown_image"),
    (["annotations", 0, "category_id"], ..., "coco.missing_field"),
    (["annotations", 0, "category_id"], [2], "coco.bad_type"),
    (["annotations", 0, "category_id"], 3, "coco.unknown_category"),
    (["annotations", 0, "iscrowd"], 2, "coco.iscrowd"),
    (["annotations", 0, "iscrowd"], True, "coco.iscrowd"),
    (["annotations", 0, "iscrowd"], None, "coco.iscrowd"),
    (["annotations", 0], 5, "coco.bad_structure"),
    (["annotations", 0, "segmentation"], ..., "seg.missing"),
    (["annotations", 0, "segmentation"], None, "seg.missing"),
    (["annotations", 0, "segmentation"], [], "seg.empty"),
    (["annotations", 0, "segmentation"], {}, "seg.empty"),
    (["annotations", 0, "segmentation"], "mask.png", "seg.bad_type"),
    (["annotations", 0, "segmentation"], 5, "seg.bad_type"),
    (["annotations", 1, "area"], 70, "coco.area_mismatch"),
    (["annotations", 1, "bbox"], [1, 0, 10, 1], "seg.bbox_mismatch"),
]


@pytest.mark.parametrize(
    ("path", "value", "code"),
    ONE_FAULT,
    ids=[f"{'.'.join(map(str, path))}={str(value)[:12]!a}" for path, value, _ in ONE_FAULT],
)
def test_one_wrong_value_is_one_fault_and_causes_no_others(
    opened: Opened, path: list[str | int], value: Any, code: str
) -> None:
    if path[0] == "categories":  # what the duplicate or unreadable category takes with it is refused
        assert set(codes(opened(change(path, value)))) <= {code, "coco.unknown_category"}
    elif path == ["images", 0] or path == ["images", 0, "id"]:
        assert set(codes(opened(change(path, value)))) == (
            {code} if code == "coco.duplicate_image_id" else {code, "coco.unknown_image"}
        )
    else:
        assert codes(opened(change(path, value))) == [code]


def test_all_faults_come_out_of_one_run(opened: Opened) -> None:
    document = dataset()
    document["images"].append({"id": 3, "file_name": "c.jpg", "height": 5, "width": 5})
    document["categories"].append({"name": "tree"})
    document["annotations"][0] |= {"category_id": "9", "iscrowd": 7}
    document["annotations"][1]["segmentation"] = {"counts": [120]}

    assert codes(opened(document)) == [
        "coco.bad_type",
        "coco.duplicate_image_id",
        "coco.iscrowd",
        "coco.missing_field",
        "rle.missing_field",
    ]


def test_annotations_beyond_the_limit_are_refused_before_they_are_looked_at(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segcore.sources.coco_document.MAX_ANNOTATIONS", 2)
    document = dataset()
    document["annotations"].append(None)

    assert codes(opened(document)) == ["limits.annotations"]


def test_areas_and_boxes_are_compared_with_some_patience(opened: Opened) -> None:
    """COCO states the area of the polygon, tools round boxes: neither is a fault."""
    document = dataset()
    document["annotations"][0] |= {"area": 50.5, "bbox": [-0.4, 0.7, 12.9, 4.2]}
    document["annotations"][1] |= {"area": None, "bbox": []}

    assert codes(opened(document)) == []


# ---- mutations


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 12) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)
REMOVE = object()


def paths_of(value: Any, prefix: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    here = [prefix] if prefix else []
    if not isinstance(value, (dict, list)):
        return here
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    return here + [path for step, child in inner for path in paths_of(child, (*prefix, step))]


PATHS = paths_of(dataset())


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(PATHS), st.just(REMOVE) | JSON), min_size=1, max_size=3))
def test_a_mutated_file_is_read_right_or_refused(
    opened: Opened, mutations: list[tuple[tuple[Any, ...], Any]]
) -> None:
    """What is read without a fault is exactly what pycocotools draws, nothing more or less."""
    document = dataset()
    for path, value in mutations:
        at: Any = document
        try:
            for step in path[:-1]:
                at = at[step]
            if value is REMOVE:
                del at[path[-1]]
            else:
                at[path[-1]] = copy.deepcopy(value)
        except (LookupError, TypeError):
            continue  # an earlier mutation took the place away
    source = opened(document)

    regions = all_regions(source)

    if source.faults.errors:
        return
    expected = {entry["id"]: entry for entry in document["annotations"]}
    size_of = {image["id"]: (image["height"], image["width"]) for image in document["images"]}
    name_of = {category["id"]: category["name"] for category in document["categories"]}
    assert sorted(region.id for region in regions) == sorted(expected)
    for region in regions:
        entry = expected[region.id]
        mask = reference_mask(entry["segmentation"], *size_of[entry["image_id"]])
        assert (region.mask.to_array() == mask).all()
        assert source.ontology.names[region.class_index] == name_of[entry["category_id"]]
        assert region.crowd == bool(entry.get("iscrowd", 0))
