"""The judge by the bound: what is certified, what fails, and families of classes."""

from __future__ import annotations

import pytest
from judged_batches import SHAKY, batch, bound, cars, coverage, mean_iou, rule, seen, shaky

from segcore_gates.records import Verdict
from segcore_gates.verdict import adjusted_p_values, judge_all, verdict


def test_the_bound_certifies_thirteen_perfect_images_and_asks_for_more_at_twelve():
    enough = verdict(bound(), cars(*[(100, 100)] * 13))
    few = verdict(bound(), cars(*[(100, 100)] * 12))

    assert seen(enough) == (Verdict.PASS, False)
    assert enough.interval.lower == pytest.approx(0.802076, abs=1e-6)
    assert few.verdict is Verdict.THIN
    assert few.images_needed == 14
    assert few.reason == (
        "not enough evidence for 0.80: the true value lies between 0.7860 and 1.0000 by 12 images, "
        "about 2 more needed if the estimate is right"
    )


def test_the_bound_asks_for_the_policys_support_too():
    record = verdict(bound(support_images=30), cars(*[(100, 100)] * 13))

    assert record.verdict is Verdict.THIN
    assert record.reason == "13 gold images < 30"


def test_the_bound_fails_what_is_surely_below():
    record = verdict(bound(), cars((70, 100), (71, 100), (69, 100), (70, 100), (72, 100)))

    assert seen(record) == (Verdict.FAIL, True)
    assert record.reason.startswith("even the upper bound 0.7")


def test_the_bound_needs_five_images_to_fail():
    record = verdict(bound(), cars((70, 100), (71, 100), (69, 100), (70, 100)))

    assert record.verdict is Verdict.THIN
    assert record.reason.endswith("and the estimate itself is not above the floor")


def test_the_bound_judges_the_soft_limit_by_the_bound_too():
    record = verdict(bound(warn_below=0.85), cars(*[(100, 100)] * 13))

    assert seen(record) == (Verdict.WARN, False)
    assert (record.limit_kind, record.limit) == ("warn_below", 0.85)


def test_one_class_below_fails_alone_and_not_among_many_by_holm():
    alone = batch(*(shaky(0, o) for o in SHAKY))
    among = batch(*(sum(shaky(k, o) for k in range(4)) for o in SHAKY))
    family = [bound(name) for name in ("car", "person", "rider", "truck")]

    p = adjusted_p_values([bound()], alone)["class-iou[car]"]

    assert 0.0125 < p < 0.05
    assert verdict(bound(), alone).verdict is Verdict.FAIL
    assert {r.verdict for r in judge_all(family, among)} == {Verdict.THIN}


def test_gates_are_families_of_their_own():
    among = batch(*(sum(shaky(k, o) for k in range(4)) for o in SHAKY))
    rules = [bound(name, gate=name) for name in ("car", "person", "rider", "truck")]

    assert {r.verdict for r in judge_all(rules, among)} == {Verdict.FAIL}


def test_one_rule_at_a_time_gives_the_same_records_as_all_at_once():
    tables = [sum(shaky(k, o) for k in range(3)) for o in SHAKY]
    evaluation = batch(*tables, missing=[("zzz", "cp")], extra=("extra",))
    rules = [
        *(bound(name) for name in ("car", "person", "rider", "truck")),
        *(rule(name, id=f"floor[{name}]", gate="floor") for name in ("car", "truck")),
        mean_iou(),
        coverage(minimum=1.0),
    ]

    adjusted = adjusted_p_values(rules, evaluation)
    one_by_one = tuple(verdict(r, evaluation, adjusted_p=adjusted.get(r.id)) for r in rules)

    assert one_by_one == judge_all(rules, evaluation)
