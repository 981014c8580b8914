"""Small COCO documents of rectangles, and the same scored by pycocotools."""

from __future__ import annotations

import contextlib
import io
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
from boundary_peers import band
from hypothesis import strategies as st
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from segcore.annotation import RunMask
from segcore.dilation import Dilation
from segcore.kernels import RegionRuns

HEIGHT, WIDTH = 100, 120
CLASSES = 3

Box = tuple[int, int, int, int]


def segmentation(box: Box) -> dict[str, Any]:
    """The run-length mask of ``x, y, width, height``."""
    x, y, width, height = box
    mask = np.zeros((HEIGHT, WIDTH), np.uint8, order="F")
    mask[y : y + height, x : x + width] = 1
    encoded = coco_mask.encode(mask)
    return {"size": encoded["size"], "counts": encoded["counts"].decode()}


def dataset(annotations: list[dict[str, Any]], images: int, *, classes: int = CLASSES) -> dict[str, Any]:
    return {
        "images": [
            {"id": i, "file_name": f"{i:03d}.png", "height": HEIGHT, "width": WIDTH}
            for i in range(1, images + 1)
        ],
        "categories": [{"id": i, "name": f"class {i}"} for i in range(1, classes + 1)],
        "annotations": annotations,
    }


def own_order(entry: dict[str, Any]) -> tuple[Any, ...]:
    """The order segcore gives objects: the larger first, then by position."""
    x, y, width, height = entry["box"]
    return entry["image_id"], -width * height, x * HEIGHT + y, (x + width - 1) * HEIGHT + y + height


BOXES = st.tuples(
    st.integers(0, 6).map(lambda n: 10 * n),
    st.integers(0, 5).map(lambda n: 10 * n),
    st.sampled_from([3, 10, 20, 25, 40, 60]),
    st.sampled_from([3, 10, 20, 25, 40, 50]),
)
# On a band's border, on either side of it, and far away.
AREAS = st.sampled_from([0.5, 100.0, 1024.0, 1024.5, 9215.5, 9216.0, 20000.0])


@st.composite
def batches(draw: st.DrawFn) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Gold with crowds and areas of its own, and detections with confidences, some of them tied.

    Where pycocotools goes by the order of the file, the file has the order of segcore: the larger of
    tied detections first, and the larger of equally good gold objects last.
    """
    images = draw(st.integers(1, 4))
    gold: dict[Any, dict[str, Any]] = {}
    for _ in range(draw(st.integers(0, 8))):
        entry = {
            "image_id": draw(st.integers(1, images)),
            "category_id": draw(st.integers(1, CLASSES)),
            "box": draw(BOXES),
            "iscrowd": draw(st.sampled_from([0, 0, 0, 1])),
            "area": draw(AREAS),
        }
        gold[entry["image_id"], entry["category_id"], entry["box"]] = entry
    results: dict[Any, dict[str, Any]] = {}
    for _ in range(draw(st.integers(1, 14))):
        near = draw(st.none() | st.sampled_from([*gold.values()])) if gold else None
        source = near or {}
        entry = {
            "image_id": source.get("image_id") or draw(st.integers(1, images)),
            "category_id": source.get("category_id") or draw(st.integers(1, CLASSES)),
            "box": shifted(source["box"], draw(st.integers(-2, 2))) if near else draw(BOXES),
            "score": draw(st.sampled_from([0.1, 0.3, 0.5, 0.7, 0.9])),
        }
        results[entry["image_id"], entry["category_id"], entry["box"]] = entry
    ordered = sorted(gold.values(), key=own_order, reverse=True)
    annotations = [finished(entry) | {"id": i} for i, entry in enumerate(ordered, 1)]
    return dataset(annotations, images), [finished(e) for e in sorted(results.values(), key=own_order)]


def shifted(box: Box, by: int) -> Box:
    x, y, width, height = box
    return max(0, x + by), y, width, height


def finished(entry: dict[str, Any]) -> dict[str, Any]:
    rest = {key: value for key, value in entry.items() if key != "box"}
    return rest | {"segmentation": segmentation(entry["box"])}


def save(folder: Path, gold: Any, results: Any) -> tuple[str, str]:
    """The specs of both documents."""
    for name, document in (("gold", gold), ("results", results)):
        (folder / f"{name}.json").write_text(json.dumps(document))
    return f"coco:{folder}/gold.json", f"coco:{folder}/results.json"


def renumbered(document: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """The same in another order, with other ids for everything, and classes in another order."""
    images = rng.sample(range(1000), len(document["images"]))
    classes = rng.sample(range(1000), len(document["categories"]))
    image_of = {image["id"]: new for image, new in zip(document["images"], images, strict=True)}
    class_of = {c["id"]: new for c, new in zip(document["categories"], classes, strict=True)}
    own = rng.sample(range(10_000), len(document["annotations"]))
    turned = {
        "images": [image | {"id": image_of[image["id"]]} for image in document["images"]],
        "categories": [c | {"id": class_of[c["id"]]} for c in document["categories"]],
        "annotations": [
            a | {"id": i, "image_id": image_of[a["image_id"]], "category_id": class_of[a["category_id"]]}
            for a, i in zip(document["annotations"], own, strict=True)
        ],
    }
    for entries in turned.values():
        rng.shuffle(entries)
    return turned


def as_dataset(gold: dict[str, Any], results: list[dict[str, Any]]) -> dict[str, Any]:
    """Detections as a data set of their own, so that its ids may differ from the gold's."""
    return gold | {"annotations": [r | {"id": i} for i, r in enumerate(results)]}


