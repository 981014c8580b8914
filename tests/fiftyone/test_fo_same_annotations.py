"""The same annotations, reached through Label Studio, FiftyOne and files, are the same batch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scenes
from pycocotools import mask as coco_mask

import segcore
from segcore.sources.spec import Spec
from segcore_fiftyone import source as fiftyone_source
from segcore_gates.rules import ExtraImages, Judge, Level, Metric, Rule, Thin
from segcore_gates.verdict import judge_all
from segcore_labelstudio import export as label_studio_export

WIDTH, HEIGHT = 60, 40
NAMES = ("car", "road", "sign")
Corner = tuple[int, int]
Shape = tuple[str, tuple[Corner, ...]]

GOLD: Mapping[str, Sequence[Shape]] = {
    "a": [
        ("car", ((3, 4), (23, 4), (23, 19), (3, 19))),
        ("road", ((0, 25), (60, 25), (60, 40), (0, 40))),
        ("sign", ((30, 2), (36, 2), (36, 8), (30, 8))),
    ],
    "b": [
        ("car", ((5, 5), (55, 5), (55, 35), (5, 35))),
        ("sign", ((20, 10), (30, 10), (30, 20), (20, 20))),
    ],
    "c": [("road", ((10, 10), (50, 10), (50, 30), (10, 30)))],
}  # fmt: skip
FOUND: Mapping[str, Sequence[Shape]] = {
    "a": [
        ("car", ((4, 5), (24, 5), (24, 18), (4, 18))),
        ("road", ((0, 26), (60, 26), (60, 40), (0, 40))),
        ("car", ((30, 2), (36, 2), (36, 8), (30, 8))),
    ],
    "b": [
        ("car", ((5, 5), (55, 5), (55, 35), (5, 35))),
        ("sign", ((22, 10), (30, 10), (30, 20), (22, 20))),
    ],
}  # fmt: skip
"""Rectangles of whole pixels; image c was not delivered."""


def filled(corners: Sequence[Corner]) -> np.ndarray:
    """The pixels of a rectangle."""
    (left, top), _, (right, bottom), _ = corners
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[top:bottom, left:right] = True
    return mask


def painted(shapes: Sequence[Shape]) -> np.ndarray:
    """Class indices, the smaller shape on top; -1 where nothing was drawn."""
    canvas = np.full((HEIGHT, WIDTH), scenes.OTHER)
    for name, corners in sorted(shapes, key=lambda shape: -filled(shape[1]).sum()):
        canvas[filled(corners)] = NAMES.index(name)
    return canvas


def coco_file(path: Path, images: Mapping[str, Sequence[Shape]], *, outlines: bool) -> str:
    annotations = []
    for image, shapes in enumerate(images.values(), start=1):
        for name, corners in shapes:
            runs = coco_mask.encode(np.asfortranarray(filled(corners), np.uint8))
            segmentation = [[v for corner in corners for v in corner]]
            annotations.append(
                {
                    "id": len(annotations) + 1, "image_id": image,
                    "category_id": NAMES.index(name) + 1, "iscrowd": 0,
                    "segmentation": segmentation
                    if outlines
                    else {"size": runs["size"], "counts": runs["counts"].decode()},
                }
            )  # fmt: skip
    document = {
        "images": [
            {"id": i, "file_name": f"{key}.png", "width": WIDTH, "height": HEIGHT}
            for i, key in enumerate(images, start=1)
        ],
        "annotations": annotations,
        "categories": [{"id": i, "name": name} for i, name in enumerate(NAMES, start=1)],
    }
    path.write_text(json.dumps(document), encoding="utf-8")
    return f"coco:{path}"


def png_folder(folder: Path, images: Mapping[str, Sequence[Shape]]) -> str:
    for key, shapes in images.items():
        mask = painted(shapes)
        scenes.png(folder / f"{key}.png", np.where(mask < 0, 255, mask).astype(np.uint8))
    ontology = folder / "ontology.yaml"
    classes = "".join(f"- {{id: {i}, name: {name}}}\n" for i, name in enumerate(NAMES))
    ontology.write_text(f"classes:\n{classes}unlabeled: 255\n", encoding="utf-8")
    return f"png:{folder}?ontology={ontology}"


def label_studio_file(path: Path, images: Mapping[str, Sequence[Shape]], *, outlines: bool) -> str:
    brush = pytest.importorskip("label_studio_sdk.converter.brush", reason="missing: label-studio-sdk")
    tasks = []
    for number, (key, shapes) in enumerate(images.items(), start=1):
        result = []
        for i, (name, corners) in enumerate(shapes):
            kind = "polygonlabels" if outlines else "brushlabels"
            value: dict[str, Any] = {kind: [name]}
            if outlines:
                points = [[100 * x / WIDTH, 100 * y / HEIGHT] for x, y in corners]
                value |= {"points": points, "closed": True}
            else:
                alpha = filled(corners).astype(np.uint8) * 255
                value |= {"format": "rle", "rle": [int(v) for v in brush.mask2rle(alpha)]}
            result.append(
                {
                    "id": f"r{i}", "type": kind, "from_name": "label", "to_name": "image",
                    "original_width": WIDTH, "original_height": HEIGHT, "value": value,
                }
            )  # fmt: skip
        annotation = {"id": number, "result": result, "was_cancelled": False, "ground_truth": False}
        data = {"image": f"/data/upload/1/0a1b2c3d-{key}.png"}
        tasks.append({"id": number, "data": data, "annotations": [annotation]})
    path.write_text(json.dumps(tasks), encoding="utf-8")
    return f"label-studio-export:{path}"


def fiftyone_label(fo: Any, shapes: Sequence[Shape], *, outlines: bool) -> Any:
    if outlines:
        lines = [
            fo.Polyline(
                label=name, points=[[(x / WIDTH, y / HEIGHT) for x, y in corners]],
                closed=True, filled=True,
            )
            for name, corners in shapes
        ]  # fmt: skip
        return fo.Polylines(polylines=lines)
    return fo.Detections(
        detections=[fo.Detection.from_mask(filled(corners), label=name) for name, corners in shapes]
    )


def opened(spec: str) -> segcore.Source:
    """By the module itself: entry points are looked up in what is installed."""
    parsed = Spec.parse(spec)
    modules = {"fiftyone": fiftyone_source, "label-studio-export": label_studio_export}
    module = modules.get(parsed.format)
    return segcore.open(spec) if module is None else module.open_source(parsed)


def rules() -> list[Rule]:
    """A floor for the IoU of every class."""
    return [
        Rule(
            id=f"class-iou[{name}]", gate="class-iou", metric=Metric.IOU, class_name=name, minimum=floor,
            warn_below=None, severity=Level.ERROR, judge=Judge.ESTIMATE, confidence=0.95,
            support_images=1, support_instances=0, thin=Thin.WARN, absent=Level.ERROR,
            extra_images=ExtraImages.ALLOW, line=1,
        )
        for name, floor in zip(NAMES, (0.9, 0.5, 0.7), strict=True)
    ]  # fmt: skip


@pytest.mark.parametrize("outlines", [True, False], ids=["outlines", "masks"])
def test_the_same_annotations_give_the_same_scores_and_verdict_whatever_they_are_kept_in(
    fo, dataset, tmp_path, outlines
):
    made = dataset()
    labels: dict[str, dict[str, Any]] = {key: {} for key in GOLD}
    specs: dict[str, dict[str, str]] = {"coco": {}, "png": {}, "label-studio-export": {}, "fiftyone": {}}
    for side, images in {"gold": GOLD, "found": FOUND}.items():
        file = tmp_path / f"{side}.json"
        specs["coco"][side] = coco_file(file, images, outlines=outlines)
        specs["png"][side] = png_folder(tmp_path / side, images)
        tasks = tmp_path / f"{side}-tasks.json"
        specs["label-studio-export"][side] = label_studio_file(tasks, images, outlines=outlines)
        specs["fiftyone"][side] = f"fiftyone:{made.name}/{side}"
        for key, shapes in images.items():
            labels[key][side] = fiftyone_label(fo, shapes, outlines=outlines)
    scenes.add_samples(fo, made, tmp_path, labels, (HEIGHT, WIDTH))

    evaluations = {
        f"{gold} against {found}": segcore.evaluate(
            opened(specs[gold]["gold"]), opened(specs[found]["found"])
        )
        for gold in specs
        for found in specs
        if gold == found or "fiftyone" in (gold, found)
    }

    expected = scenes.confusion(
        {key: painted(shapes) for key, shapes in GOLD.items()},
        {key: painted(shapes) for key, shapes in FOUND.items()},
        classes=3,
    )
    assert {name: e.confusion.tolist() for name, e in evaluations.items()} == dict.fromkeys(
        evaluations, expected.tolist()
    )
    tables = [evaluation.table() for evaluation in evaluations.values()]
    assert all(table == tables[0] for table in tables)
    verdicts = {
        name: [(r.id, r.verdict, r.value) for r in judge_all(rules(), evaluation)]
        for name, evaluation in evaluations.items()
    }
    assert len(set(map(str, verdicts.values()))) == 1
    assert [verdict.value for _, verdict, _ in verdicts["coco against coco"]] == ["PASS", "FAIL", "FAIL"]
