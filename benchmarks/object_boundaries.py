"""(l) Boundary AP: objects in memory, then the same from COCO files."""

from __future__ import annotations

import argparse
import functools
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.instances import (
    CLASSES,
    HEIGHT,
    WIDTH,
    coco_way,
    evaluate_files,
    evaluate_in_memory,
    scene,
)
from benchmarks.race import Way, kernel_choices, missing, race
from segcore.dilation import Dilation

BASE = "whole images, as boundary-iou-api"
DILATION = Dilation(share=0.02)


def run(options: argparse.Namespace) -> None:
    images, rounds = (20, options.rounds) if options.quick else (500, min(options.rounds, 3))
    folder = scene(options.data, images)
    files = folder / "gold.json", folder / "results.json"
    what = f"{images} images of {WIDTH} x {HEIGHT}, {CLASSES} classes, {DILATION} of the diagonal"
    try:
        in_memory = {BASE: whole_images(*files, load_first=True)}
    except ImportError as error:
        missing(BASE, error)
        return
    from_files = {BASE: whole_images(*files, load_first=False)}
    for choice in kernel_choices():
        in_memory[f"segcore ({choice})"] = evaluate_in_memory(*files, choice, dilation=DILATION)
        from_files[f"segcore ({choice})"] = functools.partial(
            evaluate_files, *files, choice, dilation=DILATION
        )
    race(f"Boundary AP, masks as run lengths in memory: {what}", in_memory, base=BASE, rounds=rounds)
    race(f"Boundary AP from files: {what}", from_files, base=BASE, rounds=rounds)


def whole_images(gold: Path, results: Path, *, load_first: bool) -> Way:
    """How boundary-iou-api goes about it (commit 37d2558): it decodes the mask of every object to the
    size of its image, erodes it, encodes the difference, and matches by the smaller of both IoUs.
    """
    import cv2
    from pycocotools import mask as coco_mask
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    def band(mask: np.ndarray) -> np.ndarray:
        height, width = mask.shape
        steps = max(1, round(DILATION.share * np.sqrt(height**2 + width**2)))
        padded = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
        inner = cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=steps)
        return mask - inner[1:-1, 1:-1]

    class BoundaryEval(COCOeval):
        def _prepare(self) -> None:
            super()._prepare()
            for coco in (self.cocoGt, self.cocoDt):
                for own in coco.anns.values():
                    own["boundary"] = coco_mask.encode(np.asfortranarray(band(coco.annToMask(own))))

        def computeIoU(self, image: int, category: int) -> Any:  # noqa: N802
            gt, dt = self._gts[image, category], self._dts[image, category]
            if not gt or not dt:
                return []
            order = np.argsort([-d["score"] for d in dt], kind="mergesort")[: self.params.maxDets[-1]]
            crowd = [int(g["iscrowd"]) for g in gt]
            masks, bands = (
                coco_mask.iou([dt[i][name] for i in order], [g[name] for g in gt], crowd)
                for name in ("segmentation", "boundary")
            )
            return np.where(np.array(crowd, bool), masks, np.minimum(masks, bands))

    return coco_way(COCO, BoundaryEval, gold, results, load_first=load_first)
