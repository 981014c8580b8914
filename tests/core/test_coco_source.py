"""COCO files as a source: structure, identities, results, and real files read pixel for pixel."""

from __future__ import annotations

import copy
import gzip
import hashlib
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from segcore.annotation import Region, Regions
from segcore.errors import SpecError
from segcore.sources.coco import CocoSource, open_source
from segcore.sources.coco_document import image_key
from segcore.sources.spec import Spec

Opened = Callable[..., CocoSource]


def dataset() -> dict[str, Any]:
    return {
        "images": [
            {"id": 7, "file_name": "street/a.jpg", "height": 10, "width": 12},
            {"id": 3, "file_name": "b.png", "height": 6, "width": 5},
        ],
        "categories": [
            {"id": 9, "name": "road", "supercategory": "ground", "isthing": 0},
            {"id": 2, "name": "car", "supercategory": "vehicle", "isthing": 1},
        ],
        "annotations": [
            {"id": 5, "image_id": 7, "category_id": 9, "segmentation": [[0, 0, 12, 0, 12, 4, 0, 4]]},
            {
                "id": 4,
                "image_id": 7,
                "category_id": 2,
                "iscrowd": 1,
                "segmentation": {"size": [10, 12], "counts": [10, 10, 100]},
                "area": 10,
                "bbox": [1, 0, 1, 10],
            },
        ],
    }


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    def write_and_open(document: Any, name: str = "delivery.json", **options: str) -> CocoSource:
        path = tmp_path / name
        if isinstance(document, bytes):
            path.write_bytes(document)
        else:
            path.write_text(document if isinstance(document, str) else json.dumps(document))
        return open_source(Spec(format="coco", location=str(path), options=options))

    return write_and_open


def read(source: CocoSource, key: str) -> Regions:
    annotation = source.read(key)
    assert annotation is not None
    assert isinstance(annotation.content, Regions)
    return annotation.content


def read_all(source: CocoSource) -> CocoSource:
    keys = source.keys()
    for key in keys:
        source.read(key)
    return source


def all_regions(source: CocoSource) -> list[Region]:
    keys = source.keys()
    return [region for key in keys for region in read(source, key)]


def codes(source: CocoSource) -> list[str]:
    return sorted(fault.code for fault in read_all(source).faults)


# ---- what a sound file gives


def test_images_are_keyed_by_file_name_and_classes_ordered_by_category_id(opened: Opened) -> None:
    source = opened(dataset())

    assert source.keys() == ("a", "b")
    assert source.ontology is not None
    assert [(c.id, c.name, c.thing) for c in source.ontology.classes] == [
        (2, "car", True),
        (9, "road", False),
    ]


def test_regions_keep_the_order_of_the_file(opened: Opened) -> None:
    source = opened(dataset())

    regions = read(source, "a")

    assert regions.ids == (5, 4)
    assert regions.classes.tolist() == [1, 0]
    assert regions.crowd.tolist() == [False, True]
    assert [region.mask.area_px for region in regions] == [48, 10]
    assert regions.scores is None
    assert len(source.faults) == 0


def test_an_image_without_annotations_has_no_regions_and_keeps_its_size(opened: Opened) -> None:
    source = opened(dataset())

    annotation = source.read("b")

    assert (annotation.height, annotation.width) == (6, 5)
    assert (annotation.read, annotation.rejected) == (0, 0)
    assert len(read(source, "b")) == 0


def test_a_file_without_annotations_is_sound(opened: Opened) -> None:
    source = opened(dataset() | {"annotations": []})

    assert codes(source) == []
    assert source.keys() == ("a", "b")


def test_the_digest_is_the_hash_of_the_file(opened: Opened) -> None:
    text = json.dumps(dataset())

    assert opened(text).digest() == hashlib.sha256(text.encode()).hexdigest()


def test_extra_keys_are_no_faults(opened: Opened) -> None:
    document = dataset() | {"info": None, "licenses": 3}
    document["annotations"][0] |= {"attributes": {"occluded": True}, "caption": None}
    document["images"][0] |= {"license": None, "flickr_url": "http://example.org"}

    assert codes(opened(document)) == []


def test_every_annotation_is_read_used_or_rejected(opened: Opened) -> None:
    document = dataset()
    document["annotations"] += [
        {"id": 1, "image_id": 7, "category_id": 2, "segmentation": [[1, 1]]},
        {"id": 2, "image_id": 7, "category_id": 99, "segmentation": [[0, 0, 5, 0, 5, 5]]},
        {"id": 3, "image_id": 99, "category_id": 2, "segmentation": [[0, 0, 5, 0, 5, 5]]},
        "not an object",
    ]

    source = opened(document)
    annotation = source.read("a")

    assert (annotation.read, annotation.rejected, len(read(source, "a"))) == (4, 2, 2)
    assert source.annotation_count("a") == 4
    assert source.annotation_count("b") == 0
    assert source.unplaced == 2


