"""Boxes that a delivery has shifted, lost and renamed, and what pycocotools makes of them."""

from __future__ import annotations

import contextlib
import io

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

NAMES = ("car", "person", "rider")


def shifted_boxes(seed):
    """Twelve images of boxes the delivery has shifted, lost, doubled and renamed; no score twice."""
    rng = np.random.default_rng(seed)
    scores = iter(rng.permutation(10_000).tolist())
    gold, delivery = [], []
    for _ in range(12):
        own, given = {}, {}
        for _ in range(rng.integers(3, 9)):
            name, side = NAMES[rng.integers(3)], int(rng.choice([12, 25, 50, 90, 120]))
            x, y = rng.integers(0, 300 - side, 2).tolist()
            own.setdefault(name, []).append((x, y, side, side))
            for _ in range(rng.choice([0, 1, 1, 1, 2])):
                slip = int(rng.integers(0, max(2, side // 6)))
                label = name if rng.random() < 0.85 else NAMES[rng.integers(3)]
                box = (x, y, side - slip, side - int(rng.integers(0, 3)), next(scores) / 100)
                given.setdefault(label, []).append(box)
        gold.append(own)
        delivery.append(given)
    return gold, delivery


def pycocotools(folder, evaluation=COCOeval):
    """The evaluation of gold.json and delivery.json, done."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(folder / "gold.json"))
        found = evaluation(truth, COCO(str(folder / "delivery.json")), "segm")
        found.evaluate()
        found.accumulate()
    return found