def pycocotools(gold: Path, results: Path, evaluation: Any = COCOeval) -> COCOeval:
    """The evaluation of masks, done."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(gold))
        found = evaluation(truth, truth.loadRes(str(results)), "segm")
        found.evaluate()
        found.accumulate()
        found.summarize()
    return found


def region_runs(images: list[np.ndarray]) -> RegionRuns:
    """The runs of masks, bool (n, H, W) for each image."""
    masks = [RunMask.from_array(mask) for image in images for mask in image]
    none = np.empty(0, np.int32)
    return RegionRuns(
        np.concatenate([none, *(mask.starts for mask in masks)]),
        np.concatenate([none, *(mask.ends for mask in masks)]),
        np.append(0, np.cumsum([len(mask.starts) for mask in masks])).astype(np.int64),
        np.append(0, np.cumsum([len(image) for image in images])).astype(np.int64),
    )


def boundary_iou_api(gold: Path, results: Path, width: str) -> COCOeval:
    """The evaluation of boundaries, done.

    What boundary-iou-api changes in pycocotools: objects are compared by the smaller of the IoU of
    their masks and that of their bands, with crowds by that of their masks.
    """
    dilation = Dilation.parse(width)

    class BoundaryEval(COCOeval):
        def computeIoU(self, image: int, category: int) -> Any:  # noqa: N802 - the name of the peer
            gt, dt = self._gts[image, category], self._dts[image, category]
            if not gt or not dt:
                return []
            order = np.argsort([-d["score"] for d in dt], kind="mergesort")[: self.params.maxDets[-1]]
            crowd = [int(g["iscrowd"]) for g in gt]
            masks = [[e["segmentation"] for e in side] for side in ([dt[i] for i in order], gt)]
            bands = [[self.band(mask) for mask in side] for side in masks]
            by_mask, by_band = (coco_mask.iou(*sides, crowd) for sides in (masks, bands))
            return np.where(np.array(crowd, np.bool_), by_mask, np.minimum(by_mask, by_band))

        def band(self, encoded: dict[str, Any]) -> dict[str, Any]:
            mask = np.array(coco_mask.decode(encoded), np.bool_)
            width_px = dilation.of(height=mask.shape[0], width=mask.shape[1])
            return coco_mask.encode(np.asfortranarray(band(mask, width_px), np.uint8))

    return pycocotools(gold, results, BoundaryEval)
