"""Gates on panoptic quality against the published rules, restated mask by mask."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from segcore_gates.evaluations import Evaluations
from segcore_gates.policy_batch import PolicyBatch
from segcore_gates.policy_file import load_policy
from segcore_gates.verdict import judge_all

CATEGORIES = [
    {"id": 1, "name": "car", "isthing": 1},
    {"id": 2, "name": "person", "isthing": 1},
    {"id": 3, "name": "road", "isthing": 0},
]
POLICY = """\
version: 1
gold: coco-panoptic:gold.json
delivery: coco-panoptic:delivery.json
coverage: {gold_images: 0.5}
defaults: {absent: warn, support: {images: 1}}
gates:
  pq: {metric: pq, min: {default: 0}}
  sq: {metric: sq, min: {default: 0}}
  rq: {metric: rq, min: {default: 0}}
  all: {metric: mean-pq, min: 0}
  things: {metric: mean-pq, classes: things, min: 0}
  stuff: {metric: mean-pq, classes: stuff, min: 0}
"""


def scene(rng):
    """Ids of a gold and a delivered image, and the category of each id; 0 is void, 9 a crowd of cars."""
    gold = np.zeros((24, 30), np.int64)
    classes = {}
    for own in range(1, 8):
        y, x, h, w = *rng.integers(0, 20, 2), *rng.integers(4, 14, 2)
        gold[y : y + h, x : x + w] = own
        classes[own] = int(rng.integers(1, 4))
    if rng.random() < 0.5:
        gold[:6, :6], classes[9] = 9, 1
    delivery = np.roll(gold, tuple(rng.integers(-1, 2, 2)), (0, 1))
    delivery[rng.random(gold.shape) < 0.05] = rng.integers(0, 8)
    renamed = {i: c if rng.random() < 0.8 else int(rng.integers(1, 4)) for i, c in classes.items()}
    return (gold, classes), (delivery, renamed)


def save(folder, name, images):
    (folder / name).mkdir()
    annotations = []
    for k, (ids, classes) in images.items():
        Image.fromarray(np.stack([ids, 0 * ids, 0 * ids], -1).astype(np.uint8)).save(
            folder / name / f"{k}.png"
        )
        segments = [
            {"id": int(i), "category_id": classes[i], "iscrowd": int(i == 9 and name == "gold")}
            for i in np.unique(ids)
            if i
        ]
        annotations.append({"image_id": k, "file_name": f"{k}.png", "segments_info": segments})
    document = {
        "images": [{"id": k, "file_name": f"{k}.jpg", "height": 24, "width": 30} for k in images],
        "annotations": annotations,
        "categories": CATEGORIES,
    }
    (folder / f"{name}.json").write_text(json.dumps(document))


def restated(gold, delivery):
    """Matched IoUs, extra and missed segments of each category (Kirillov et al., CVPR 2019)."""
    counts = {c["id"]: {"ious": [], "fp": 0, "fn": 0} for c in CATEGORIES}
    for k, (own, classes) in gold.items():
        other, renamed = delivery.get(k, (0 * own, {}))
        matched = set()
        for g in set(np.unique(own).tolist()) - {0, 9}:
            best = None
            for d in set(np.unique(other).tolist()) - {0}:
                both = ((own == g) & (other == d)).sum()
                either = ((own == g) | ((other == d) & (own != 0))).sum()
                if classes[g] == renamed[d] and 2 * both > either:
                    best = d, both / either
            if best is None:
                counts[classes[g]]["fn"] += 1
            else:
                matched.add(best[0])
                counts[classes[g]]["ious"].append(best[1])
        for d in set(np.unique(other).tolist()) - {0} - matched:
            free = (own == 0) | ((own == 9) if renamed[d] == 1 else False)
            if not 2 * ((other == d) & free).sum() > (other == d).sum():
                counts[renamed[d]]["fp"] += 1
    return counts


@pytest.mark.parametrize("seed", range(6))
def test_panoptic_quality_of_every_class_is_that_of_the_published_rules(tmp_path, seed):
    rng = np.random.default_rng(seed)
    sides = {k: scene(rng) for k in range(1, 6)}
    gold = {k: own for k, (own, _) in sides.items()}
    delivery = {k: other for k, (_, other) in sides.items() if k != 3}
    save(tmp_path, "gold", gold)
    save(tmp_path, "delivery", delivery)
    (tmp_path / "batch.gate.yaml").write_text(POLICY)

    policy = load_policy(tmp_path / "batch.gate.yaml", environ={})
    batch = PolicyBatch(policy, Evaluations(None))
    records = {record.id: record for record in judge_all(policy.rules, batch.evaluation)}

    qualities = {}
    for category in CATEGORIES:
        found = restated(gold, delivery)[category["id"]]
        tp, weight = len(found["ious"]), len(found["ious"]) + (found["fp"] + found["fn"]) / 2
        wanted = {
            "pq": sum(found["ious"]) / weight,
            "sq": np.mean(found["ious"]) if tp else 0.0,
            "rq": tp / weight,
        }
        qualities[category["name"]] = wanted["pq"]
        for gate, value in wanted.items():
            assert records[f"{gate}[{category['name']}]"].value == pytest.approx(value, abs=1e-12)
    assert any(0 < quality < 1 for quality in qualities.values())
    assert records["all"].value == pytest.approx(np.mean(list(qualities.values())), abs=1e-12)
    things = np.mean([qualities["car"], qualities["person"]])
    assert records["things"].value == pytest.approx(things, abs=1e-12)
    assert records["stuff"].value == pytest.approx(qualities["road"], abs=1e-12)
