"""Gates on outlines against NumPy, SciPy and pycocotools, which share nothing with the package."""

from __future__ import annotations

import math

import numpy as np
import pytest
from coco_peer import pycocotools, shifted_boxes
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.cocoeval import COCOeval
from scipy import ndimage

from segcore_gates.evaluations import Evaluations
from segcore_gates.policy_batch import PolicyBatch
from segcore_gates.policy_file import load_policy
from segcore_gates.verdict import judge_all

NAMES = ("car", "person", "rider", "sky")
VOID = 255
TOLERANCE_PX = 1.5
POLICY = """\
version: 1
gold: png:gold
delivery: png:delivery
ontology:
  classes: [{id: 1, name: car}, {id: 2, name: person}, {id: 3, name: rider}, {id: 4, name: sky}]
  ignore: [255]
  unlabeled: [0]
coverage: {gold_images: 0.5}
defaults: {absent: warn, support: {images: 1}}
gates:
  narrow: {metric: boundary-iou, dilation: 2px, min: {default: 0}}
  wide: {metric: boundary-iou, dilation: 0.05, min: {default: 0}}
  nsd: {metric: nsd, tolerance_px: 1.5, min: {default: 0}}
  f1: {metric: boundary-f1, tolerance_px: 1.5, min: {default: 0}}
  hd95: {metric: hd95, max: {default: 1000}}
  assd: {metric: assd, max: {default: 1000}}
"""


def label_maps(rng):
    """Gold and delivered label maps; some classes are on one side only, one image was not delivered."""
    gold, delivery = {}, {}
    for k in range(6):
        height, width = rng.integers(12, 50, 2).tolist()
        own = np.zeros((height, width), np.uint8)
        for _ in range(4):
            y, x = rng.integers(0, height), rng.integers(0, width)
            h, w = rng.integers(3, 25, 2)
            own[y : y + h, x : x + w] = rng.choice([1, 2, 3, VOID], p=[0.4, 0.3, 0.2, 0.1])
        other = np.roll(own, tuple(rng.integers(-2, 3, 2)), (0, 1))
        other[rng.random(own.shape) < 0.03] = rng.integers(0, 4)
        other[other == VOID] = 0
        gold[f"{k}"] = own
        if k:
            delivery[f"{k}"] = other
    return gold, delivery


def eroded(mask, width_px):
    """The pixels whose square of this reach is all inside; outside the image is outside."""
    inner = np.pad(mask, width_px)
    for axis in (0, 1):
        windows = np.lib.stride_tricks.sliding_window_view(inner, 2 * width_px + 1, axis=axis)
        inner = windows.all(axis=-1)
    return inner


def surface(mask):
    padded = np.pad(mask, 1)
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return mask & ~inner


def by_hand(gold, delivery, value):
    """All six numbers of one class, image by image and mask by mask."""
    bands = {"narrow": [0, 0], "wide": [0, 0]}
    near, totals, hd95, assd = [0, 0], [0, 0], [], []
    for key, own in gold.items():
        other = delivery.get(key, np.zeros_like(own))
        left, right = (own == value), (other == value) & (own != VOID)
        reach = max(1, round(0.05 * math.hypot(*own.shape)))
        for name, width in (("narrow", 2), ("wide", reach)):
            ours, theirs = left & ~eroded(left, width), right & ~eroded(right, width)
            bands[name][0] += int((ours & theirs).sum())
            bands[name][1] += int((ours | theirs).sum())
        sides = surface(left), surface(right)
        if not sides[0].any() and not sides[1].any():
            continue
        for i, side in enumerate(sides):
            totals[i] += int(side.sum())
        if not (sides[0].any() and sides[1].any()):
            hd95.append(math.hypot(*own.shape))
            assd.append(math.hypot(*own.shape))
            continue
        there = ndimage.distance_transform_edt(~sides[1])[sides[0]]
        back = ndimage.distance_transform_edt(~sides[0])[sides[1]]
        near[0] += int((there <= TOLERANCE_PX).sum())
        near[1] += int((back <= TOLERANCE_PX).sum())
        hd95.append(max(np.percentile(there, 95), np.percentile(back, 95)))
        assd.append(np.concatenate([there, back]).mean())
    if not sum(totals):
        return None
    precision = near[1] / totals[1] if totals[1] else 0
    recall = near[0] / totals[0] if totals[0] else 0
    return {
        **{name: both / either for name, (both, either) in bands.items()},
        "nsd": sum(near) / sum(totals),
        "f1": 2 * precision * recall / (precision + recall) if precision + recall else 0,
        "hd95": np.mean(hd95),
        "assd": np.mean(assd),
    }


