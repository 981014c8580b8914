"""Inputs for which widely used tools give a wrong number without a word.

Each test is one row of that list: here the number is right, or the input is refused by name.
Inputs that crash or hang pycocotools are not given to it.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco_mask

import segcore
from segcore.annotation import ImageAnnotation, Regions
from segcore.errors import InvalidInputError
from segcore.sources.coco import CocoSource

SQUARE = [2, 2, 8, 2, 8, 8, 2, 8]
"""36 pixels of an image of 10 x 12."""


def dataset() -> dict[str, Any]:
    """Two images, two classes; image ``a`` has a car and a road, image ``b`` a car."""
    return {
        "images": [
            {"id": 1, "file_name": "a.jpg", "height": 10, "width": 12},
            {"id": 2, "file_name": "b.jpg", "height": 10, "width": 12},
        ],
        "categories": [{"id": 1, "name": "car"}, {"id": 2, "name": "road"}],
        "annotations": [
            {"id": 11, "image_id": 1, "category_id": 1, "segmentation": [list(SQUARE)]},
            {"id": 12, "image_id": 1, "category_id": 2, "segmentation": [[8, 0, 12, 0, 12, 9, 8, 9]]},
            {"id": 13, "image_id": 2, "category_id": 1, "segmentation": [list(SQUARE)]},
        ],
    }


def with_mask(segmentation: Any, **image: int) -> dict[str, Any]:
    """The data set with this segmentation, and image size, for its first annotation."""
    document = dataset()
    document["annotations"][0]["segmentation"] = segmentation
    document["images"][0].update(image)
    return document


def read(source: CocoSource, key: str = "a") -> Regions:
    annotation = source.read(key)
    assert isinstance(annotation, ImageAnnotation)
    assert isinstance(annotation.content, Regions)
    return annotation.content


def found(source: CocoSource) -> set[tuple[str, int | str | None]]:
    """Code and annotation of every fault that refuses, after reading everything."""
    keys = source.keys()
    for key in keys:
        source.read(key)
    return {(fault.code, fault.annotation) for fault in source.faults.errors}


def iou(one: np.ndarray, two: np.ndarray) -> float:
    return float((one & two).sum() / (one | two).sum())


# ---- run lengths


def test_01_counts_that_are_too_short_are_refused_and_no_uninitialised_memory_is_read(opened) -> None:
    source = opened(with_mask({"size": [10, 10], "counts": ":5"}, width=10))

    assert found(source) == {("rle.sum_mismatch", 11)}
    assert source.faults.errors[0].got == "15"  # ":" is 10, "5" is 5


def test_02_a_run_of_two_to_the_32_and_five_is_refused_and_does_not_wrap_to_five(opened) -> None:
    source = opened(with_mask({"size": [10, 10], "counts": ":UPPPPP4e2"}, width=10))

    assert found(source) == {("rle.run_too_large", 11)}
    assert source.faults.errors[0].got == str(2**32 + 5)


def test_03_empty_runs_on_both_sides_give_an_iou_of_one_half(opened) -> None:
    small = read(opened(with_mask({"size": [4, 4], "counts": "220N<"}, height=4, width=4)))[0].mask
    large = read(opened(with_mask({"size": [4, 4], "counts": "220N226"}, height=4, width=4)))[0].mask

    assert small.starts.tolist() == [2]
    assert small.ends.tolist() == [4]
    assert large.starts.tolist() == [2, 6]
    assert large.ends.tolist() == [4, 8]
    assert iou(small.to_array(), large.to_array()) == 0.5


def test_03_random_masks_with_empty_runs_keep_their_pixels(opened) -> None:
    rng = np.random.default_rng(3)
    document = dataset()
    document["annotations"] = []
    expected = []
    for i in range(200):
        cuts = np.sort(rng.integers(0, 121, 60))  # many are equal: runs of no pixel between them
        counts = np.diff([0, *cuts, 120]).tolist()
        rle = {"size": [10, 12], "counts": counts}
        values = np.arange(len(counts)) % 2 == 1
        expected.append(np.repeat(values, counts).reshape((10, 12), order="F"))
        document["annotations"].append({"id": i, "image_id": 1, "category_id": 1, "segmentation": rle})

    regions = read(opened(document))

    for region, mask in zip(regions, expected, strict=True):
        assert (region.mask.to_array() == mask).all()
        assert (region.mask.starts < region.mask.ends).all()


def test_04_a_mask_that_is_one_24th_right_scores_one_24th(opened) -> None:
    """Written with empty runs, such a mask kept its AP in COCOeval as if nothing were wrong."""
    gold = read(opened(with_mask({"size": [10, 12], "counts": [0, 24, 96]}), "gold.json"))[0].mask
    delivered = read(opened(with_mask({"size": [10, 12], "counts": [0, 1, 0, 0, 119]})))[0].mask

    assert iou(gold.to_array(), delivered.to_array()) == 1 / 24


def test_05_a_nul_inside_the_counts_is_refused(opened) -> None:
    source = opened(with_mask({"size": [10, 12], "counts": "4\x00lR"}))

    assert found(source) == {("rle.bad_char", 11)}


@pytest.mark.parametrize("size", [[12, 10], [5, 6]], ids=["transposed", "half"])
def test_06_a_mask_of_another_size_is_refused_and_is_not_just_no_match(opened, size: list[int]) -> None:
    source = opened(with_mask({"size": size, "counts": [size[0] * size[1]]}))

    assert found(source) == {("rle.size_mismatch", 11)}


# ---- identities


def test_07_two_annotations_with_one_id_are_refused_and_neither_is_counted_twice(opened) -> None:
    document = dataset()
    document["annotations"][2]["id"] = 11
    source = opened(document)

    assert found(source) == {("coco.duplicate_annotation_id", 11)}
    assert read(source, "a").ids == (12,)
    assert read(source, "b").ids == ()


def test_08_two_images_with_one_id_are_refused_and_no_entry_wins(opened) -> None:
    document = dataset()
    document["images"][1]["id"] = 1
    source = opened(document)

    assert ("coco.duplicate_image_id", None) in found(source)
    assert source.keys() == ()
    assert source.unplaced == 3


def test_09_a_gold_annotation_with_id_zero_counts_like_any_other(opened) -> None:
    document = dataset()
    document["annotations"][0]["id"] = 0

    evaluation = segcore.evaluate(opened(document, "gold.json"), opened(document))

    assert read(opened(document)).ids == (0, 12)
    assert [scores.iou for scores in evaluation.classes] == [1.0, 1.0]


@pytest.mark.parametrize(
    ("field", "code"), [("image_id", "coco.unknown_image"), ("category_id", "coco.unknown_category")]
)
def test_10_an_orphan_is_refused_and_not_ignored(opened, field: str, code: str) -> None:
    document = dataset()
    document["annotations"][0][field] = 999

    assert found(opened(document)) == {(code, 11)}


def test_11_permuted_category_ids_are_matched_by_name(opened) -> None:
    gold, delivery = dataset(), dataset()
    delivery["categories"] = [{"id": 1, "name": "road"}, {"id": 2, "name": "car"}]
    for annotation in delivery["annotations"]:
        annotation["category_id"] = 3 - annotation["category_id"]

    evaluation = segcore.evaluate(opened(gold, "gold.json"), opened(delivery))

    assert [scores.iou for scores in evaluation.classes] == [1.0, 1.0]


def test_12_a_key_given_twice_is_refused_and_half_the_delivery_is_not_lost(opened) -> None:
    text = json.dumps(dataset())
    twice = text[:-1] + ', "annotations": []}'

    assert found(opened(twice)) == {("json.duplicate_key", None)}


@pytest.mark.parametrize("image_id", ["1", True, 1.0, None], ids=repr)
def test_13_14_an_image_id_that_only_looks_like_one_is_refused(opened, image_id: object) -> None:
    document = dataset()
    document["annotations"][0]["image_id"] = image_id

    assert found(opened(document)) == {("coco.bad_type", 11)}


# ---- polygons


def test_15_two_points_are_refused_and_not_read_as_a_box(opened) -> None:
    assert found(opened(with_mask([[2, 2, 6, 6]]))) == {("poly.too_few_points", 11)}


@pytest.mark.parametrize(
    ("ring", "code"),
    [([1, 1, 3, 3], "poly.too_few_points"), ([1, 1, 5, 1, 5, 5, 1], "poly.odd_length")],
)
def test_16_a_bad_second_ring_refuses_the_annotation(opened, ring: list[int], code: str) -> None:
    assert found(opened(with_mask([SQUARE, ring]))) == {(code, 11)}


def test_17_a_ring_traced_twice_is_refused_and_is_not_an_empty_mask(opened) -> None:
    ring = [0, 0, 0, 8, 8, 8, 8, 0, 0, 0, 0, 8, 8, 8, 8, 0]

    assert coco_mask.area(coco_mask.frPyObjects([ring], 10, 12)).tolist() == [0]
    assert found(opened(with_mask([ring]))) == {("poly.zero_area", 11)}


def test_18_a_missing_segmentation_is_refused_and_the_box_is_not_taken_instead(opened) -> None:
    null, absent = with_mask(None), dataset()
    del absent["annotations"][0]["segmentation"]
    for document in (null, absent):
        document["annotations"][0]["bbox"] = [2, 2, 6, 6]

        assert found(opened(document)) == {("seg.missing", 11)}


def test_19_an_image_of_4_9_billion_pixels_is_refused_by_the_limit(opened) -> None:
    square = [0, 0, 60000, 0, 60000, 60000, 0, 60000]
    source = opened(with_mask([square], height=70000, width=70000))

    assert found(source) == {("limits.pixels", None)}
    assert source.keys() == ("b",)
    assert source.unplaced == 2


@pytest.mark.parametrize("counts", [[10.9, 109.1], [119, True], ["120"], [120.0]], ids=repr)
def test_20_runs_that_are_no_integers_are_refused_and_not_truncated(opened, counts: list[Any]) -> None:
    source = opened(with_mask({"size": [10, 12], "counts": counts}))

    assert found(source) == {("rle.bad_type", 11)}


# ---- scores


def results(**first: Any) -> list[dict[str, Any]]:
    entries = [
        {"image_id": 1, "category_id": 1, "segmentation": [list(SQUARE)], "score": 0.9},
        {"image_id": 2, "category_id": 1, "segmentation": [list(SQUARE)], "score": 0.8},
    ]
    entries[0].update(first)
    return entries


def test_21_a_score_that_is_not_a_number_is_refused_and_not_sorted_last(opened) -> None:
    gold = opened(dataset(), "gold.json")
    nan = opened(json.dumps(results(score=float("nan")))).resolve(ontology=None, gold=gold)
    infinite = json.dumps(results()).replace("0.9", "1e999")
    beyond = opened(infinite, "beyond.json").resolve(ontology=None, gold=gold)

    assert found(nan) == {("json.number", None)}
    assert found(beyond) == {("results.bad_score", 0)}


@pytest.mark.parametrize("score", [None, True, "0.9", [0.9]], ids=repr)
def test_22_a_score_of_the_wrong_type_is_refused(opened, score: object) -> None:
    gold = opened(dataset(), "gold.json")

    source = opened(results(score=score)).resolve(ontology=None, gold=gold)

    assert found(source) == {("results.bad_score", 0)}


def test_22_a_missing_score_is_refused(opened) -> None:
    gold = opened(dataset(), "gold.json")
    entries = results()
    del entries[1]["score"]

    source = opened(entries).resolve(ontology=None, gold=gold)

    assert found(source) == {("results.missing_score", 1)}


def test_23_a_gold_image_that_was_not_delivered_counts_as_wrong_and_is_named(opened) -> None:
    delivery = dataset()
    del delivery["images"][1], delivery["annotations"][2]

    evaluation = segcore.evaluate(opened(dataset(), "gold.json"), opened(delivery))

    assert evaluation.images.missing_in_delivery == ("b",)
    assert [scores.iou for scores in evaluation.classes] == [36 / 72, 1.0]


# ---- what ends the process or never ends


NEVER_SHOWN_TO_PYCOCOTOOLS = [
    ("run_too_large_hangs_iou", {"size": [10, 12], "counts": ":d?"}, "rle.run_too_large"),
    ("sum_too_short_hangs_iou", {"size": [10, 12], "counts": "j2"}, "rle.sum_mismatch"),
    ("empty_counts_crash_merge", {"size": [10, 12], "counts": ""}, "rle.sum_mismatch"),
    ("size_zero_divides_by_zero", {"size": [0, 5], "counts": "05"}, "rle.size_mismatch"),
    ("size_1e5_exhausts_memory", {"size": [10**5, 10**5], "counts": "0"}, "rle.size_mismatch"),
    ("unfinished_number_reads_on", {"size": [10, 12], "counts": "T"}, "rle.truncated"),
    ("vertex_far_out", [[1, 1, 1, 1e9, 4, 4, 4, 1]], "poly.out_of_bounds"),
    ("vertex_null", [[1, 1, 1, None, 4, 4, 4, 1]], "poly.bad_type"),
]


@pytest.mark.parametrize(
    ("segmentation", "code"),
    [row[1:] for row in NEVER_SHOWN_TO_PYCOCOTOOLS],
    ids=[row[0] for row in NEVER_SHOWN_TO_PYCOCOTOOLS],
)
def test_what_crashes_or_hangs_pycocotools_is_refused(opened, segmentation: Any, code: str) -> None:
    source = opened(with_mask(segmentation))

    assert found(source) == {(code, 11)}
    assert len(read(source, "b")) == 1, "one bad annotation takes no other with it"


def test_a_thousand_runs_for_one_pixel_are_refused(opened) -> None:
    source = opened(with_mask({"size": [1, 1], "counts": "111" + "0" * 997}, height=1, width=1))

    assert ("rle.sum_mismatch", 11) in found(source)


@pytest.mark.parametrize("vertex", ["1e999", "-1e999"])
def test_an_infinite_vertex_is_refused(opened, vertex: str) -> None:
    text = json.dumps(with_mask([[1, 1, 1, 77, 4, 4, 4, 1]])).replace("77", vertex)

    assert found(opened(text)) == {("poly.not_finite", 11)}


@pytest.mark.parametrize("vertex", ["NaN", "Infinity", "-Infinity"])
def test_a_vertex_that_is_no_json_number_refuses_the_document(opened, vertex: str) -> None:
    text = json.dumps(with_mask([[1, 1, 1, 77, 4, 4, 4, 1]])).replace("77", vertex)

    assert found(opened(text)) == {("json.number", None)}


def test_a_faulty_delivery_is_refused_with_all_its_faults_at_once(opened) -> None:
    document = with_mask({"size": [10, 12], "counts": ":5"})
    document["annotations"][1]["segmentation"] = [[1, 1, 5, 5]]
    document["annotations"][2]["iscrowd"] = True

    with pytest.raises(InvalidInputError) as refused:
        segcore.evaluate(opened(dataset(), "gold.json"), opened(document))

    assert {(fault.code, fault.image, fault.annotation) for fault in refused.value.faults} == {
        ("rle.sum_mismatch", "a", 11),
        ("poly.too_few_points", "a", 12),
        ("coco.iscrowd", "b", 13),
    }
    assert refused.value.counts["delivery"].rejected == 3
