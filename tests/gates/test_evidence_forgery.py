"""What a forger would like to change in the evidence of a batch, and what comes of it."""

from __future__ import annotations

import pytest
from evidence_bundles import evidence, forged, record_of, rule_of

from segcore_gates.evidence.reading import policy_remarks
from segcore_gates.evidence.verifier.container import RejectedError
from segcore_gates.evidence.verifier.verdicts import outcome_of
from segcore_gates.evidence.verifier.verification import verified


@pytest.fixture
def batch_bundle(tmp_path, write_batch):
    """Car is perfect, person has an IoU of one half of the 0.8 that are asked for."""
    return evidence(write_batch(tmp_path))


def passed(told):
    record = record_of(told, "class-iou[person]")
    record.update(verdict="PASS", blocks=False, reason="")
    told["report.json"]["outcome"] = "accept"
    return record


def better(told):
    passed(told)["value"] = 0.9


def other_limit_in_the_record(told):
    passed(told)["limit"]["applied"] = 0.4


def weaker_rule(told):
    passed(told)["limit"]["applied"] = 0.4
    rule_of(told, "class-iou[person]")["minimum"] = "0.4"


def only_a_warning(told):
    record_of(told, "class-iou[person]").update(verdict="WARN", blocks=False, severity="warn")
    told["report.json"]["outcome"] = "accept"


def left_out(told):
    told["records.json"]["records"] = told["records.json"]["records"][:-1]
    told["report.json"]["outcome"] = "accept"


def left_out_with_its_rule(told):
    left_out(told)
    told["rules.json"]["rules"] = told["rules.json"]["rules"][:-1]


def not_blocking(told):
    record_of(told, "class-iou[person]")["blocks"] = False
    told["report.json"]["outcome"] = "accept"


def wider_interval(told):
    record_of(told, "class-iou[person]")["interval"]["upper"] = 0.9


def more_images(told):
    record_of(told, "class-iou[person]")["support"]["images"] = 30


def more_found(told):
    told["counts.json"]["tables"]["pixels"]["person"]["intersection"] = [40, 40]


def less_gold(told):
    told["counts.json"]["tables"]["pixels"]["person"]["gold"] = [20, 20]


def delivered_after_all(told):
    told["counts.json"]["images"]["missing"] = ["001"]


def another_order(told):
    told["records.json"]["records"].reverse()


def twice(told):
    told["rules.json"]["rules"].append(told["rules.json"]["rules"][-1])


def hidden_fault(told):
    told["report.json"]["faults"] = [{"code": "delivery.missing_image"}]


def other_input(told):
    told["report.json"]["inputs"][0]["sha256"] = "0" * 64


def other_policy(told):
    for document in ("manifest.json", "report.json"):
        told[document]["policy"]["sha256"] = "0" * 64


def no_rules(told):
    del told["rules.json"]["rules"]


def no_classes(told):
    del told["counts.json"]["tables"]["pixels"]["person"]


def negative(told):
    told["counts.json"]["tables"]["pixels"]["person"]["gold"] = [-40, 120]


def a_text_for_a_number(told):
    told["counts.json"]["tables"]["pixels"]["person"]["gold"] = ["40", "40"]


def a_limit_that_is_none(told):
    rule_of(told, "class-iou[person]")["minimum"] = "9" * 1000


FORGERIES = (
    passed, better, other_limit_in_the_record, only_a_warning, left_out, not_blocking, wider_interval,
    more_images, more_found, less_gold, delivered_after_all, another_order, twice, hidden_fault,
    other_input, other_policy, no_rules, no_classes, negative, a_text_for_a_number, a_limit_that_is_none,
)  # fmt: skip


@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda forgery: forgery.__name__)
def test_what_does_not_fit_together_is_rejected_however_well_it_is_hashed(batch_bundle, forgery):
    data = forged(batch_bundle, forgery)

    try:
        problems = verified(data).problems
    except RejectedError:
        return

    assert problems != []


def test_a_bundle_that_was_put_together_anew_without_a_change_is_the_same(batch_bundle):
    assert forged(batch_bundle, lambda told: None) == batch_bundle


@pytest.mark.parametrize("forgery", [weaker_rule, left_out_with_its_rule])
def test_rules_that_are_not_those_of_the_policy_need_segcore_to_be_seen(batch_bundle, forgery):
    data = forged(batch_bundle, forgery)

    found = verified(data)

    if forgery is weaker_rule:
        assert found.problems == []
    assert "policy.yaml" in "".join(policy_remarks(found.bundle).problems)


def test_outcomes_are_those_of_the_contract():
    blocking, warning = {"verdict": "FAIL", "blocks": True}, {"verdict": "WARN", "blocks": False}
    thin, error = {"verdict": "THIN", "blocks": True}, {"verdict": "ERROR", "blocks": True}

    assert outcome_of([blocking, error, thin], 3) == "reject"
    assert outcome_of([error, thin, warning], 3) == "error"
    assert outcome_of([thin, warning], 2) == "insufficient"
    assert outcome_of([warning], 1) == "accept"
    assert outcome_of([warning], 2) == outcome_of([], 0) == "insufficient"
