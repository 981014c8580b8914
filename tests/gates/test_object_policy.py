"""Policies with gates on objects: any value at any place is read, or refused in plain words."""

from __future__ import annotations

import json
import re

import pytest

from segcore_gates.errors import PolicyError
from segcore_gates.gates import GATE_MODELS
from segcore_gates.policy_file import load_policy

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
