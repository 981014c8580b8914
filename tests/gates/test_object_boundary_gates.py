"""Gates on objects that are found by their boundaries."""

from __future__ import annotations

from fractions import Fraction

import pytest
from object_gate_scenes import BOXES

from segcore_gates.records import Verdict
from segcore_gates.text import headline

OBJECTS = [{"car": list(BOXES.values())}]
NARROWED = [{"car": [(180, 0, 8, 10, 90), (120, 0, 32, 40, 80), (0, 0, 80, 100, 70)]}]
"""IoU 0.8 each; of bands two pixels wide 44 / 76, 200 / 376 and 512 / 976: 0.579, 0.532 and 0.525."""


@pytest.mark.parametrize(
    ("metric", "iou", "value"),
    [
        ("f1", "0.53", Fraction(2, 3)),
        ("f1", "0.55", Fraction(1, 3)),
        ("precision", "0.53", Fraction(2, 3)),
        ("recall", "0.5", Fraction(1)),
        ("recall", "0.58", Fraction(0)),
    ],
)
def test_objects_are_found_by_the_smaller_of_iou_and_boundary_iou(judge_objects, metric, iou, value):
    gates = f"g: {{metric: {metric}, iou: {iou}, dilation: 2px, classes: [car], min: {{default: 0.5}}}}"

    record = judge_objects(OBJECTS, NARROWED, gates)["g[car]"]

    assert record.value == float(value)
    assert record.verdict is (Verdict.PASS if value >= Fraction(1, 2) else Verdict.FAIL)
    assert headline(record).startswith(f"{metric.capitalize() if metric == 'f1' else metric}@{iou}/2px ")


def test_plain_and_boundary_gates_on_objects_share_a_view_and_keep_apart(judge_objects):
    gates = (
        "plain: {metric: f1, iou: 0.55, classes: [car], min: {default: 1}}\n"
        "banded: {metric: f1, iou: 0.55, dilation: 2px, classes: [car], min: {default: 1}}\n"
        'ap: {metric: ap, iou: "0.6", classes: [car], min: {default: 1}}\n'
        'edges: {metric: boundary-ap, iou: "0.6", dilation: 2px, classes: [car], min: {default: 1}}'
    )

    records = judge_objects(OBJECTS, NARROWED, gates)

    assert [records[f"{g}[car]"].value for g in ("plain", "banded", "ap", "edges")] == [
        1.0,
        pytest.approx(1 / 3),
        1.0,
        0.0,
    ]


def test_the_worst_images_of_boundary_ap_go_by_its_own_matches(judge_objects):
    gates = 'g: {metric: boundary-ap, iou: "0.55", dilation: 2px, classes: [car], min: {default: 0.1}}'

    record = judge_objects(OBJECTS, NARROWED, gates)["g[car]"]

    assert [w.reason for w in record.worst] == ["1 matched, 2 missed, 2 extra"]
