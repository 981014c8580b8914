"""(c) COCO files with run-length masks, read and counted."""

from __future__ import annotations

import argparse
import functools
import json
from pathlib import Path
from typing import Any

import numpy as np

import segcore
from benchmarks.race import Way, kernel_choices, missing, race
from benchmarks.scenes import Labels, Size, load
from segcore import kernels
from segcore.kernels import Choice

BASE = "pycocotools decode + paint + np.bincount"


def run(options: argparse.Namespace) -> None:
    size = Size(pairs=4, height=512, width=1024) if options.quick else Size(pairs=50)
    gold, delivery = load(size, options.data)
    folder = options.data / f"coco-{size.name}"
    save(folder / "gold.json", gold, size)
    save(folder / "delivery.json", delivery, size)
    ways: dict[str, Way] = {BASE: functools.partial(pycocotools_bincount, folder, size)}
    for choice in kernel_choices():
        ways[f"segcore ({choice})"] = functools.partial(segcore_evaluate, folder, size, choice)
    try:
        ways |= hotcoco(folder, size)
    except ImportError as error:
        missing("hotcoco", error)
    race(f"COCO run-length masks: {size.pairs} pairs of {size.width} x {size.height}, a mask a class",
         ways, base=BASE, rounds=options.rounds)  # fmt: skip


def save(path: Path, maps: Labels, size: Size) -> None:
    """One annotation for each class of each image."""
    from pycocotools import mask

    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    annotations: list[dict[str, Any]] = []
    for image, labels in enumerate(maps, 1):
        for index in range(size.classes):
            painted = labels == index
            if not painted.any():
                continue
            encoded = mask.encode(np.asfortranarray(painted.astype(np.uint8)))
            annotations.append({
                "id": len(annotations) + 1,
                "image_id": image,
                "category_id": index + 1,
                "iscrowd": 0,
                "area": int(mask.area(encoded)),
                "bbox": mask.toBbox(encoded).tolist(),
                "segmentation": {"size": encoded["size"], "counts": encoded["counts"].decode()},
            })  # fmt: skip
    images = [
        {"id": i, "file_name": f"{i:05d}.png", "height": size.height, "width": size.width}
        for i in range(1, len(maps) + 1)
    ]
    categories = [{"id": i + 1, "name": f"class {i}"} for i in range(size.classes)]
    document = {"images": images, "categories": categories, "annotations": annotations}
    path.write_text(json.dumps(document))


def by_image(path: Path) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = {}
    for annotation in json.loads(path.read_text())["annotations"]:
        found.setdefault(annotation["image_id"], []).append(annotation)
    return found


def paint(annotations: list[dict[str, Any]], size: Size, decode: Any) -> np.ndarray:
    """A label map; pixels no mask covers get ``size.classes``.  The masks do not overlap."""
    labels = np.full((size.height, size.width), size.classes, np.uint8)
    for annotation in annotations:
        labels[decode(annotation["segmentation"]).view(bool)] = annotation["category_id"] - 1
    return labels


def pycocotools_bincount(folder: Path, size: Size) -> np.ndarray:
    from pycocotools import mask

    n = size.classes + 1
    total = np.zeros((n, n), np.int64)
    gold, delivery = by_image(folder / "gold.json"), by_image(folder / "delivery.json")
    for image in sorted(gold):
        g = paint(gold[image], size, mask.decode)
        d = paint(delivery.get(image, []), size, mask.decode)
        total += np.bincount(n * g.ravel().astype(np.int64) + d.ravel(), minlength=n * n).reshape(n, n)
    return total[:-1, :-1]


def segcore_evaluate(folder: Path, size: Size, choice: Choice) -> np.ndarray:
    kernels.use(choice)
    evaluation = segcore.evaluate(f"coco:{folder / 'gold.json'}", f"coco:{folder / 'delivery.json'}")
    return evaluation.confusion[: size.classes, : size.classes]


def hotcoco(folder: Path, size: Size) -> dict[str, Way]:
    import hotcoco

    def way() -> np.ndarray:
        evaluation = hotcoco.semantic.SemanticEval(size.classes + 1)
        gold, delivery = by_image(folder / "gold.json"), by_image(folder / "delivery.json")
        for image in sorted(gold):
            evaluation.update(
                paint(gold[image], size, hotcoco.mask.decode),
                paint(delivery.get(image, []), size, hotcoco.mask.decode),
            )
        return np.asarray(evaluation.confusion()).astype(np.int64)[:-1, :-1]

    return {"hotcoco decode + paint + confusion": way}
