"""The scene of ``one_scene`` in the formats it does not have, and masks with all that can be lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import one_scene
from one_scene import GOLD, HEIGHT, KEY, NAMES, WIDTH
from PIL import Image

COLORS: Final = ((200, 0, 0), (0, 200, 0), (90, 90, 90), (0, 0, 250))


def masks_with_ontology(folder: Path, colors: bool) -> str:
    folder.mkdir(parents=True)
    lines = ["classes:"]
    for i, (name, color) in enumerate(zip(NAMES, COLORS, strict=True), 1):
        own = 'color: "#{:02x}{:02x}{:02x}"'.format(*color)
        lines.append(f"  - {{id: {i}, name: {name}, {own}}}")
    (folder / "own.yaml").write_text("\n".join([*lines, "unlabeled: 0", "ignore: 255", ""]))
    values = one_scene.painted(GOLD, [1 + NAMES.index(name) for name, _ in GOLD]).astype(np.uint8)
    if colors:
        values = np.array([(0, 0, 0), *COLORS], np.uint8)[values]
    Image.fromarray(values).save(folder / f"{KEY}.png")
    own_options = "&unlabeled=%23000000" if colors else ""
    return f"{'rgb' if colors else 'png'}:{folder}?ontology={folder}/own.yaml{own_options}"


def label_studio(folder: Path) -> str:
    def region(i, name, box):
        points = [[100 * x / WIDTH, 100 * y / HEIGHT] for x, y in one_scene.corners(box)]
        return {
            "id": f"r{i}", "type": "polygonlabels", "from_name": "label", "to_name": "image",
            "original_width": WIDTH, "original_height": HEIGHT,
            "value": {"points": points, "closed": True, "polygonlabels": [name]},
        }  # fmt: skip

    result = [region(i, name, box) for i, (name, box) in enumerate(GOLD)]
    task = {"id": 1, "data": {"image": f"/d/{KEY}.jpg"}, "annotations": [{"id": 1, "result": result}]}
    folder.mkdir(parents=True)
    (folder / "export.json").write_text(json.dumps([task]))
    return f"label-studio-export:{folder}/export.json"


SOURCES: Final[dict[str, Callable[[Path], str]]] = {
    **{
        kind: lambda folder, write=write: write(folder, GOLD)
        for kind, write in one_scene.FORMATS.items()
    },
    "png": lambda folder: masks_with_ontology(folder / "png", False),
    "rgb": lambda folder: masks_with_ontology(folder / "rgb", True),
    "label-studio-export": lambda folder: label_studio(folder / "ls"),
}

DESTINATIONS: Final[dict[str, str]] = {
    "coco": "coco:{}/out.json",
    "coco-panoptic": "coco-panoptic:{}/out.json",
    "png": "png:{}/out",
    "rgb": "rgb:{}/out",
    "cityscapes": "cityscapes:{}/out",
    "cvat": "cvat:{}/out.xml",
    "voc": "voc:{}/out",
    "labelme": "labelme:{}/out",
    "yolo": "yolo:{}/out",
    "label-studio-export": "label-studio-export:{}/out.json",
}


def drawn(*boxes: tuple[int, int, int, int], size: int = 12) -> np.ndarray:
    """A mask of boxes, left, top, right, bottom, each turning what it covers over."""
    mask = np.zeros((size, size), bool)
    for left, top, right, bottom in boxes:
        mask[top:bottom, left:right] ^= True
    return mask


CAR: Final = drawn((0, 0, 6, 6), (2, 2, 4, 4))
"""36 px with a hole of 4."""
PERSON: Final = drawn((4, 4, 8, 8))
"""16 px, 4 of them in the car."""
GROUP: Final = drawn((0, 9, 3, 12))
"""9 px of cars that nobody told apart."""


def coco_document(masks: list[tuple[str, np.ndarray, bool]], *, score: bool = False) -> dict:
    """A document of one image ``a.jpg``, its masks as run lengths that are not compressed."""

    def counts(mask):
        flat = np.concatenate([[0], mask.ravel(order="F"), [0]]).astype(int)
        edges = np.flatnonzero(np.diff(flat)).tolist()
        found = np.diff([0, *edges, mask.size]).tolist()
        return found if found[-1] else found[:-1]

    height, width = masks[0][1].shape
    return {
        "images": [{"id": 1, "file_name": "a.jpg", "height": height, "width": width}],
        "categories": [{"id": 3, "name": "car"}, {"id": 7, "name": "person"}],
        "annotations": [
            {
                "id": i, "image_id": 1, "category_id": 3 if name == "car" else 7, "iscrowd": int(crowd),
                "segmentation": {"size": [height, width], "counts": counts(mask)},
            } | ({"score": 0.5 + i / 10} if score else {})
            for i, (name, mask, crowd) in enumerate(masks, 1)
        ],
    }  # fmt: skip


def coco_file(folder: Path, masks: list[tuple[str, np.ndarray, bool]], *, score: bool = False) -> str:
    path = folder / "source.json"
    path.write_text(json.dumps(coco_document(masks, score=score)))
    return f"coco:{path}"
