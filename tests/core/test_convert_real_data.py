"""Conversions of data sets that may not be redistributed."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from segcore.conversion import convert
from segcore.loss import Kind


def test_camvid_comes_back_from_coco_pixel_for_pixel(tmp_path, shared_data):
    folder = shared_data("camvid_segnet") / "testannot"
    classes = "".join(f"  - {{id: {i}, name: class {i}, thing: false}}\n" for i in range(12))
    (tmp_path / "own.yaml").write_text(f"classes:\n{classes}")

    there = convert(f"png:{folder}?ontology={tmp_path}/own.yaml", f"coco:{tmp_path}/rle.json")
    back = convert(str(there.reading), f"png:{tmp_path}/back")

    paths = sorted(folder.glob("*.png"))
    assert (there.loss.kind, back.loss.kind) == (Kind.LOSSLESS, Kind.LOSSLESS)
    assert len(paths) > 20
    for path in paths:
        again = np.asarray(Image.open(tmp_path / "back" / path.name))
        assert (again == np.asarray(Image.open(path))).all()


def test_coco_without_overlap_comes_back_from_masks_of_classes_run_for_run(tmp_path, shared_data):
    """One region a class, the first class of an image keeps a shared pixel: all a mask can hold."""
    from pycocotools import mask as peer
    from pycocotools.coco import COCO

    coco = COCO(str(shared_data("coco_val2014_100") / "instances_val2014_100.json"))
    areas = []
    for image in coco.dataset["images"]:
        free = np.ones((image["height"], image["width"]), bool)
        of_class: dict[int, np.ndarray] = {}
        for entry in coco.imgToAnns[image["id"]]:
            mask = coco.annToMask(entry).astype(bool) & free
            free &= ~mask
            own = of_class.setdefault(entry["category_id"], np.zeros_like(free))
            own |= mask
        for category, mask in sorted(of_class.items()):
            if mask.any():
                rle = peer.encode(np.asfortranarray(mask.astype(np.uint8)))
                areas.append(
                    {
                        "id": len(areas) + 1, "image_id": image["id"], "category_id": category,
                        "segmentation": rle | {"counts": rle["counts"].decode()}, "iscrowd": 0,
                    }
                )  # fmt: skip
    document = {k: coco.dataset[k] for k in ("images", "categories")} | {"annotations": areas}
    (tmp_path / "source.json").write_text(json.dumps(document))

    there = convert(f"coco:{tmp_path}/source.json", f"png:{tmp_path}/masks")
    back = convert(str(there.reading), f"coco:{tmp_path}/back.json")

    written = json.loads((tmp_path / "back.json").read_text())
    name_of = {image["id"]: image["file_name"] for image in written["images"]}
    before_of = {image["id"]: image["file_name"] for image in document["images"]}
    assert (there.loss.kind, back.loss.kind) == (Kind.LOSSLESS, Kind.LOSSLESS)
    assert sorted(rows(written["annotations"], name_of)) == sorted(rows(areas, before_of))
    assert len(areas) > 200


def rows(entries: list[dict], name_of: dict[int, str]) -> list[tuple[str, int, str]]:
    return [(name_of[e["image_id"]], e["category_id"], e["segmentation"]["counts"]) for e in entries]


@pytest.mark.parametrize(
    "destination", ["voc:{}/out", "png:{}/out", "labelme:{}/out", "cityscapes:{}/out"]
)
def test_cityscapes_keeps_its_void_where_the_format_has_one(tmp_path, shared_data, destination):
    (path, *_) = sorted(shared_data("mmseg_test_data").rglob("*_gtFine_labelIds.png"))

    found = convert(f"cityscapes:{path.parent}", destination.format(tmp_path)).loss

    assert found.kind is Kind.LOSSLESS
    assert found.total().objects > 5


def test_panoptic_samples_of_coco_come_back_run_for_run(tmp_path, shared_data):
    samples = shared_data("coco_panoptic_samples") / "sample_data"
    masks = samples / "panoptic_examples"

    there = convert(
        f"coco-panoptic:{samples}/panoptic_examples.json?masks={masks}", f"coco:{tmp_path}/a.json"
    )
    back = convert(str(there.reading), f"coco-panoptic:{tmp_path}/b.json")

    assert (there.loss.kind, back.loss.kind) == (Kind.LOSSLESS, Kind.LOSSLESS)
    for path in sorted(masks.glob("*.png")):
        before, after = (np.asarray(Image.open(p)).astype(int) @ [1, 256, 65536] for p in (path, tmp_path / "b" / path.name))  # noqa: E501  # fmt: skip
        # Numbers are given anew; which pixels share one is as it was.
        pairs = set(zip(before.ravel().tolist(), after.ravel().tolist(), strict=True))
        assert len(pairs) == len(np.unique(before)) == len(np.unique(after))
