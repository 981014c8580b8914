"""YOLO label folders for tests."""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image

RING = "0.1 0.2 0.4 0.2 0.4 0.8 0.1 0.8"
"""In an image of 10 x 20 (height x width) the columns 2 to 7 of the rows 2 to 7."""

RIGHT = "0.6 0.2 0.9 0.2 0.9 0.8 0.6 0.8"
"""The columns 12 to 17 of these rows."""


def write(
    folder: Path, files: dict[str, str | bytes | None], *, names: str | None = "car\ndog\n"
) -> str:
    """A folder of files; None is an image of 10 x 20."""
    if names is not None:
        files = {"classes.txt": names, **files}
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            Image.new("L", (20, 10)).save(path)
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
    return f"yolo:{folder}"


def coco(folder: Path, *, height: int = 10, width: int = 20, name: str = "a") -> str:
    """A COCO gold of one car where RING lies."""
    square = [0.1 * width, 0.2 * height, 0.4 * width, 0.2 * height, 0.4 * width, 0.8 * height]
    square += [0.1 * width, 0.8 * height]
    document = {
        "images": [{"id": 1, "file_name": f"{name}.jpg", "height": height, "width": width}],
        "categories": [{"id": 7, "name": "car"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 7, "segmentation": [square]}],
    }
    (folder / "gold.json").write_text(json.dumps(document))
    return f"coco:{folder / 'gold.json'}"
