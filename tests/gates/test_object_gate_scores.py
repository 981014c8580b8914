"""Gates that rank objects: by the scores of a delivery, or by what a policy says stands for them."""

from __future__ import annotations

import pytest
from judged_batches import seen
from object_gate_scenes import DELIVERY, GOLD, gate

from segcore_gates.records import Verdict


def unscored(images):
    return [{n: [box[:4] for box in boxes] for n, boxes in image.items()} for image in images]


@pytest.mark.parametrize("metric", ["ap", "ar", "boundary-ap"])
def test_a_delivery_without_scores_has_no_ap_and_the_reason_names_the_right_gates(judge_objects, metric):
    record = judge_objects(GOLD, unscored(DELIVERY), gate(metric, 0.1))["g[car]"]

    assert seen(record) == (Verdict.ERROR, True)
    assert record.value is None
    assert "gate people's work with f1 or pq" in record.reason
    assert "`scores: equal`" in record.reason


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ("equal", 76 * 9 / 10 / 101),  # one point: 9 of 10 are right, 9 of 12 found
        ("area", (51 + 25 * 9 / 10) / 101),  # large and medium, then the extra of 100 px, then 80 px
    ],
)
def test_a_policy_may_state_what_stands_for_scores(judge_objects, rule, value):
    delivery = unscored([*DELIVERY[:3], {"car": DELIVERY[3]["car"][:1]}])

    record = judge_objects(GOLD, delivery, gate("ap", 0.1, f"scores: {rule}"))["g[car]"]

    assert record.verdict is Verdict.PASS
    assert record.value == pytest.approx(value, abs=1e-12)
    assert record.settings == {"iou": "0.5", "scores": rule}


def test_gates_that_rank_differently_are_judged_in_one_policy(judge_objects):
    gates = "\n".join(
        [gate("ap", 0.1, f"scores: {rule}").replace("g:", f"{rule}:") for rule in ("equal", "area")]
        + [gate("f1", 0.75).replace("g:", "f:"), gate("ap", 0.752475).replace("g:", "own:")]
    )

    records = judge_objects(GOLD, DELIVERY, gates)

    assert records["equal[car]"].value == pytest.approx(0.75 * 76 / 101, abs=1e-12)
    assert records["area[car]"].value < records["own[car]"].value
    assert records["f[car]"].verdict is Verdict.PASS
