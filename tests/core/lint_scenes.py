"""Small COCO documents with one thing wrong, and what a lint says of drawn or written deliveries."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from drawn_sources import Drawn

from segcore.annotation import Region, Regions, RunMask
from segcore.lints import LintFinding, LintResult, LintSettings, lint
from segcore.ontology import LabelClass, Ontology
from segcore.sources import Source

CLASSES = Ontology(
    (
        LabelClass(id=1, name="road", thing=False),
        LabelClass(id=2, name="car", thing=True),
        LabelClass(id=3, name="bus", thing=True),
    ),
    ignore=(255,),
    unlabeled=(0,),
)
ROAD, CAR, BUS = 0, 1, 2
SQUARE = [2.0, 2.0, 8.0, 2.0, 8.0, 8.0, 2.0, 8.0]


def classes(drawing: str) -> np.ndarray:
    """``r`` road, ``c`` car, ``b`` bus, ``.`` unlabeled, ``?`` ignore."""
    values = {"r": 1, "c": 2, "b": 3, ".": 0, "?": 255}
    return np.array([[values[x] for x in row] for row in drawing.split()], np.uint8)


def mapped(**drawings: str | np.ndarray) -> Drawn:
    """Label maps by image key."""
    return Drawn(
        {key: classes(d) if isinstance(d, str) else d for key, d in drawings.items()}, ontology=CLASSES
    )


def shapes(*pairs: tuple[int, str | np.ndarray], crowd: tuple[int, ...] = ()) -> Regions:
    """Regions from (class index, a drawing in which ``#`` is the mask), called 1, 2, 3."""
    masks = [
        np.array([[x == "#" for x in row] for row in d.split()]) if isinstance(d, str) else d
        for _, d in pairs
    ]
    height, width = masks[0].shape
    made = [
        Region(class_index=c, mask=RunMask.from_array(mask), id=i, crowd=i in crowd)
        for i, ((c, _), mask) in enumerate(zip(pairs, masks, strict=True), start=1)
    ]
    return Regions.from_regions(made, height=height, width=width)


def regions(**images: Regions) -> Drawn:
    """Regions by image key."""
    return Drawn(images, ontology=CLASSES)


def document(*annotations: dict[str, Any], size: int = 10, images: int = 1) -> dict[str, Any]:
    """A COCO document with one square car an image, or what is given instead, all in the first image."""
    given = annotations or ({"segmentation": [SQUARE]},)
    return {
        "images": [
            {"id": i, "file_name": f"{i}.png", "height": size, "width": size} for i in range(images)
        ],
        "categories": [
            {"id": 1, "name": "road", "isthing": 0},
            {"id": 2, "name": "car", "isthing": 1},
            {"id": 3, "name": "bus", "isthing": 1},
        ],
        "annotations": [
            {"id": 10 + i, "image_id": 0, "category_id": 2, **annotation}
            for i, annotation in enumerate(given)
        ],
    }


def written(folder: Path, *annotations: dict[str, Any], **more: Any) -> str:
    """The spec of such a document."""
    path = folder / "delivery.json"
    path.write_text(json.dumps(document(*annotations, **more)))
    return f"coco:{path}"


def found(
    name: str, delivery: str | Source, *, gold: str | Source | None = None, **settings: Any
) -> LintResult:
    """What one lint says."""
    told = LintSettings(**settings)
    (result,) = lint(delivery, [name], gold=gold, ontology=CLASSES, settings=told).values()
    return result


def only(result: LintResult) -> LintFinding:
    """Its only finding."""
    assert result.found == len(result.findings) == 1
    return result.findings[0]
