"""(m) Boundary PQ from files."""

from __future__ import annotations

import argparse
import functools
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.panoptic import CLASSES, SIDES, SIZE, evaluate_files, scene
from benchmarks.race import Way, kernel_choices, missing, race
from segcore.dilation import Dilation

BASE = "segment by segment, as boundary-iou-api"
DILATION = Dilation(share=0.02)


def run(options: argparse.Namespace) -> None:
    images, rounds = (8, options.rounds) if options.quick else (100, min(options.rounds, 3))
    folder = scene(options.data, images)
    try:
        ways = {BASE: segment_by_segment(folder)}
    except ImportError as error:
        missing(BASE, error)
        return
    for choice in kernel_choices():
        ways[f"segcore ({choice})"] = functools.partial(
            evaluate_files, folder, choice, dilation=DILATION
        )
    what = f"{images} images of {SIZE.width} x {SIZE.height}, about 27 segments, {CLASSES} classes"
    race(f"Boundary PQ from files: {what}, {DILATION} of the diagonal", ways, base=BASE, rounds=rounds)


def segment_by_segment(folder: Path) -> Way:
    """How boundary-iou-api goes about it (commit 37d2558), which no registry has: it takes the band of
    every segment from a mask as large as the image, puts the bands of a side into one map, and counts
    the pairs of values in two maps as panopticapi does, once for the masks and once for the bands.
    """
    import cv2

    def ids(side: str, listed: dict[str, Any]) -> np.ndarray:
        with Image.open(folder / side / listed["file_name"]) as image:
            colors = np.array(image, dtype=np.uint32)
        return colors[:, :, 0] + 256 * colors[:, :, 1] + 256 * 256 * colors[:, :, 2]

    def bands(pixels: np.ndarray, segments: dict[int, Any]) -> np.ndarray:
        """The map without what is inside of a segment: there is a number that is nobody's."""
        height, width = pixels.shape
        steps = max(1, round(DILATION.share * np.sqrt(height**2 + width**2)))
        found = pixels.copy()
        for own in segments:
            mask = cv2.copyMakeBorder(
                (pixels == own).astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0
            )
            inner = cv2.erode(mask, np.ones((3, 3), np.uint8), iterations=steps)
            found[inner[1:-1, 1:-1] > 0] = INSIDE
        return found

    def loop() -> np.ndarray:
        gold, delivery = (json.loads((folder / f"{side}.json").read_text()) for side in SIDES)
        delivered = {entry["image_id"]: entry for entry in delivery["annotations"]}
        tp, fp, fn, iou_sum = (np.zeros(CLASSES + 1) for _ in range(4))
        for own in gold["annotations"]:
            other = delivered[own["image_id"]]
            maps = ids("gold", own), ids("delivery", other)
            left, right = ({s["id"]: s for s in entry["segments_info"]} for entry in (own, other))
            masks = Pairs(*maps)
            edges = Pairs(bands(maps[0], left), bands(maps[1], right))
            matched_left, matched_right = set[int](), set[int]()
            for g, d in masks.shared:
                if g not in left or d not in right or left[g]["iscrowd"]:
                    continue
                category = left[g]["category_id"]
                if category == right[d]["category_id"]:
                    iou = min(masks.iou(g, d), edges.iou(g, d))
                    if iou > 0.5:
                        tp[category] += 1
                        iou_sum[category] += iou
                        matched_left.add(g)
                        matched_right.add(d)
            crowds: dict[int, int] = {}
            for g, segment in left.items():
                if segment["iscrowd"]:
                    crowds[segment["category_id"]] = g
                elif g not in matched_left:
                    fn[segment["category_id"]] += 1
            for d, segment in right.items():
                if d not in matched_right:
                    crowd = crowds.get(segment["category_id"])
                    uncounted = masks.shared.get((0, d), 0) + masks.shared.get((crowd, d), 0)
                    fp[segment["category_id"]] += not uncounted / masks.right[d] > 0.5
        with np.errstate(invalid="ignore", divide="ignore"):
            rows = [iou_sum / (tp + fp / 2 + fn / 2), iou_sum / tp, tp / (tp + fp / 2 + fn / 2)]
        return np.round(np.nan_to_num(np.stack(rows, axis=1)[1:]), 12)

    return loop


INSIDE = 1 << 24
"""No three bytes hold it."""


class Pairs:
    """What the values of two maps share."""

    def __init__(self, left: np.ndarray, right: np.ndarray) -> None:
        both = left.astype(np.uint64) << np.uint64(32) | right.astype(np.uint64)
        values, pixels = np.unique(both, return_counts=True)
        self.shared: dict[tuple[int | None, int], int] = {}
        self.left: dict[int, int] = defaultdict(int)
        self.right: dict[int, int] = defaultdict(int)
        for value, count in zip(values.tolist(), pixels.tolist(), strict=True):
            g, d = value >> 32, value & 0xFFFFFFFF
            self.shared[g, d] = count
            self.left[g] += count
            self.right[d] += count

    def iou(self, g: int, d: int) -> float:
        """Void of the gold taken from the delivered segment."""
        shared = self.shared.get((g, d), 0)
        return shared / (self.left[g] + self.right[d] - shared - self.shared.get((0, d), 0))
