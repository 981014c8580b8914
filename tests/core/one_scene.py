"""One scene of things and stuff, written in many formats."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import cvat_scenes
import labelme_files
import numpy as np
import numpy.typing as npt
from PIL import Image

from segcore.ontology import LabelClass, Ontology

KEY: Final = "bonn_000000_000019"
HEIGHT, WIDTH = 10, 20

NAMES: Final = ("car", "person", "road", "sky")
ONTOLOGY: Final = Ontology(
    tuple(LabelClass(id=i, name=name, thing=i <= 2) for i, name in enumerate(NAMES, 1))
)

Piece = tuple[str, tuple[int, int, int, int]]
"""A class and left, top, right and bottom edge."""

SKY: Final[Piece] = ("sky", (0, 0, 20, 2))
ROAD: Final[Piece] = ("road", (0, 8, 20, 10))
GOLD: Final[list[Piece]] = [
    ("car", (0, 2, 6, 8)),
    SKY,
    ("car", (8, 2, 14, 8)),
    ("person", (16, 2, 18, 6)),
    ROAD,
]
DELIVERY: Final[list[Piece]] = [
    ROAD,
    ("car", (1, 2, 7, 8)),  # 30 of 42 pixels are shared with the first car
    ("car", (8, 2, 10, 4)),  # 4 of 36 with the second
    ("person", (16, 2, 18, 6)),
    ("sky", (0, 0, 20, 1)),
]


def corners(box: tuple[int, int, int, int]) -> list[list[int]]:
    left, top, right, bottom = box
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


def coco(folder: Path, pieces: list[Piece]) -> str:
    document = {
        "images": [{"id": 1, "file_name": f"{KEY}.png", "height": HEIGHT, "width": WIDTH}],
        "categories": [{"id": c.id, "name": c.name} for c in ONTOLOGY.classes],
        "annotations": [
            {
                "id": i,
                "image_id": 1,
                "category_id": 1 + NAMES.index(name),
                "segmentation": [[v for corner in corners(box) for v in corner]],
            }
            for i, (name, box) in enumerate(pieces, 1)
        ],
    }
    return _saved(folder / "coco.json", json.dumps(document), "coco")


def coco_panoptic(folder: Path, pieces: list[Piece]) -> str:
    ids = painted(pieces, range(1, 1 + len(pieces)))
    image = Image.fromarray(np.stack([ids, 0 * ids, 0 * ids], axis=-1).astype(np.uint8))
    (folder / "panoptic").mkdir(parents=True)
    image.save(folder / "panoptic" / f"{KEY}.png")
    segments = [
        {"id": i, "category_id": 1 + NAMES.index(name), "iscrowd": 0}
        for i, (name, _) in enumerate(pieces, 1)
    ]
    document = {
        "images": [{"id": 1, "file_name": f"{KEY}.jpg", "height": HEIGHT, "width": WIDTH}],
        "categories": [
            {"id": c.id, "name": c.name, "isthing": int(c.thing is True)} for c in ONTOLOGY.classes
        ],
        "annotations": [{"image_id": 1, "file_name": f"{KEY}.png", "segments_info": segments}],
    }
    return _saved(folder / "panoptic.json", json.dumps(document), "coco-panoptic")


def labelme(folder: Path, pieces: list[Piece]) -> str:
    shapes = [labelme_files.shape(name, corners(box)) for name, box in pieces]
    return labelme_files.write(folder / "labelme", *shapes, name=KEY)


def yolo(folder: Path, pieces: list[Piece]) -> str:
    lines = [
        " ".join([str(NAMES.index(name)), *(f"{x / WIDTH} {y / HEIGHT}" for x, y in corners(box))])
        for name, box in pieces
    ]
    (folder / "yolo").mkdir()
    (folder / "yolo" / "classes.txt").write_text("\n".join(NAMES))
    (folder / "yolo" / f"{KEY}.txt").write_text("\n".join(lines))
    return f"yolo:{folder}/yolo?size={WIDTH}x{HEIGHT}"


def cvat(folder: Path, pieces: list[Piece]) -> str:
    shapes = [
        cvat_scenes.polygon(";".join(f"{x},{y}" for x, y in corners(box)), label=name)
        for name, box in pieces
    ]
    text = cvat_scenes.document(cvat_scenes.image(*shapes, name=f"{KEY}.jpg"), labels=NAMES)
    return f"cvat:{cvat_scenes.written(folder, text)}"


def cityscapes(folder: Path, pieces: list[Piece]) -> str:
    first = {"car": 26_000, "person": 24_000, "road": 7, "sky": 23}
    values = [first[name] + (i if first[name] > 1000 else 0) for i, (name, _) in enumerate(pieces)]
    city = folder / "cityscapes" / "bonn"
    city.mkdir(parents=True)
    image = Image.fromarray(painted(pieces, values).astype(np.uint16))
    image.save(city / f"{KEY}_gtFine_instanceIds.png")
    return f"cityscapes:{folder}/cityscapes?file=instanceIds"


def voc(folder: Path, pieces: list[Piece]) -> str:
    root = folder / "voc"
    classes = [1 + NAMES.index(name) for name, _ in pieces]
    for name, values in (
        ("SegmentationClass", classes),
        ("SegmentationObject", range(1, 1 + len(pieces))),
    ):
        (root / name).mkdir(parents=True)
        Image.fromarray(painted(pieces, values).astype(np.uint8)).save(root / name / f"{KEY}.png")
    own = "".join(f"  - {{id: {c.id}, name: {c.name}}}\n" for c in ONTOLOGY.classes)
    (folder / "voc.yaml").write_text(f"classes:\n{own}unlabeled: 0\n")
    return f"voc:{root}?view=object&ontology={folder}/voc.yaml"


FORMATS: Final[dict[str, Callable[[Path, list[Piece]], str]]] = {
    "coco": coco,
    "coco-panoptic": coco_panoptic,
    "labelme": labelme,
    "yolo": yolo,
    "cvat": cvat,
    "cityscapes": cityscapes,
    "voc": voc,
}


def painted(pieces: list[Piece], values: Iterable[int]) -> npt.NDArray[np.int64]:
    image = np.zeros((HEIGHT, WIDTH), np.int64)
    for (_, (left, top, right, bottom)), value in zip(pieces, values, strict=True):
        image[top:bottom, left:right] = value
    return image


def _saved(path: Path, text: str, kind: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return f"{kind}:{path}"