@pytest.mark.parametrize("seed", range(6))
def test_outlines_of_label_maps_are_those_counted_mask_by_mask(tmp_path, seed):
    gold, delivery = label_maps(np.random.default_rng(seed))
    for folder, maps in (("gold", gold), ("delivery", delivery)):
        (tmp_path / folder).mkdir()
        for key, values in maps.items():
            Image.fromarray(values).save(tmp_path / folder / f"{key}.png")
    (tmp_path / "batch.gate.yaml").write_text(POLICY)

    policy = load_policy(tmp_path / "batch.gate.yaml", environ={})
    batch = PolicyBatch(policy, Evaluations(None))
    records = {record.id: record for record in judge_all(policy.rules, batch.evaluation)}

    compared = 0
    for value, name in enumerate(NAMES, start=1):
        wanted = by_hand(gold, delivery, value)
        for gate in ("narrow", "wide", "nsd", "f1", "hd95", "assd"):
            record = records[f"{gate}[{name}]"]
            if wanted is None:
                assert record.verdict == "MISSING"
                continue
            assert record.value == pytest.approx(wanted[gate], abs=1e-12), record.id
            compared += 1
    assert compared >= 12
    assert records["hd95[sky]"].verdict == "MISSING"


class BoundaryEval(COCOeval):
    """COCOeval by the smaller of IoU and boundary IoU, as boundary-iou-api has it; without crowds."""

    def computeIoU(self, imgId, catId):  # noqa: N802, N803 - as the parent has it
        ious = super().computeIoU(imgId, catId)
        if not len(ious):
            return ious
        found = sorted(self._dts[imgId, catId], key=lambda d: -d["score"])
        bands = [
            [self._band(a["segmentation"]) for a in side] for side in (found, self._gts[imgId, catId])
        ]
        return np.minimum(ious, coco_mask.iou(bands[0], bands[1], [0] * len(bands[1])))

    @staticmethod
    def _band(rle):
        mask = coco_mask.decode(rle).astype(bool)
        width = max(1, round(0.02 * math.hypot(*mask.shape)))
        return coco_mask.encode(np.asfortranarray(mask & ~eroded(mask, width)))


GATES = """\
ap: {metric: boundary-ap, iou: "0.5:0.95", dilation: 0.02, min: {default: 0}, sizes: {small: {default: 0}, medium: {default: 0}, large: {default: 0}}}
ap75: {metric: boundary-ap, iou: 0.75, dilation: 0.02, min: {default: 0}}
"""  # noqa: E501


@pytest.mark.parametrize("seed", range(3))
def test_boundary_ap_is_that_of_pycocotools_with_the_smaller_overlap(judge_objects, tmp_path, seed):
    gold, delivery = shifted_boxes(seed)

    records = judge_objects(gold, delivery, GATES, defaults=", absent: warn")

    peer = pycocotools(tmp_path, BoundaryEval)
    precision = peer.eval["precision"][:, :, :, :, 2]
    compared = []
    for k, name in enumerate(NAMES[:3]):
        for a, band in enumerate(("", "@small", "@medium", "@large")):
            wanted = {f"ap{band}[{name}]": precision[:, :, k, a]}
            wanted |= {} if band else {f"ap75[{name}]": precision[5, :, k, a]}
            for record, values in wanted.items():
                value = None if (values < 0).all() else values.mean()
                assert records[record].value == pytest.approx(value, abs=1e-12), record
                compared += [] if value is None else [value]
    assert len(compared) > 8
    assert any(0 < value < 1 for value in compared)
