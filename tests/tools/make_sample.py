"""Make the packaged sample delivery from the COCO demo files.

Usage: python tests/tools/make_sample.py FOLDER

FOLDER holds ``instances_val2014_100.json`` and ``instances_val2014_fakesegm100_results.json``: the
first 100 images of COCO val2014 and the detections COCO publishes with its evaluation demo.  The
output is ``gates/segcore_gates/sample/{gold,delivery}.json``, the same bytes on every run.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from pycocotools import mask

SAMPLE = Path(__file__).resolve().parents[2] / "gates" / "segcore_gates" / "sample"

CLASSES = (
    "person",
    "car",
    "bottle",
    "cup",
    "chair",
    "bed",
    "cell phone",
    "oven",
    "sink",
    "refrigerator",
    "clock",
)
"""Classes kept: seen on at least four images, and everyday enough to judge by eye."""


def main(folder: Path) -> None:
    gold = json.loads((folder / "instances_val2014_100.json").read_text())
    results = json.loads((folder / "instances_val2014_fakesegm100_results.json").read_text())

    categories = [{"id": c["id"], "name": c["name"]} for c in gold["categories"] if c["name"] in CLASSES]
    images = [{k: i[k] for k in ("id", "file_name", "height", "width")} for i in gold["images"]]
    images.sort(key=lambda image: image["id"])
    kept = {category["id"] for category in categories}

    annotations = [
        {k: a[k] for k in ("id", "image_id", "category_id", "iscrowd", "area", "bbox", "segmentation")}
        for a in gold["annotations"]
        if a["category_id"] in kept
    ]
    detections = [delivered(r) for r in results if r["category_id"] in kept]

    write("gold.json", images, categories, annotations)
    write("delivery.json", images, categories, detections)


def delivered(result: dict) -> dict:
    """A detection as a vendor would deliver it: an annotation, without a score."""
    return {
        "image_id": result["image_id"],
        "category_id": result["category_id"],
        "iscrowd": 0,
        "area": int(mask.area(result["segmentation"])),
        "bbox": [int(v) for v in mask.toBbox(result["segmentation"])],
        "segmentation": result["segmentation"],
    }


def write(name: str, images: list[dict], categories: list[dict], annotations: list[dict]) -> None:
    annotations.sort(key=lambda a: (a["image_id"], a.get("id", 0)))
    annotations = [
        {"id": i, **{k: v for k, v in a.items() if k != "id"}} for i, a in enumerate(annotations, 1)
    ]
    document = {"images": images, "categories": categories, "annotations": annotations}
    (SAMPLE / name).write_text(json.dumps(document, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
