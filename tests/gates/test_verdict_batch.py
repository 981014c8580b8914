"""The judge of a batch: the mean, coverage, what the record says, and the outcome."""

from __future__ import annotations

import json

import pytest
from judged_batches import SHAKY, batch, bound, cars, confusion, coverage, mean_iou, rule, seen, shaky

from segcore_gates.consequence import errored
from segcore_gates.records import Outcome, Record, Verdict, outcome, outcome_of_all
from segcore_gates.rules import ExtraImages, Judge, Thin
from segcore_gates.verdict import judge_all, verdict

# -- mean and coverage ----------------------------------------------------------------------------


def test_the_mean_passes_at_its_threshold_and_fails_just_below():
    evaluation = batch(confusion("cccccppp", "ccccc.pp"))  # car 5/5, person 2/3

    at = verdict(mean_iou(minimum=0.8), evaluation)
    above = verdict(mean_iou(minimum=0.8333333333333335), evaluation)

    assert at.verdict is Verdict.PASS
    assert at.value == pytest.approx(5 / 6)
    assert at.interval is None
    assert above.verdict is Verdict.FAIL


def test_the_mean_of_thirds_is_compared_exactly():
    evaluation = batch(confusion("ccc ppp rrr", "c.. p.. r.."))

    assert verdict(mean_iou(minimum=0.3333333333333333), evaluation).verdict is Verdict.PASS
    assert verdict(mean_iou(minimum=0.3333333333333334), evaluation).verdict is Verdict.FAIL


def test_the_mean_of_no_class_is_missing():
    assert verdict(mean_iou(), batch(confusion("..", ".."))).verdict is Verdict.MISSING


def test_the_mean_cannot_be_judged_by_a_bound():
    record = verdict(mean_iou(judge=Judge.BOUND), cars((9, 10)))

    assert seen(record) == (Verdict.ERROR, True)
    assert outcome([record]) is Outcome.ERROR


def test_coverage_is_the_delivered_share_and_names_what_is_missing():
    missing = [(f"m{k:02}", "c") for k in range(12)]
    evaluation = batch(*[confusion("c", "c")] * 4, missing=missing)

    record = verdict(coverage(minimum=0.25), evaluation)
    failed = verdict(coverage(minimum=1.0), evaluation)

    assert seen(record) == (Verdict.PASS, False)
    assert record.value == 0.25
    assert seen(failed) == (Verdict.FAIL, True)
    assert failed.reason.startswith("12 of 16 gold images not delivered: m00, m01,")
    assert failed.reason.endswith("m09 and 2 more")
    assert [w.image for w in failed.worst] == [f"m{k:02}" for k in range(10)]


@pytest.mark.parametrize(
    ("extra_images", "expected"),
    [
        (ExtraImages.ALLOW, (Verdict.PASS, False)),
        (ExtraImages.WARN, (Verdict.WARN, False)),
        (ExtraImages.ERROR, (Verdict.FAIL, True)),
    ],
)
def test_what_extra_images_do_is_up_to_the_policy(extra_images, expected):
    evaluation = batch(confusion("c", "c"), extra=("spare",))

    assert seen(verdict(coverage(minimum=1.0, extra_images=extra_images), evaluation)) == expected


# -- what the record says -------------------------------------------------------------------------


def test_the_two_largest_confusions_are_shares_of_what_was_missed():
    record = verdict(rule("person"), batch(confusion("pppp pppp pp", "rrrc ..pp pp")))

    said = [c.describe("person") for c in record.confusions]

    assert said == [
        "50 % of missed person pixels went to rider",
        "33 % of missed person pixels went to <other> (no class delivered)",
    ]


def test_pixels_taken_from_others_are_confusions_too():
    record = verdict(rule("person"), batch(confusion("pp cccr", "pp pppp")))

    said = [c.describe("person") for c in record.confusions]

    assert said == [
        "75 % of extra person pixels came from car",
        "25 % of extra person pixels came from rider",
    ]


def test_the_worst_images_come_first_and_perfect_ones_not_at_all():
    evaluation = cars((9, 10), (10, 10), (1, 10), (2, 20), (5, 10), (6, 10), (7, 10), (8, 10))

    worst = verdict(rule(), evaluation).worst

    assert [(w.image, w.value) for w in worst] == [
        ("003", 0.1), ("002", 0.1), ("004", 0.5), ("005", 0.6), ("006", 0.7)
    ]  # fmt: skip


def test_a_record_survives_json():
    tables = [sum(shaky(k, o) for k in range(3)) for o in SHAKY]
    evaluation = batch(*tables, missing=[("zzz", "cp")])
    rules = [bound("car"), rule("person"), rule("truck"), coverage(), mean_iou()]

    for record in (*judge_all(rules, evaluation), errored(rule(), "no input")):
        assert Record.from_json(json.loads(json.dumps(record.to_json()))) == record


def test_the_json_record_has_the_keys_of_the_contract():
    data = verdict(rule(), cars((7, 10))).to_json()

    assert {
        "id", "metric", "class", "slice", "value", "limit", "interval", "support", "severity", "verdict",
        "reason", "confusions", "worst", "policy_line",
    } <= set(data)  # fmt: skip
    assert data["id"] == "class-iou[car]"
    assert data["limit"] == {"kind": "min", "applied": 0.8}
    assert data["worst"] == [{"image": "000", "value": 0.7, "annotator": None, "link": None}]


def test_a_class_the_evaluation_does_not_have_is_an_error_of_the_caller():
    with pytest.raises(KeyError, match="no class 'bike'"):
        verdict(rule("bike"), cars((9, 10)))


# -- the outcome ----------------------------------------------------------------------------------


def test_the_outcome_follows_the_worst_that_blocks():
    evaluation = cars((9, 10))
    passed = verdict(rule(), evaluation)
    thin = verdict(rule(support_images=9, thin=Thin.ERROR), evaluation)
    failed = verdict(rule(minimum=0.95), evaluation)
    missing = verdict(rule("truck"), evaluation)
    error = errored(rule(), "no input")

    assert outcome([passed]) is Outcome.ACCEPT
    assert outcome([passed, thin]) is Outcome.INSUFFICIENT
    assert outcome([passed, thin, failed]) is Outcome.REJECT
    assert outcome([passed, missing]) is Outcome.REJECT
    assert outcome([thin, error]) is Outcome.ERROR
    assert outcome([error], invalid=True) is Outcome.INVALID


def test_nothing_judged_is_not_accepted():
    assert outcome([]) is Outcome.INSUFFICIENT
    assert outcome_of_all([]) is Outcome.INSUFFICIENT


def test_the_exit_codes_are_those_of_the_contract():
    assert {o.value: o.exit_code for o in Outcome} == {
        "accept": 0, "reject": 1, "insufficient": 2, "invalid": 3, "error": 5
    }  # fmt: skip