def test_a_source_survives_pickling_and_opens_itself_again(opened: Opened) -> None:
    source = opened(dataset())
    source.keys()

    pickled = pickle.dumps(source)
    again = pickle.loads(pickled)

    assert b"segmentation" not in pickled
    assert again.keys() == source.keys()
    assert read(again, "a").ids == (5, 4)


def test_reading_twice_reports_each_fault_once(opened: Opened) -> None:
    document = dataset()
    document["annotations"][0]["segmentation"] = []
    source = opened(document)

    read_all(read_all(source))

    assert [fault.code for fault in source.faults] == ["seg.empty"]


def test_a_fault_says_where_it_is(opened: Opened) -> None:
    document = dataset()
    document["annotations"][1]["segmentation"]["size"] = [12, 10]
    source = read_all(opened(document))

    (fault,) = source.faults

    assert (fault.image, fault.image_id, fault.annotation) == ("a", 7, 4)
    assert fault.file.endswith("delivery.json")
    assert fault.expected == "size [10, 12]"
    assert fault.got == "[12, 10]: transposed, [width, height]"


def test_a_missing_file_is_an_error_of_the_caller(tmp_path: Path) -> None:
    source = open_source(Spec(format="coco", location=str(tmp_path / "nothing.json")))

    with pytest.raises(SpecError, match=r"nothing\.json"):
        source.keys()


def test_an_unknown_option_is_an_error_of_the_caller() -> None:
    with pytest.raises(SpecError, match="did you mean 'gt'"):
        open_source(Spec.parse("coco:x.json?gtt=y.json"))


# ---- structure


def change(path: list[str | int], value: Any) -> dict[str, Any]:
    """The data set with one value replaced; ``...`` removes it."""
    document = dataset()
    at: Any = document
    for step in path[:-1]:
        at = at[step]
    if value is ...:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return document


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


# ---- keys


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("a.jpg", "a"),
        ("a", "a"),
        ("a.b.jpg", "a.b"),
        (".jpg", ".jpg"),
        ("/data/vendor/a.jpg", "a"),
        ("C:\\data\\a.jpg", "a"),
        ("stra\u00dfe 1.png", "stra\u00dfe 1"),
        ("\u753b\u50cf\u3000\uff11.png", "\u753b\u50cf\u3000\uff11"),
        ("..a.jpg", "..a"),
        ("folder/", None),
        ("a/../b.jpg", None),
        ("..", None),
        (".", None),
        ("a\n.jpg", None),
    ],
)
def test_the_key_is_the_file_name_without_folders_and_extension(name: str, key: str | None) -> None:
    assert image_key(name) == key


# ---- results


def detections() -> list[dict[str, Any]]:
    return [
        {"image_id": 7, "category_id": 2, "segmentation": [[0, 0, 6, 0, 6, 6, 0, 6]], "score": 0.25},
        {"image_id": 7, "category_id": 9, "segmentation": [[0, 0, 12, 0, 12, 9, 0, 9]], "score": 1},
    ]


def test_results_take_images_and_classes_from_the_gold_they_are_resolved_with(opened: Opened) -> None:
    gold = opened(dataset(), "gold.json")

    source = opened(detections()).resolve(ontology=None, gold=gold)

    assert source.keys() == ("a", "b")
    assert source.ontology == gold.ontology
    assert read(source, "a").classes.tolist() == [0, 1]
    assert read(source, "a").scores.tolist() == [0.25, 1.0]
    assert read(source, "a").ids == (0, 1)
    assert len(source.faults) == 0


def test_results_take_images_and_classes_from_the_file_the_spec_names(opened: Opened) -> None:
    gold = opened(dataset(), "gold.json")

    source = opened(detections(), gt=gold.name.removeprefix("coco:"))

    assert source.keys() == ("a", "b")
    assert read(pickle.loads(pickle.dumps(source)), "a").ids == (0, 1)


def test_faults_of_the_file_the_spec_names_are_reported(opened: Opened) -> None:
    gold = opened(change(["annotations", 0, "iscrowd"], 5), "gold.json")

    source = opened(detections(), gt=gold.name.removeprefix("coco:"))
    source.keys()

    assert [(fault.code, Path(fault.file).name) for fault in source.faults] == [
        ("coco.iscrowd", "gold.json")
    ]


