"""COCO documents of rectangles on 10 x 10 images."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

__all__ = ["CLASSES", "Rows", "coco"]

SIDE = 10
CLASSES = ("car", "person", "rider")

Rows = Mapping[str, tuple[int, int]]
"""Class name: first row and end row it fills, over the full width."""


def coco(images: Sequence[Rows], *, names: Sequence[str] | None = None) -> str:
    """A COCO document; the images are 000.png, 001.png, ... unless named."""
    annotations = []
    for image_id, rows in enumerate(images, start=1):
        for name, (begin, end) in rows.items():
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": CLASSES.index(name) + 1,
                    "iscrowd": 0,
                    "area": SIDE * (end - begin),
                    "bbox": [0, begin, SIDE, end - begin],
                    "segmentation": [[0, begin, SIDE, begin, SIDE, end, 0, end]],
                }
            )
    files = names or [f"{k:03}.png" for k in range(len(images))]
    document = {
        "images": [
            {"id": k, "file_name": name, "width": SIDE, "height": SIDE}
            for k, name in enumerate(files, start=1)
        ],
        "categories": [{"id": k, "name": name} for k, name in enumerate(CLASSES, start=1)],
        "annotations": annotations,
    }
    return json.dumps(document)
