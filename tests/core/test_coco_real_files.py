"""Real COCO files, read pixel for pixel as pycocotools draws them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from coco_files import all_regions, codes, read, reference_mask

from segcore.sources.coco import open_source
from segcore.sources.spec import Spec

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
