"""Over real annotations the lints find what is there and raise no false alarm; broken ones are found."""

from __future__ import annotations

import json

import numpy as np
import pytest
from drawn_sources import Drawn
from PIL import Image
from scipy import ndimage

from segcore.lints import Lint, LintSettings, lint
from segcore.ontology import LabelClass, Ontology

STRUCTURAL = (
    Lint.UNKNOWN_CLASS,
    Lint.UNDECODABLE_MASK,
    Lint.EMPTY_MASK,
    Lint.DUPLICATE_INSTANCE,
    Lint.WHOLE_IMAGE_MASK,
    Lint.BLOCKY_MASK,
)
"""What sound data of any kind has none of."""
COMPARED = (Lint.SHIFTED, Lint.MIRRORED, Lint.SWAPPED_CLASS)
CAMVID = Ontology(tuple(LabelClass(id=i, name=f"class {i}") for i in range(11)), ignore=(11,))


@pytest.fixture
def coco(shared_data):
    return shared_data("coco_val2014_100")


@pytest.fixture
def camvid(shared_data):
    paths = sorted(shared_data("camvid_segnet").glob("testannot/*.png"))
    return {path.stem: np.asarray(Image.open(path)) for path in paths}


def counts(results):
    return {lint.value: result.found for lint, result in results.items() if result.found}


def test_detections_of_coco_are_neither_moved_nor_swapped_nor_broken(coco):
    gold = f"coco:{coco}/instances_val2014_100.json"
    found = f"coco:{coco}/instances_val2014_fakesegm100_results.json"

    assert counts(lint(found, (*STRUCTURAL, *COMPARED), gold=gold)) == {}
    assert counts(lint(gold, (*STRUCTURAL, *COMPARED), gold=gold)) == {}


def test_polygons_of_coco_moved_by_three_pixels_are_found(coco, tmp_path):
    document = json.loads((coco / "instances_val2014_100.json").read_text())
    kept = [one for one in document["annotations"] if isinstance(one["segmentation"], list)]
    for annotation in kept:
        annotation["segmentation"] = [
            [number + 3 * (i % 2 == 0) for i, number in enumerate(ring)]
            for ring in annotation["segmentation"]
        ]
        del annotation["bbox"], annotation["area"]
    moved = tmp_path / "moved.json"
    moved.write_text(json.dumps({**document, "annotations": kept}))

    results = lint(f"coco:{moved}", COMPARED, gold=f"coco:{coco}/instances_val2014_100.json")

    assert counts(results) == {"shifted": 1}
    assert "moved by dx=-3 dy=+0 px it fits better" in results[Lint.SHIFTED].findings[0].what


def test_panoptic_masks_of_coco_are_sound(shared_data):
    folder = shared_data("coco_panoptic_samples") / "sample_data"

    assert counts(lint(f"coco-panoptic:{folder}/panoptic_examples.json", STRUCTURAL)) == {}


@pytest.mark.parametrize("file", ["labelIds", "labelTrainIds", "instanceIds"])
def test_masks_of_cityscapes_are_sound(shared_data, file):
    folder = shared_data("mmseg_test_data") / "pseudo_cityscapes_dataset" / "gtFine" / "val"

    assert counts(lint(f"cityscapes:{folder}?file={file}", STRUCTURAL)) == {}


def test_masks_of_camvid_are_sound_and_their_specks_are_those_of_scipy(camvid):
    expected = 0
    for values in camvid.values():
        for value in range(11):
            labels, count = ndimage.label(values == value, structure=np.ones((3, 3)))
            areas = sorted(np.bincount(labels.ravel())[1:]) if count else []
            expected += any(area <= 16 for area in areas[:-1])

    results = lint(Drawn(camvid, ontology=CAMVID), (*STRUCTURAL, Lint.SPECK))

    assert counts(results) == {"speck": expected}
    assert expected > 0


@pytest.mark.parametrize("times", [2, 4, 8])
def test_masks_of_camvid_that_are_enlarged_are_blocky(camvid, times):
    enlarged = {
        key: np.kron(values[::times, ::times], np.ones((times, times), np.uint8))
        for key, values in camvid.items()
    }

    result = lint(Drawn(enlarged, ontology=CAMVID), ["blocky-mask"])[Lint.BLOCKY_MASK]

    assert result.found == len(camvid)
    assert {finding.got for finding in result.findings} == {f"blocks of {times} x {times} px"}


def test_masks_of_camvid_that_are_mirrored_or_swapped_are_found(camvid):
    gold = Drawn(camvid, ontology=CAMVID)
    settings = LintSettings(shift_px=4)
    mirrored = {key: np.ascontiguousarray(values[:, ::-1]) for key, values in camvid.items()}
    swap = np.arange(256, dtype=np.uint8)
    swap[[0, 3]] = [3, 0]
    swapped = {key: swap[values] for key, values in camvid.items()}

    first = lint(Drawn(mirrored, ontology=CAMVID), COMPARED, gold=gold, settings=settings)
    second = lint(Drawn(swapped, ontology=CAMVID), COMPARED, gold=gold, settings=settings)

    assert first[Lint.MIRRORED].found == 1
    assert second[Lint.SWAPPED_CLASS].findings[0].what == "class 0 and class 3 are swapped"
    assert counts(second) == {"swapped-class": 1}
