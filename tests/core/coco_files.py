"""A small COCO document, its results, and what pycocotools draws of such files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from segcore.annotation import Region, Regions
from segcore.sources.coco import CocoSource

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


def detections() -> list[dict[str, Any]]:
    return [
        {"image_id": 7, "category_id": 2, "segmentation": [[0, 0, 6, 0, 6, 6, 0, 6]], "score": 0.25},
        {"image_id": 7, "category_id": 9, "segmentation": [[0, 0, 12, 0, 12, 9, 0, 9]], "score": 1},
    ]


def reference_mask(segmentation: Any, height: int, width: int) -> np.ndarray:
    """What pycocotools' ``annToMask`` gives."""
    if isinstance(segmentation, list):
        rle = coco_mask.merge(coco_mask.frPyObjects(segmentation, height, width))
    elif isinstance(segmentation["counts"], list):
        rle = coco_mask.frPyObjects(segmentation, height, width)
    else:
        rle = segmentation
    return coco_mask.decode(rle).astype(bool)
