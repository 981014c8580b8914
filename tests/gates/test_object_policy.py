"""Policies with gates on objects: any value at any place is read, or refused in plain words."""

from __future__ import annotations

import json
import re

import pytest

from segcore_gates.errors import PolicyError
from segcore_gates.gates import GATE_MODELS
from segcore_gates.policy_file import load_policy
from segcore_gates.records import Verdict

ODD_VALUES = [
    None, True, 0, -1, 0.5, 2.5, 10**30, "", "x", "0.5", "0,8", "95%", "nan", "inf", "0.5:0.95", [], [1],
    [None], {}, {"a": 1}, {"default": 0.5}, {"small": 1}, {"small": {"default": 1}}, {"100": 0.4},
    {"100": 0.4, "1000": 0.9}, {"1000": 0.4, "100": 0.9}, {"-1": 0, "x": 1}, {"100": "x", "200": [1]},
]  # fmt: skip
GATE = {"min": {"default": 0.5}, "iou": 0.5, "curve": {"100": 0.4, "1000": 0.9}, "scores": "area"}
HEAD = {
    "version": 1,
    "gold": "coco:g.json",
    "delivery": "coco:d.json",
    "ontology": {"classes": [{"id": 1, "name": "car"}]},
}


@pytest.mark.parametrize("metric", GATE_MODELS)
def test_any_value_of_any_key_is_read_or_refused_in_our_own_words(tmp_path, metric):
    path = tmp_path / "batch.gate.yaml"
    takes = GATE_MODELS[metric].model_fields
    good = {"metric": metric, **{key: value for key, value in GATE.items() if key in takes}}
    said = []

    for key in {*takes, *GATE, "max", "metric"}:
        for value in ODD_VALUES:
            path.write_text(json.dumps({**HEAD, "gates": {"g": {**good, key: value}}, "metric": value}))
            with pytest.raises(PolicyError) as caught:  # the last key is none of a policy
                load_policy(path, environ={})
            said += [problem.message for problem in caught.value.problems]

    assert not re.search(
        r"Input|[Vv]alid (string|number|dictionary)|should|pydantic|Value error|kind", "; ".join(said)
    )


# -- classes of stuff ---------------------------------------------------------------------------------

STREET = [
    {"id": 1, "name": "car", "thing": True},
    {"id": 2, "name": "road", "thing": False},
    {"id": 3, "name": "sky", "thing": False},
    {"id": 4, "name": "sign"},
]
OBJECT_METRICS = (
    "f1", "precision", "recall", "matched-iou", "good-object-share", "ap", "ar", "boundary-ap",
)  # fmt: skip


def problems(tmp_path, metric, classes, **more):
    """What is said of one gate over a street."""
    path = tmp_path / "batch.gate.yaml"
    takes = GATE_MODELS[metric].model_fields
    asked = {**GATE, "dilation": 0.02} if metric.startswith("boundary") else GATE
    if metric in {"ap", "ar", "boundary-ap"}:
        asked = {**asked, "iou": "0.5"}
    keys = {key: value for key, value in asked.items() if key in takes}
    gate = {"metric": metric, **keys, **classes, **more}
    path.write_text(json.dumps({**HEAD, "ontology": {"classes": STREET}, "gates": {"g": gate}}))
    try:
        load_policy(path, environ={})
    except PolicyError as error:
        return [problem.message for problem in error.problems]
    return []


@pytest.mark.parametrize("metric", OBJECT_METRICS)
def test_a_gate_on_the_objects_of_stuff_is_an_error_that_names_the_right_metrics(tmp_path, metric):
    named = problems(tmp_path, metric, {"classes": ["car", "sky"]})
    every = problems(tmp_path, metric, {})

    assert named == [
        f"{metric} is about objects, and the ontology calls sky stuff: gate stuff with iou or pq"
    ]
    assert every == [
        f"{metric} is about objects, and the ontology calls road, sky stuff: "
        "write `classes: things`, and gate stuff with iou or pq"
    ]
    assert problems(tmp_path, metric, {"classes": "stuff"})[-1] == every[0].replace(
        "write `classes: things`, and ", ""
    )
    assert problems(tmp_path, metric, {"classes": ["car", "sign"]}) == []


@pytest.mark.parametrize("metric", ["iou", "boundary-iou"])
def test_gates_on_pixels_and_outlines_take_stuff(tmp_path, metric):
    assert problems(tmp_path, metric, {"classes": ["car", "sky"]}) == []


@pytest.mark.parametrize("metric", ["f1", "ap"])
def test_a_class_the_gold_calls_stuff_is_an_error_of_its_rule(tmp_path, write_objects, metric):
    from segcore_gates.evaluations import Evaluations
    from segcore_gates.policy_batch import PolicyBatch
    from segcore_gates.verdict import judge_all

    boxes = [{"car": [(0, 0, 40, 40)], "person": [(100, 0, 40, 40)]}]
    iou = '"0.5"' if metric == "ap" else "0.5"
    scores = ", scores: equal" if metric == "ap" else ""
    gate = f"g: {{metric: {metric}, iou: {iou}{scores}, classes: [car, person], min: {{default: 0.5}}}}"
    # The policy does not say what person is, the gold does.
    ontology = "ontology: {classes: [{id: 1, name: car}, {id: 2, name: person}]}\n"
    policy = write_objects(tmp_path, boxes, boxes, gate, ontology=ontology)
    gold = json.loads((tmp_path / "gold.json").read_text())
    gold["categories"] = [
        {**category, "isthing": int(category["name"] == "car")} for category in gold["categories"]
    ]
    (tmp_path / "gold.json").write_text(json.dumps(gold))

    loaded = load_policy(policy, environ={})
    batch = PolicyBatch(loaded, Evaluations(None))
    records = {record.id: record for record in judge_all(loaded.rules, batch.evaluation)}

    assert records["g[car]"].verdict is Verdict.PASS
    assert records["g[person]"].verdict is Verdict.ERROR
    assert records["g[person]"].reason == "person is stuff, which has no objects: gate it with iou or pq"
