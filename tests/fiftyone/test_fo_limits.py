"""What a policy's verdicts mean for samples and classes."""

from __future__ import annotations

from types import SimpleNamespace

from segcore_fiftyone.limits import ClassVerdict, Limits
from segcore_gates.records import Verdict
from segcore_gates.rules import Metric

NAMES = ("sky", "car")


def judged(*rows):
    """Rules and records: metric, class, floor, verdict; the class ``both`` is the group of all."""
    rules = [
        SimpleNamespace(
            metric=m, class_name=c, minimum=f, below_iou=None, members=NAMES if c == "both" else ()
        )
        for m, c, f, _ in rows
    ]
    records = [SimpleNamespace(verdict=v, limit=f) for _, _, f, v in rows]
    return Limits.by_policy(rules, records, NAMES)


def test_only_classes_that_fail_the_batch_have_a_limit_in_images():
    found = judged((Metric.IOU, "sky", 0.5, Verdict.PASS), (Metric.IOU, "car", 0.9, Verdict.FAIL))

    assert found.image == {"car": 0.9}
    assert found.verdicts == {
        "sky": ClassVerdict(verdict="PASS", floor=0.5),
        "car": ClassVerdict(verdict="FAIL", floor=0.9),
    }


def test_of_two_rules_the_higher_limit_holds_and_the_worse_verdict_is_shown():
    found = judged(
        (Metric.IOU, "car", 0.9, Verdict.FAIL),
        (Metric.IOU, "car", 0.7, Verdict.FAIL),
        (Metric.IOU, "car", 0.5, Verdict.PASS),
    )

    assert found.image == {"car": 0.9}
    assert found.verdicts["car"].verdict == "FAIL"


def test_a_mean_that_fails_is_a_limit_for_every_class_and_a_verdict_on_none():
    found = judged((Metric.MEAN_IOU, None, 0.8, Verdict.FAIL))

    assert found.image == {"sky": 0.8, "car": 0.8}
    assert found.verdicts == {}


def test_missing_images_fail_their_samples_where_coverage_fails():
    assert judged((Metric.COVERAGE, None, 1.0, Verdict.FAIL)).missing_fail
    assert not judged((Metric.COVERAGE, None, 1.0, Verdict.PASS)).missing_fail
    assert judged((Metric.COVERAGE, None, 1.0, Verdict.FAIL)).image == {}


def test_a_gate_on_objects_sets_no_limit_on_pixels_and_is_not_shown_as_an_iou():
    found = judged(
        (Metric.F1, "car", 0.9, Verdict.FAIL),
        (Metric.IOU, "sky", 0.5, Verdict.PASS),
    )

    assert found.image == {}
    assert list(found.verdicts) == ["sky"]


def test_a_group_that_fails_is_a_limit_for_its_classes_and_a_verdict_on_none():
    found = judged((Metric.IOU, "both", 0.8, Verdict.FAIL))

    assert found.image == {"sky": 0.8, "car": 0.8}
    assert found.verdicts == {}


def test_a_waived_class_is_no_limit_in_images():
    found = judged((Metric.IOU, "car", 0.8, Verdict.WAIVED))

    assert found.image == {}
    assert found.verdicts["car"].verdict == "WAIVED"
