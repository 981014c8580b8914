"""Gates on objects by their size: bands, and the curve that asks for an IoU by area."""

from __future__ import annotations

import pytest
from object_gate_scenes import BOXES, SIZES

from segcore_gates.records import Verdict


def test_an_object_of_exactly_32_by_32_pixels_is_in_both_bands_as_coco_has_it(judge_objects):
    gold = [{"car": [(0, 0, 32, 32)]}]
    gates = (
        "g: {metric: f1, iou: 0.5, classes: [car], "
        "sizes: {small: {default: 1}, medium: {default: 1}, large: {default: 1}}}"
    )

    records = judge_objects(gold, gold, gates, defaults=", absent: warn")

    assert [records[f"g@{size}[car]"].verdict for size in SIZES] == [
        Verdict.PASS,
        Verdict.PASS,
        Verdict.MISSING,
    ]


def test_an_extra_object_belongs_to_the_band_of_its_own_area(judge_objects):
    gold = [{"car": [BOXES["small"], BOXES["large"]]}]
    delivery = [{"car": [BOXES["small"], BOXES["large"], (200, 200, 10, 10)]}]
    gates = (
        "g: {metric: precision, iou: 0.5, classes: [car], "
        "sizes: {small: {default: 0.5}, large: {default: 1}}}"
    )

    records = judge_objects(gold, delivery, gates)

    assert records["g@small[car]"].value == 0.5
    assert records["g@large[car]"].value == 1.0


CURVE = "g: {metric: good-object-share, curve: {100: 0.4, 1000: 0.9}, classes: [car], min: {default: 1}}"


@pytest.mark.parametrize(
    ("gold", "delivered_width", "good"),
    [
        # width x height of gold; the delivered box is narrower, its IoU the quotient of the widths
        ((10, 10), 4, True),  # 100 px: 0.4
        ((10, 5), 4, True),  # 50 px, still 0.4
        ((10, 5), 3, False),
        ((100, 10), 90, True),  # 1000 px: 0.9
        ((100, 10), 89, False),
        ((100, 30), 90, True),  # 3000 px, still 0.9
        ((100, 30), 89, False),
        ((55, 10), 36, True),  # 550 px: 0.65; 36/55 = 0.6545
        ((55, 10), 35, False),  # 0.636
        ((20, 14), 10, True),  # 280 px: 0.4 + 0.5 x 180 / 900 = 0.5, which is 10/20
        ((100, 64), 90, True),
        ((50, 14), 36, False),  # 700 px: 0.7333; 36/50 = 0.72
        ((50, 14), 37, True),  # 0.74
    ],
)
def test_the_curve_asks_for_an_iou_by_the_area_of_the_gold_object(
    judge_objects, gold, delivered_width, good
):
    (w, h) = gold

    record = judge_objects([{"car": [(0, 0, w, h)]}], [{"car": [(0, 0, delivered_width, h)]}], CURVE)[
        "g[car]"
    ]

    assert record.value == (1.0 if good else 0.0)


def test_an_iou_on_the_curve_is_reached_where_floats_would_miss_it(judge_objects):
    """460 pixels ask for exactly 0.6; numpy.interp gives 0.6000000000000001."""
    import numpy as np

    assert np.interp(460, [100, 1000], [0.4, 0.9]) > 0.6

    record = judge_objects([{"car": [(0, 0, 20, 23)]}], [{"car": [(0, 0, 12, 23)]}], CURVE)["g[car]"]

    assert record.verdict is Verdict.PASS


def test_missed_objects_are_below_the_curve_even_where_it_asks_for_nothing(judge_objects):
    gates = CURVE.replace("100: 0.4", "100: 0")

    record = judge_objects([{"car": [(0, 0, 5, 5)]}, {}], [{}, {"car": [(0, 0, 5, 5)]}], gates)

    assert (record["g[car]"].verdict, record["g[car]"].value) == (Verdict.FAIL, 0.0)
