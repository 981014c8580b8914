"""The judge: what each verdict on a class takes, and what it does to the batch."""

from __future__ import annotations

import pytest
from judged_batches import batch, cars, confusion, rule, seen

from segcore_gates.records import Outcome, Verdict, outcome
from segcore_gates.rules import Judge, Level, Thin
from segcore_gates.verdict import verdict

# -- the estimate ---------------------------------------------------------------------------------


def test_a_class_passes_at_its_threshold():
    record = verdict(rule(minimum=0.8), cars((8, 10)))

    assert seen(record) == (Verdict.PASS, False)
    assert record.value == 0.8
    assert record.reason == ""


@pytest.mark.parametrize("minimum", [0.1, 0.3, 0.7, 0.85, 0.95, 0.975, 0.999])
def test_a_decimal_threshold_is_the_decimal_and_not_its_nearest_double(minimum):
    thousandths = round(minimum * 1000)

    at = verdict(rule(minimum=minimum), cars((thousandths, 1000), per=7))
    below = verdict(rule(minimum=minimum), cars((thousandths * 10**6 - 1, 10**9)))

    assert at.verdict is Verdict.PASS
    assert below.verdict is Verdict.FAIL


def test_just_below_the_threshold_fails():
    record = verdict(rule(), cars((799_999, 1_000_000)))

    assert seen(record) == (Verdict.FAIL, True)
    assert record.value == 0.799999
    assert (record.limit_kind, record.limit) == ("min", 0.8)


def test_below_the_threshold_fails_even_on_thin_evidence():
    record = verdict(rule(support_images=30, thin=Thin.SKIP), cars((7, 10)))

    assert seen(record) == (Verdict.FAIL, True)


def test_at_the_threshold_with_too_few_images_is_thin():
    record = verdict(rule(support_images=2), cars((9, 10)))

    assert seen(record) == (Verdict.THIN, False)
    assert record.reason == "1 gold image < 2"


def test_at_the_threshold_with_too_few_instances_is_thin():
    evaluation = batch(confusion("cc", "cc"), instances=[3, 0, 0, 0])

    assert verdict(rule(support_instances=3), evaluation).verdict is Verdict.PASS
    record = verdict(rule(support_instances=4), evaluation)

    assert record.verdict is Verdict.THIN
    assert record.reason == "3 gold instances < 4"


def test_instances_are_not_asked_for_where_gold_does_not_tell_them_apart():
    record = verdict(rule(support_instances=50), batch(confusion("cc", "cc")))

    assert record.verdict is Verdict.PASS
    assert record.instances is None


def test_below_the_soft_limit_warns_and_names_it():
    record = verdict(rule(warn_below=0.9), cars((85, 100)))

    assert seen(record) == (Verdict.WARN, False)
    assert (record.limit_kind, record.limit) == ("warn_below", 0.9)
    assert record.reason == "below 0.90"


def test_at_the_soft_limit_passes():
    assert verdict(rule(warn_below=0.9), cars((90, 100))).verdict is Verdict.PASS


# -- absent and missing ---------------------------------------------------------------------------


def test_a_class_neither_side_has_is_missing_and_has_no_value():
    record = verdict(rule("truck"), cars((9, 10)))

    assert seen(record) == (Verdict.MISSING, True)
    assert record.value is None
    assert record.interval is None
    assert record.reason == "neither gold nor delivery contains the class"


def test_a_class_that_may_be_absent_does_not_block():
    assert seen(verdict(rule("truck", absent=Level.WARN), cars((9, 10)))) == (Verdict.MISSING, False)


@pytest.mark.parametrize("judge", list(Judge))
def test_a_class_that_was_not_delivered_is_zero_and_fails(judge):
    record = verdict(rule("person", judge=judge), batch(confusion("ppc", "..c")))

    assert seen(record) == (Verdict.FAIL, True)
    assert record.value == 0.0
    assert record.reason == "person is in 1 gold image and nowhere in the delivery"


def test_a_class_that_only_the_delivery_has_is_zero_and_fails():
    record = verdict(rule("person"), batch(confusion("..c", "ppc")))

    assert seen(record) == (Verdict.FAIL, True)
    assert (record.value, record.images) == (0.0, 0)
    assert record.reason == "person is in the delivery and nowhere in the gold"


def test_a_missing_image_counts_with_all_its_pixels():
    record = verdict(rule(), batch(confusion("cccc", "cccc"), missing=[("zzz", "cccc")]))

    assert record.value == 0.5
    assert record.images == 2
    assert [(w.image, w.value) for w in record.worst] == [("zzz", 0.0)]


# -- severity, thin, strict -----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["car", "truck"])
def test_severity_warn_never_blocks_and_keeps_the_reason(name):
    strict_rule, soft_rule = rule(name), rule(name, severity=Level.WARN)
    evaluation = cars((1, 10))

    hard, soft = verdict(strict_rule, evaluation), verdict(soft_rule, evaluation)

    assert hard.blocks
    assert seen(soft) == (Verdict.WARN, False)
    assert soft.reason == hard.reason != ""


@pytest.mark.parametrize(
    ("thin", "blocks", "reason"),
    [
        (Thin.WARN, False, "1 gold image < 30"),
        (Thin.ERROR, True, "1 gold image < 30"),
        (Thin.SKIP, False, "skipped: 1 gold image < 30"),
    ],
)
def test_what_thin_evidence_does_is_up_to_the_policy(thin, blocks, reason):
    record = verdict(rule(support_images=30, thin=thin), cars((9, 10)))

    assert seen(record) == (Verdict.THIN, blocks)
    assert record.reason == reason


def test_thin_evidence_does_not_block_where_a_failure_would_not():
    record = verdict(rule(support_images=30, thin=Thin.ERROR, severity=Level.WARN), cars((9, 10)))

    assert seen(record) == (Verdict.THIN, False)


@pytest.mark.parametrize(
    ("changes", "expected", "came_to"),
    [
        ({"warn_below": 0.95}, Verdict.WARN, Outcome.REJECT),
        ({"minimum": 0.95, "severity": Level.WARN}, Verdict.WARN, Outcome.REJECT),
        ({"support_images": 30}, Verdict.THIN, Outcome.INSUFFICIENT),
        ({"support_images": 30, "thin": Thin.SKIP}, Verdict.THIN, Outcome.ACCEPT),
        ({"name": "truck", "absent": Level.WARN}, Verdict.MISSING, Outcome.REJECT),
        ({}, Verdict.PASS, Outcome.ACCEPT),
    ],
)
def test_strict_promotes_warnings_and_thin_evidence(changes, expected, came_to):
    evaluation = cars((9, 10))

    lenient = verdict(rule(**changes), evaluation)
    strict = verdict(rule(**changes), evaluation, strict=True)

    assert seen(lenient) == (expected, False)
    assert strict.verdict is expected
    assert outcome([lenient]) is Outcome.ACCEPT
    assert outcome([strict]) is came_to
