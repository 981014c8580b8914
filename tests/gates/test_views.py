"""Which views of a batch are counted so that every rule is answered."""

from __future__ import annotations

import pytest

from segcore.average_precision import ScoreRule
from segcore.dilation import Dilation
from segcore.errors import UsageError
from segcore_gates.metrics import METRICS, view_of
from segcore_gates.rules import Metric
from segcore_gates.views import SEMANTIC, View, fewest

INSTANCE = View(task="instance")
NARROW = View(dilation=Dilation(share=0.005))
WIDE = View(dilation=Dilation(share=0.02))
SURFACES = View(surfaces=True)
CELLS = View(cells=True)


def test_every_metric_of_a_gate_has_one_entry():
    others = {Metric.AGREEMENT, Metric.COVERAGE, Metric.FORMAT_LOCK, Metric.LINT, Metric.SIGNAL}

    assert set(METRICS) == set(Metric) - others


@pytest.mark.parametrize(
    ("asked", "counted"),
    [
        pytest.param([SEMANTIC, SEMANTIC], [SEMANTIC], id="one task, once"),
        pytest.param([INSTANCE, SEMANTIC], [INSTANCE, SEMANTIC], id="in the order asked"),
        pytest.param([SEMANTIC, WIDE], [WIDE], id="a width serves what needs none"),
        pytest.param([WIDE, SEMANTIC, NARROW], [WIDE, NARROW], id="two widths"),
        pytest.param(
            [SURFACES, WIDE],
            [View(dilation=WIDE.dilation, surfaces=True)],
            id="outlines go along with a width",
        ),
        pytest.param(
            [View(task="instance", scores=rule) for rule in (None, *ScoreRule)],
            [INSTANCE],
            id="objects are ranked afterwards",
        ),
        pytest.param(
            [SEMANTIC, WIDE, CELLS],
            [View(dilation=WIDE.dilation, cells=True)],
            id="the images by themselves go along with a width",
        ),
        pytest.param([None, INSTANCE], [INSTANCE], id="coverage is content with objects"),
        pytest.param([None], [SEMANTIC], id="coverage alone"),
    ],
)
def test_no_view_is_counted_that_another_one_serves(asked, counted):
    found = fewest(asked)

    assert list(dict.fromkeys(found.values())) == counted
    assert set(asked) <= set(found)


@pytest.mark.parametrize("view", [WIDE, NARROW, SURFACES, CELLS, SEMANTIC, INSTANCE])
def test_what_serves_a_view_has_all_that_it_asks_for(view):
    serving = fewest([SEMANTIC, WIDE, NARROW, SURFACES, CELLS, INSTANCE])[view]

    assert serving.task == view.task
    assert view.dilation in {None, serving.dilation}
    assert serving.surfaces or not view.surfaces
    assert serving.cells or not view.cells


def test_the_options_of_a_view_are_those_of_evaluate_and_no_more_than_it_needs():
    assert SEMANTIC.options() == {"task": "semantic"}
    assert View(task="instance", scores=ScoreRule.AREA).options() == {
        "task": "instance",
        "scores": ScoreRule.AREA,
    }
    assert View(dilation=Dilation(px=5), surfaces=True).options() == {
        "task": "semantic",
        "dilation": Dilation(px=5),
        "surfaces": True,
    }
    assert CELLS.options() == {"task": "semantic", "keep_cells": True}


def test_a_rule_refuses_an_evaluation_of_another_view(tmp_path, write_objects):
    import segcore
    from segcore_gates.policy_file import load_policy
    from segcore_gates.verdict import judge_all, verdict

    boxes = [{"car": [(0, 0, 10, 10, 50)]}]
    gates = (
        "f: {metric: f1, iou: 0.5, min: {default: 0.5}, classes: [car]}\n"
        "p: {metric: iou, min: {default: 1}}"
    )
    policy = load_policy(write_objects(tmp_path, boxes, boxes, gates), environ={})
    sides = str(policy.gold), str(policy.delivery)
    coverage, objects, pixels, *_ = policy.rules
    instance = segcore.evaluate(*sides, task="instance", scores="area")

    with pytest.raises(UsageError, match=r"f\[car\] needs the instance evaluation .* semantic one"):
        verdict(objects, segcore.evaluate(*sides))
    with pytest.raises(UsageError, match=r"needs the instance evaluation .* instance, scores area one"):
        verdict(objects, instance)
    with pytest.raises(UsageError, match="needs the semantic evaluation"):
        judge_all([pixels], instance)
    assert verdict(coverage, instance).verdict == "PASS"
    assert view_of(coverage) is None


def test_objects_ranked_by_another_rule_are_not_matched_again_and_say_so(tmp_path, write_objects):
    import segcore

    write_objects(tmp_path, [{"car": [(0, 0, 9, 9)]}], [{"car": [(0, 0, 9, 9)]}], "")
    evaluation = segcore.evaluate(
        f"coco:{tmp_path}/gold.json", f"coco:{tmp_path}/delivery.json", task="instance"
    )

    ranked = evaluation.ranked_by(ScoreRule.EQUAL)

    assert (evaluation.has_scores, ranked.has_scores) == (False, True)
    assert ranked.matching is evaluation.matching
    assert ranked.classes[0].coco.ap == 1.0
    assert {k for k, v in ranked.conventions.items() if evaluation.conventions[k] != v} == {"scores"}
    assert ranked.ranked_by(ScoreRule.EQUAL) is ranked
