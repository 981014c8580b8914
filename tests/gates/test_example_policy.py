"""The policy of the documentation, whole, over real annotations."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from pycocotools import mask as coco_mask

TODAY = date(2026, 12, 1)
POLICY = (Path(__file__).parent.parent / "data" / "policies" / "vendor-a.gate.yaml").read_text("utf-8")


def without_overlap(annotations, sizes):
    """The same annotations, every pixel left to the smallest one that covers it; those left empty go."""
    found = []
    by_image = {}
    for annotation in annotations:
        by_image.setdefault(annotation["image_id"], []).append(annotation)
    for image_id, members in by_image.items():
        height, width = sizes[image_id]
        masks = [decoded(a["segmentation"], height, width) for a in members]
        free = np.ones((height, width), bool)
        for k in sorted(range(len(members)), key=lambda k: (masks[k].sum(), k)):
            mask = masks[k] & free
            free &= ~mask
            if mask.any():
                found.append(members[k] | encoded(mask))
    return found


def decoded(segmentation, height, width):
    if isinstance(segmentation, list):
        segmentation = coco_mask.merge(coco_mask.frPyObjects(segmentation, height, width))
    elif isinstance(segmentation["counts"], list):
        segmentation = coco_mask.frPyObjects(segmentation, height, width)
    return coco_mask.decode(segmentation).astype(bool)


def encoded(mask):
    rle = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {
        "segmentation": {"size": rle["size"], "counts": rle["counts"].decode()},
        "area": int(mask.sum()),
        "bbox": [float(x) for x in coco_mask.toBbox(rle)],
    }


@pytest.fixture(scope="module")
def folder(shared_data, tmp_path_factory):
    """The folder of the policy: gold, a delivery, the ontology, as the policy names them."""
    data = shared_data("coco_val2014_100")
    folder = tmp_path_factory.mktemp("vendor-a")
    gold = json.loads((data / "instances_val2014_100.json").read_bytes())
    results = json.loads((data / "instances_val2014_fakesegm100_results.json").read_bytes())
    sizes = {image["id"]: (image["height"], image["width"]) for image in gold["images"]}
    gold["annotations"] = without_overlap([a for a in gold["annotations"] if not a["iscrowd"]], sizes)
    delivery = without_overlap(results, sizes)
    for path, document in [
        ("gold/2026-w31/annotations.json", gold),
        ("deliveries/b1/annotations.json", delivery),
    ]:
        file = folder / path
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(document))
    classes = [{"id": 900, "name": "road", "thing": False}]
    for category in gold["categories"]:
        named = {"id": category["id"], "name": category["name"], "thing": True}
        if category["name"] == "traffic light":
            named |= {"name": "traffic-light", "aliases": ["traffic light"]}
        classes.append(named)
    (folder / "ontology.yaml").write_text(json.dumps({"classes": classes}))
    digest = hashlib.sha256((folder / "gold/2026-w31/annotations.json").read_bytes()).hexdigest()
    policy = re.sub("sha256: [0-9a-f]{12} ", f"sha256: {digest[:12]} ", POLICY)
    (folder / "vendor-a.gate.yaml").write_text(policy)
    return folder
