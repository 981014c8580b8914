"""Gates on AP and AR against pycocotools, class by class and by size."""

from __future__ import annotations

import pytest
from coco_peer import NAMES, pycocotools, shifted_boxes

GATES = """\
ap: {metric: ap, iou: "0.5:0.95", min: {default: 0}, sizes: {small: {default: 0}, medium: {default: 0}, large: {default: 0}}}
ap50: {metric: ap, iou: "0.5", min: {default: 0}}
ap75: {metric: ap, iou: 0.75, min: {default: 0}, sizes: {small: {default: 0}, medium: {default: 0}, large: {default: 0}}}
ar: {metric: ar, iou: "0.5:0.95", min: {default: 0}, sizes: {small: {default: 0}, medium: {default: 0}, large: {default: 0}}}
"""  # noqa: E501
BANDS = ("", "@small", "@medium", "@large")


@pytest.mark.parametrize("seed", range(4))
def test_ap_and_ar_of_every_class_and_size_are_those_of_pycocotools(judge_objects, tmp_path, seed):
    gold, delivery = shifted_boxes(seed)

    records = judge_objects(gold, delivery, GATES, defaults=", absent: warn")

    peer = pycocotools(tmp_path)
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
