"""Gates on AP and AR against pycocotools, class by class and by size."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

GATES = """\
ap: {metric: ap, iou: "0.5:0.95", min: {default: 0}, sizes: {small: {default: 0}, medium: {default: 0}, large: {default: 0}}}
ap50: {metric: ap, iou: "0.5", min: {default: 0}}
ap75: {metric: ap, iou: 0.75, min: {default: 0}, sizes: {small: {default: 0}, medium: {default: 0}, large: {default: 0}}}
ar: {metric: ar, iou: "0.5:0.95", min: {default: 0}, sizes: {small: {default: 0}, medium: {default: 0}, large: {default: 0}}}
"""  # noqa: E501
NAMES = ("car", "person", "rider")
BANDS = ("", "@small", "@medium", "@large")


def scene(seed):
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


@pytest.mark.parametrize("seed", range(4))
def test_ap_and_ar_of_every_class_and_size_are_those_of_pycocotools(judge_objects, tmp_path, seed):
    gold, delivery = scene(seed)

    records = judge_objects(gold, delivery, GATES, defaults=", absent: warn")

    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(tmp_path / "gold.json"))
        found = COCO(str(tmp_path / "delivery.json"))
        peer = COCOeval(truth, found, "segm")
        peer.evaluate()
        peer.accumulate()
    precision, recall = peer.eval["precision"][:, :, :, :, 2], peer.eval["recall"][:, :, :, 2]
    compared = 0
    for k, name in enumerate(NAMES):
        for a, band in enumerate(BANDS):
            wanted = {
                f"ap{band}[{name}]": precision[:, :, k, a],
                f"ap75{band}[{name}]": precision[5, :, k, a],
                f"ar{band}[{name}]": recall[:, k, a],
                **({} if band else {f"ap50[{name}]": precision[0, :, k, a]}),
            }
            for record, values in wanted.items():
                value = None if (values < 0).all() else values.mean()
                assert records[record].value == pytest.approx(value, abs=1e-12), record
                compared += value is not None
    assert compared > 30
