"""What the record of a gate on objects says."""

from __future__ import annotations

import json

import pytest
from object_gate_scenes import ASKED, DELIVERY, GOLD, gate

from segcore_gates.records import Record


def test_the_record_says_what_missed_objects_were_delivered_as(judge_objects):
    gold = [{"person": [(0, 0, 10, 10), (50, 0, 10, 10), (100, 0, 10, 10), (150, 0, 10, 10)]}]
    delivery = [{"rider": [(0, 0, 10, 10), (50, 0, 10, 10)], "car": [(100, 0, 10, 10)], "person": []}]
    gates = gate("recall", 0.1).replace("car", "person")

    record = judge_objects(gold, delivery, gates)["g[person]"]

    assert [c.describe("person") for c in record.confusions] == [
        "50 % of missed person objects (2) were delivered as rider",
        "25 % of missed person objects (1) were delivered as car",
    ]
    assert record.to_json()["confusions"][0] == {
        "class": "rider",
        "direction": "missed",
        "objects": 2,
        "share": 0.5,
    }


def test_the_record_says_what_extra_objects_are_in_the_gold(judge_objects):
    gold = [{"person": [(0, 0, 10, 10)], "car": [(100, 0, 10, 10)]}]
    delivery = [{"car": [(0, 0, 10, 10), (100, 0, 10, 10)]}]

    record = judge_objects(gold, delivery, gate("f1", 0.1))["g[car]"]

    assert [c.describe("car") for c in record.confusions] == [
        "100 % of extra car objects (1) are person in the gold"
    ]


@pytest.mark.parametrize("metric", ["f1", "ap"])
def test_the_worst_images_come_first_with_their_counts(judge_objects, metric):
    record = judge_objects(GOLD, DELIVERY[3:] + DELIVERY[:3], gate(metric, 0.1))["g[car]"]

    assert [(w.image, w.value, w.reason) for w in record.worst] == [
        ("001", 0.0, "0 matched, 3 missed, 3 extra")
    ]


def test_an_object_that_is_too_bad_for_its_size_is_said_to_be_not_good(judge_objects):
    record = judge_objects(GOLD, DELIVERY, gate("good-object-share", 0.1))["g[car]"]

    assert [(w.image, w.reason) for w in record.worst] == [
        ("004", "0 good, 3 not"),
        ("001", "1 good, 2 not"),
        ("002", "1 good, 2 not"),
        ("003", "1 good, 2 not"),
    ]
    assert record.confusions == ()


def test_records_of_objects_survive_json_and_hold_their_settings(judge_objects):
    gates = "\n".join(gate(m, 0.76).replace("g:", f"{m}:") for m in ASKED)

    records = judge_objects(GOLD, DELIVERY, gates)

    for record in records.values():
        assert Record.from_json(json.loads(json.dumps(record.to_json()))) == record
    assert records["ar[car]"].to_json()["settings"] == {"iou": "0.5:0.95"}
    assert records["good-object-share[car]"].to_json()["settings"] == {
        "curve": {"100": 0.4, "1000": 0.9}
    }
    assert "settings" not in records["coverage"].to_json()


def test_ids_do_not_change_with_thresholds(judge_objects):
    low, high = (
        judge_objects(
            GOLD,
            DELIVERY,
            f"g: {{metric: f1, iou: {iou}, min: {{default: {limit}}}, sizes: {{small: {{car: {limit}, "
            f"default: {limit}}}}}}}",
        )
        for iou, limit in ((0.5, 0.1), (0.75, 0.9))
    )

    assert list(low) == list(high)
    assert [name for name in low if "car" in name] == ["g[car]", "g@small[car]"]


def test_the_order_of_images_and_objects_does_not_matter(judge_objects):
    gates = "\n".join(gate(m, 0.5).replace("g:", f"{m}:") for m in ASKED)
    backwards = [{"car": image["car"][::-1]} for image in DELIVERY]

    assert judge_objects(GOLD, DELIVERY, gates) == judge_objects(GOLD, backwards, gates)