def test_results_without_a_gold_are_an_error_that_says_what_to_add(opened: Opened) -> None:
    with pytest.raises(SpecError, match=r"\?gt="):
        opened(detections()).keys()


def test_results_beside_a_gold_that_is_no_data_set_are_an_error(opened: Opened) -> None:
    other = opened(detections(), "other.json")

    with pytest.raises(SpecError, match=r"\?gt="):
        opened(detections()).resolve(ontology=None, gold=other)


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("image_id", 8, "results.inconsistent"),
        ("category_id", 8, "results.inconsistent"),
        ("image_id", "7", "coco.bad_type"),
        ("category_id", ..., "coco.missing_field"),
        ("segmentation", ..., "seg.missing"),
        ("score", ..., "results.missing_score"),
        ("score", True, "results.bad_score"),
        ("score", 10**400, "results.bad_score"),
    ],
)
def test_a_faulty_detection_is_named_by_its_position(
    opened: Opened, field: str, value: Any, code: str
) -> None:
    entries = detections()
    if value is ...:
        del entries[1][field]
    else:
        entries[1][field] = value

    source = opened(entries).resolve(ontology=None, gold=opened(dataset(), "gold.json"))

    assert codes(source) == [code]
    assert [fault.annotation for fault in source.faults] == [1]


def test_a_broken_gold_does_not_put_the_blame_on_every_detection(opened: Opened) -> None:
    gold = opened("", "gold.json")

    source = opened(detections()).resolve(ontology=None, gold=gold)

    assert source.keys() == ()
    assert source.unplaced == 2
    assert len(source.faults) == 0
    assert [fault.code for fault in gold.faults] == ["json.syntax"]


def test_an_empty_list_of_results_delivers_every_image_with_nothing_found(opened: Opened) -> None:
    source = opened([]).resolve(ontology=None, gold=opened(dataset(), "gold.json"))

    assert source.keys() == ("a", "b")
    assert len(read(source, "a")) == 0


def test_scores_of_a_data_set_are_read_where_all_annotations_have_one(opened: Opened) -> None:
    document = dataset()
    for score, annotation in zip((0.5, 0.75), document["annotations"], strict=True):
        annotation["score"] = score

    assert read(opened(document), "a").scores.tolist() == [0.5, 0.75]


# ---- an ontology of one's own


def test_an_ontology_file_renames_the_categories_by_alias(opened: Opened, tmp_path: Path) -> None:
    path = tmp_path / "ontology.yaml"
    path.write_text("classes:\n- {id: 0, name: ground, aliases: [road]}\n- {id: 1, name: car}\n")

    source = opened(dataset(), ontology=str(path))

    assert source.ontology is not None
    assert source.ontology.names == ("ground", "car")
    assert read(source, "a").classes.tolist() == [0, 1]
    assert codes(source) == []


def test_a_category_the_ontology_does_not_know_refuses_its_annotations(
    opened: Opened, tmp_path: Path
) -> None:
    path = tmp_path / "ontology.yaml"
    path.write_text("classes:\n- {id: 1, name: car}\n")

    source = opened(dataset(), ontology=str(path))

    assert codes(source) == ["coco.unknown_class_name"]
    assert read(source, "a").ids == (4,)
    assert source.read("a").rejected == 1


def test_results_refer_to_category_ids_of_the_gold_whatever_it_maps_them_to(
    opened: Opened, tmp_path: Path
) -> None:
    path = tmp_path / "ontology.yaml"
    path.write_text("classes:\n- {id: 0, name: road}\n- {id: 1, name: car}\n")
    gold = opened(dataset(), "gold.json", ontology=str(path))

    source = opened(detections()).resolve(ontology=None, gold=gold)

    assert source.ontology is not None
    assert [source.ontology.names[i] for i in read(source, "a").classes] == ["car", "road"]


# ---- real files


def reference_mask(segmentation: Any, height: int, width: int) -> np.ndarray:
    """What pycocotools' ``annToMask`` gives."""
    if isinstance(segmentation, list):
        rle = coco_mask.merge(coco_mask.frPyObjects(segmentation, height, width))
    elif isinstance(segmentation["counts"], list):
        rle = coco_mask.frPyObjects(segmentation, height, width)
    else:
        rle = segmentation
    return coco_mask.decode(rle).astype(bool)


SIX = Path(__file__).resolve().parent.parent / "data" / "coco_val2014_6"

