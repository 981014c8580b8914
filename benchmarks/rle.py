"""(c) COCO files with run-length masks, read and counted."""

from __future__ import annotations

import argparse
import functools
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import segcore
from benchmarks.race import Way, kernel_choices, missing, race
from benchmarks.scenes import Labels, Size, load
from segcore import kernels
from segcore.annotation import ImageAnnotation, Regions
from segcore.kernels import Choice
from segcore.masks.segmentations import decode_segmentations
from segcore.measures.class_map import ClassMap
from segcore.measures.semantic import SemanticMeasure
from segcore.ontology import LabelClass, Ontology

Masks = dict[int, list[dict[str, Any]]]
"""The annotations of each image id."""

BASE = "pycocotools decode + paint + np.bincount"


def run(options: argparse.Namespace) -> None:
    size = Size(pairs=4, height=512, width=1024) if options.quick else Size(pairs=50)
    gold, delivery = load(size, options.data)
    folder = options.data / f"coco-{size.name}"
    save(folder / "gold.json", gold, size)
    save(folder / "delivery.json", delivery, size)
    pairs = f"{size.pairs} pairs of {size.width} x {size.height}, a mask a class"
    masks = by_image(folder / "gold.json"), by_image(folder / "delivery.json")

    def read_files() -> tuple[Masks, Masks]:
        return by_image(folder / "gold.json"), by_image(folder / "delivery.json")

    # The masks are in memory: decode, check, paint and count.
    ways = peers(lambda: masks, size)
    for choice in kernel_choices():
        ways[f"segcore ({choice})"] = functools.partial(segcore_measure, masks, size, choice)
    race(f"COCO run-length masks: {pairs}", ways, base=BASE, rounds=options.rounds)

    # The same from files: what segcore reads is checked as a whole, the peers use json.loads.
    ways = peers(read_files, size)
    for choice in kernel_choices():
        ways[f"segcore ({choice})"] = functools.partial(segcore_evaluate, folder, choice)
    race(f"COCO files: {pairs}", ways, base=BASE, rounds=options.rounds)


def peers(masks: Callable[[], tuple[Masks, Masks]], size: Size) -> dict[str, Way]:
    """Decode and paint with pycocotools and with hotcoco, count with NumPy and with hotcoco."""
    ways: dict[str, Way] = {BASE: functools.partial(pycocotools_bincount, masks, size)}
    try:
        import hotcoco  # noqa: F401
    except ImportError as error:
        missing("hotcoco", error)
    else:
        ways["hotcoco decode + paint + confusion"] = functools.partial(hotcoco_confusion, masks, size)
    return ways


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


def by_image(path: Path) -> Masks:
    found: Masks = {}
    for annotation in json.loads(path.read_text())["annotations"]:
        found.setdefault(annotation["image_id"], []).append(annotation)
    return found


def paint(annotations: list[dict[str, Any]], size: Size, decode: Any) -> np.ndarray:
    """A label map; pixels no mask covers get ``size.classes``.  The masks do not overlap."""
    labels = np.full((size.height, size.width), size.classes, np.uint8)
    for annotation in annotations:
        labels[decode(annotation["segmentation"]).view(bool)] = annotation["category_id"] - 1
    return labels


def pycocotools_bincount(masks: Callable[[], tuple[Masks, Masks]], size: Size) -> np.ndarray:
    from pycocotools import mask

    n = size.classes + 1
    total = np.zeros((n, n), np.int64)
    gold, delivery = masks()
    for image in sorted(gold):
        g = paint(gold[image], size, mask.decode)
        d = paint(delivery.get(image, []), size, mask.decode)
        total += np.bincount(n * g.ravel().astype(np.int64) + d.ravel(), minlength=n * n).reshape(n, n)
    return total


def hotcoco_confusion(masks: Callable[[], tuple[Masks, Masks]], size: Size) -> np.ndarray:
    import hotcoco

    evaluation = hotcoco.semantic.SemanticEval(size.classes + 1)
    gold, delivery = masks()
    for image in sorted(gold):
        evaluation.update(
            paint(gold[image], size, hotcoco.mask.decode),
            paint(delivery.get(image, []), size, hotcoco.mask.decode),
        )
    return np.asarray(evaluation.confusion()).astype(np.int64)


def segcore_measure(masks: tuple[Masks, Masks], size: Size, choice: Choice) -> np.ndarray:
    """The path of ``evaluate`` without its files: check, decode, paint, count."""
    kernels.use(choice)
    kernels.keep_heap()
    ontology = Ontology(tuple(LabelClass(id=i + 1, name=f"class {i}") for i in range(size.classes)))
    same = ClassMap(target=ontology, source=ontology, file="memory")
    measure = SemanticMeasure(
        gold=same, delivery=replace(same), overlap=ontology.overlap, crowd=ontology.crowd
    )
    gold, delivery = masks
    total = np.zeros((size.classes + 1,) * 2, np.int64)
    for image in sorted(gold):
        pair = annotated(gold[image], size), annotated(delivery.get(image, []), size)
        total += measure(*pair).tally.confusion()
    return total


def annotated(annotations: list[dict[str, Any]], size: Size) -> ImageAnnotation:
    shape = {"height": size.height, "width": size.width}
    masks = decode_segmentations([a["segmentation"] for a in annotations], **shape)
    content = Regions(
        **shape,
        starts=masks.starts,
        ends=masks.ends,
        offsets=masks.offsets,
        classes=np.array([a["category_id"] - 1 for a in annotations], np.int32),
        crowd=np.zeros(len(annotations), np.bool_),
    )
    return ImageAnnotation(key="image", **shape, content=content, read=len(annotations))


def segcore_evaluate(folder: Path, choice: Choice) -> np.ndarray:
    kernels.use(choice)
    return segcore.evaluate(f"coco:{folder / 'gold.json'}", f"coco:{folder / 'delivery.json'}").confusion
