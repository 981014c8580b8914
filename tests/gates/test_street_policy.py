"""A policy as teams write it: pixels, boundaries, objects and segments, judged class by class."""

from __future__ import annotations

import json

import pytest

from segcore_gates.evaluations import Evaluations
from segcore_gates.policy_batch import PolicyBatch
from segcore_gates.policy_file import load_policy
from segcore_gates.records import Verdict, outcome
from segcore_gates.verdict import judge_all

POLICY = """\
version: 1
name: vendor A, street scenes
gold: {format: coco, path: gold.json}
delivery: {format: coco, path: delivery.json}
ontology:
  classes:
    - {id: 1, name: road, thing: false}
    - {id: 2, name: car, thing: true}
    - {id: 3, name: person, thing: true}
    - {id: 4, name: traffic-light, thing: true}
coverage:
  gold_images: all                      # every gold image must be delivered (or a share: 0.98)
  extra_images: allow
defaults:
  severity: error                       # error fails the batch, warn never does
  judge: estimate                       # estimate | bound (the pessimistic end of the interval)
  confidence: 0.95
  support: {images: 30, instances: 50}  # less than this is thin evidence
  thin: warn                            # error | warn | skip
  absent: error                         # a gated class that neither side contains
gates:
  class-iou:                            # -> class-iou[road], class-iou[car], ...
    metric: iou
    min: {default: 0.85, road: 0.97, car: 0.90, person: 0.80}
    warn_below: {default: 0.88, car: 0.93}
  boundary:
    metric: boundary-iou
    dilation: 0.02                      # share of the image diagonal
    classes: [car, person, traffic-light]
    min: {default: 0.72}
  mask-ap50: {metric: ap, iou: "0.5", classes: things, min: {default: 0.90}}
  mask-ap75: {metric: ap, iou: "0.75", classes: things, min: {default: 0.80}}
  mask-ap: {metric: ap, iou: "0.5:0.95", classes: things, min: {default: 0.65, traffic-light: 0.50}}
  panoptic: {metric: pq, min: {default: 0.70}}
"""
NAMES = ("road", "car", "person", "traffic-light")
SCENE = {
    "road": (0, 200, 300, 100),
    "car": (20, 20, 60, 40),
    "person": (120, 20, 20, 60),
    "traffic-light": (200, 20, 20, 40),
}
IMAGES = 50


@pytest.fixture
def judge(tmp_path):
    """A function that judges fifty images of which each class is delivered as the box given."""

    def document(scenes, *, scored):
        entries = [
            {
                "id": 10 * k + n,
                "image_id": k,
                "category_id": NAMES.index(name) + 1,
                "iscrowd": 0,
                "area": w * h,
                "bbox": [x, y, w, h],
                "segmentation": [[x, y, x + w, y, x + w, y + h, x, y + h]],
                **({"score": 0.9 - k / 1000} if scored else {}),
            }
            for k, scene in enumerate(scenes, start=1)
            for n, (name, (x, y, w, h)) in enumerate(scene.items())
        ]
        images = [
            {"id": k, "file_name": f"{k:03}.png", "width": 300, "height": 300}
            for k in range(1, len(scenes) + 1)
        ]
        categories = [{"id": k, "name": name} for k, name in enumerate(NAMES, start=1)]
        return json.dumps({"images": images, "annotations": entries, "categories": categories})

    def judged(**changed):
        (tmp_path / "gold.json").write_text(document([SCENE] * IMAGES, scored=False))
        delivery = {name: box for name, box in {**SCENE, **changed}.items() if box is not None}
        (tmp_path / "delivery.json").write_text(document([delivery] * IMAGES, scored=True))
        (tmp_path / "vendor-a.gate.yaml").write_text(POLICY)
        policy = load_policy(tmp_path / "vendor-a.gate.yaml", environ={})
        batch = PolicyBatch(policy, Evaluations(None))
        return {record.id: record for record in judge_all(policy.rules, batch.evaluation)}

    return judged


def failing(records):
    return [name for name, record in records.items() if record.verdict is not Verdict.PASS]


def test_every_gate_of_the_policy_is_a_rule_of_each_of_its_classes(judge):
    records = judge()

    assert list(records) == [
        "coverage",
        *(f"class-iou[{name}]" for name in NAMES),
        *(
            f"{gate}[{n}]"
            for gate in ("boundary", "mask-ap50", "mask-ap75", "mask-ap")
            for n in NAMES[1:]
        ),
        *(f"panoptic[{name}]" for name in NAMES),
    ]
    assert failing(records) == []
    assert outcome(list(records.values())) == "accept"


def test_a_car_that_is_drawn_four_pixels_off_fails_on_pixels_and_boundaries_and_is_found(judge):
    """Of 64 x 40 pixels 56 x 40 agree.  Bands are 8 pixels wide, 2 % of the diagonal of 424."""
    records = judge(car=(24, 20, 60, 40))

    band = 60 * 40 - 44 * 24
    shared = 56 * 40 - 48 * 24  # the overlap but for what is inside of either band
    assert failing(records) == ["class-iou[car]", "boundary[car]"]
    assert records["class-iou[car]"].value == 0.875
    assert records["boundary[car]"].value == shared / (2 * band - shared) == 0.68
    assert records["mask-ap[car]"].value == pytest.approx(0.8)  # the eight overlaps up to 0.85
    assert records["panoptic[car]"].value == pytest.approx(56 / 60)  # beyond the gold is void


def test_a_traffic_light_that_is_missing_fails_every_gate_on_it_and_no_other(judge):
    records = judge(**{"traffic-light": None})

    gates = ("class-iou", "boundary", "mask-ap50", "mask-ap75", "mask-ap", "panoptic")
    assert failing(records) == [f"{gate}[traffic-light]" for gate in gates]
    assert outcome(list(records.values())) == "reject"