REAL = [
    ("coco_val2014_100", "instances_val2014_100.json", 839),
    ("peer_converted_coco40", "source_coco_instances_40.json", 371),
    ("coco_boundary_small", "gt_dataset.json", 9),
    ("fashionpedia_sample", "sample.json", 12),
    ("sahi_coco_labelme", "coco_utils/terrain2_coco.json", 5),
    ("datumaro_assets", "coco_dataset/coco/annotations/stuff_train.json", 1),
    ("datumaro_assets", "coco_dataset/coco/annotations/stuff_val.json", 1),
    ("datumaro_assets", "coco_dataset/coco/annotations/instances_val.json", 2),
]


@pytest.mark.parametrize(("folder", "name", "masks"), REAL, ids=[f"{row[0]}/{row[1]}" for row in REAL])
def test_every_mask_of_a_real_file_is_the_one_pycocotools_draws(
    shared_data: Callable[[str], Path], folder: str, name: str, masks: int
) -> None:
    path = shared_data(folder) / name
    entries = {entry["id"]: entry for entry in json.loads(path.read_text())["annotations"]}
    source = open_source(Spec(format="coco", location=str(path)))

    regions = all_regions(source)

    for region in regions:
        mask = region.mask
        expected = reference_mask(entries[region.id]["segmentation"], mask.height, mask.width)
        assert (mask.to_array() == expected).all()
    assert len(regions) == masks
    assert masks + sum(fault.code == "seg.empty" for fault in source.faults.errors) == len(entries)


def test_six_images_of_coco_are_read_as_pycocotools_draws_them() -> None:
    """A small part of val2014 travels with the tests: crowds, parts, and an image nobody found."""
    entries = {e["id"]: e for e in json.loads((SIX / "instances.json").read_text())["annotations"]}
    source = open_source(Spec(format="coco", location=str(SIX / "instances.json")))
    results = json.loads((SIX / "results.json").read_text())
    found = open_source(Spec(format="coco", location=str(SIX / "results.json")))
    found = found.resolve(ontology=None, gold=source)

    gold, delivered = all_regions(source), all_regions(found)

    assert (len(gold), len(delivered), sum(region.crowd for region in gold)) == (29, 25, 1)
    for region, entry in [(r, entries[r.id]) for r in gold] + [(r, results[r.id]) for r in delivered]:
        expected = reference_mask(entry["segmentation"], region.mask.height, region.mask.width)
        assert (region.mask.to_array() == expected).all()
    assert len(read(found, "COCO_val2014_000000001063")) == 0
    assert source.faults.errors == found.faults.errors == ()


@pytest.mark.parametrize(
    ("folder", "gold", "results", "count"),
    [
        (
            "coco_val2014_100",
            "instances_val2014_100.json",
            "instances_val2014_fakesegm100_results.json",
            734,
        ),
        ("fashionpedia_sample", "sample.json", "fake_results.json", 12),
        ("coco_boundary_small", "gt_dataset.json", "dt_dataset.json", 9),
    ],
)
def test_every_detection_of_a_real_list_is_read_with_its_score(
    shared_data: Callable[[str], Path], folder: str, gold: str, results: str, count: int
) -> None:
    path = shared_data(folder)
    entries = json.loads((path / results).read_text())
    options = {"gt": str(path / gold)}
    source = open_source(Spec(format="coco", location=str(path / results), options=options))

    regions = all_regions(source)

    for region in regions:
        entry = entries[region.id]
        expected = reference_mask(entry["segmentation"], region.mask.height, region.mask.width)
        assert region.score == entry["score"]
        assert (region.mask.to_array() == expected).all()
    assert len(regions) == count
    assert source.faults.errors == ()


def test_a_file_of_boxes_alone_is_refused_annotation_by_annotation(
    shared_data: Callable[[str], Path],
) -> None:
    path = shared_data("sahi_coco_labelme") / "coco_evaluate"
    source = open_source(Spec(format="coco", location=str(path / "dataset.json")))
    options = {"gt": str(path / "dataset.json")}
    found = open_source(Spec(format="coco", location=str(path / "result.json"), options=options))

    assert codes(source) == ["seg.empty"] * 249
    assert codes(found) == ["seg.empty"] * 89


def test_a_wrong_area_of_a_real_file_is_a_warning(shared_data: Callable[[str], Path]) -> None:
    """SAHI wrote the area of the image as the area of each of these boxes."""
    path = shared_data("sahi_coco_labelme") / "coco_utils" / "terrain2_coco.json"
    source = open_source(Spec(format="coco", location=str(path)))

    assert codes(source) == ["coco.area_mismatch"] * 5


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
