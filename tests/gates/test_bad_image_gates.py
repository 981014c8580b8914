"""Gates on the share of images on which a class is wrong, and the exact bounds of that share."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from judged_batches import batch, bound, cars, confusion, rule, seen
from scipy import stats

from segcore.errors import UsageError
from segcore_gates.judged import image_limits
from segcore_gates.proportion import Proportion, fewest_images
from segcore_gates.records import Verdict
from segcore_gates.report import PolicyReport
from segcore_gates.rules import Metric
from segcore_gates.text import explain, headline, remarks
from segcore_gates.verdict import judge_all, verdict

GOOD, BAD = (9, 10), (1, 10)


def misses(make=rule, name="car", **changes):
    values = {"metric": Metric.BAD_IMAGE_SHARE, "minimum": 0.0, "maximum": 0.05, "below_iou": 0.5}
    return make(name, id=f"misses[{name}]", gate="misses", **{**values, **changes})


# -- bounds ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "images", "upper"),
    # 1 - .05^(1/n) for none; for the others Clopper and Pearson, as tables have them.
    [(0, 25, 0.1129), (0, 30, 0.0950), (0, 59, 0.0495), (1, 30, 0.1486), (3, 100, 0.0757)],
)
def test_the_upper_bound_is_that_of_clopper_and_pearson(bad, images, upper):
    assert Proportion(bad, images).upper(0.95) == pytest.approx(upper, abs=5e-5)


@pytest.mark.parametrize("images", [1, 2, 7, 100, 5000])
@pytest.mark.parametrize("confidence", [0.6, 0.95, 0.999])
def test_bounds_and_p_values_agree_with_scipy(images, confidence):
    for bad in sorted({0, 1, images // 3, images - 1, images}):
        found = Proportion(bad, images)

        lower = 0.0 if bad == 0 else stats.beta.ppf(1 - confidence, bad, images - bad + 1)
        upper = 1.0 if bad == images else stats.beta.ppf(confidence, bad + 1, images - bad)
        assert found.lower(confidence) == pytest.approx(lower, rel=1e-9)
        assert found.upper(confidence) == pytest.approx(upper, rel=1e-9)
        p = stats.binom.sf(bad - 1, images, 0.05)
        assert found.p_above(Fraction(1, 20)) == pytest.approx(p, rel=1e-8, abs=1e-300)


def test_a_bound_exactly_at_the_limit_keeps_it():
    """None bad in two images: (1 - 1/2)^2 is 1/4, so at 75 % the bound is 1/2."""
    two = Proportion(0, 2)

    assert two.keeps(Fraction(1, 2), 0.75)
    assert not two.keeps(Fraction(1, 2) - Fraction(1, 10**12), 0.75)
    assert not Proportion(2, 2).breaks(Fraction(1, 2), 0.75)
    assert Proportion(2, 2).breaks(Fraction(1, 2) - Fraction(1, 10**12), 0.75)
    assert Proportion(1, 3).keeps(Fraction(3, 4), 0.84375)  # (1/4)^3 + 3 (3/4) (1/4)^2 = 10 / 64


@pytest.mark.parametrize(
    ("limit", "fewest"),
    [("0.2", 14), ("0.1", 29), ("0.08", 36), ("0.05", 59), ("0.02", 149), ("0.01", 299)],
)
def test_the_fewest_images_are_those_of_the_rule_of_three(limit, fewest):
    assert fewest_images(Fraction(limit), 0.95) == fewest
    assert fewest_images(Fraction(0), 0.95) is None


def test_no_image_has_no_bounds():
    none = Proportion(0, 0)

    assert (none.lower(0.95), none.upper(0.95), none.p_above(Fraction(1, 2))) == (None, None, None)
    assert not none.keeps(Fraction(1), 0.95)


# -- by the estimate ------------------------------------------------------------------------------


def test_an_image_is_bad_below_the_iou_and_good_at_it():
    at, below = cars((5, 10), GOOD), cars((49, 100), GOOD)

    assert verdict(misses(), at).value == 0.0
    assert verdict(misses(), below).value == 0.5


def test_the_share_passes_at_the_ceiling_and_fails_above_it():
    at, above = cars(*[GOOD] * 19, BAD), cars(*[GOOD] * 18, BAD)

    assert seen(verdict(misses(), at)) == (Verdict.PASS, False)
    failed = verdict(misses(), above)
    assert seen(failed) == (Verdict.FAIL, True)
    assert failed.reason == "above the ceiling of 0.05"
    assert headline(failed).startswith("bad image share@0.5 0.0526 > 0.05")


def test_a_missing_image_and_one_that_only_one_side_has_are_bad():
    tables = [confusion("cccc", "cccc"), confusion("....", "cc.."), confusion("pppp", "pppp")]

    record = verdict(misses(), batch(*tables, missing=[("zzz", "ccc")]))

    assert record.value == pytest.approx(2 / 3)
    assert [(w.image, w.value, w.reason) for w in record.worst] == [
        ("zzz", 0.0, "not delivered"),
        ("001", 0.0, "only the delivery has it"),
    ]
    assert (record.images, record.interval.images) == (2, 3)


def test_a_class_that_neither_side_has_is_missing_and_one_never_delivered_fails():
    there = batch(confusion("cc", "pp"))

    assert verdict(misses(name="truck"), there).verdict is Verdict.MISSING
    assert seen(verdict(misses(bound), there)) == (Verdict.FAIL, True)
    assert verdict(misses(), there).value == 1.0


def test_too_little_gold_is_thin_and_the_soft_limit_warns():
    one = cars(*[GOOD] * 19, BAD)

    assert verdict(misses(support_images=21), one).reason == "20 gold images < 21"
    warned = verdict(misses(warn_above=0.04), one)
    assert (warned.verdict, warned.limit_kind, warned.limit) == (Verdict.WARN, "warn_above", 0.04)


# -- by the bound ---------------------------------------------------------------------------------


def test_fifty_nine_good_images_prove_five_per_cent_and_fifty_eight_do_not():
    enough = verdict(misses(bound), cars(*[GOOD] * 59))
    few = verdict(misses(bound), cars(*[GOOD] * 58))

    assert seen(enough) == (Verdict.PASS, False)
    assert few.verdict is Verdict.THIN
    assert few.images_needed == 59


def test_a_gate_that_cannot_pass_says_how_many_images_it_takes():
    record = verdict(misses(bound), cars(*[GOOD] * 24, BAD))

    assert record.verdict is Verdict.THIN
    assert record.reason.endswith(
        "by 25 images; with no bad one it would reach 0.1129, 59 are the fewest"
    )
    assert remarks(PolicyReport(path="p", rules=1, records=(record,)))[-1] == (
        "warning: misses[car] cannot pass with this gold: 59 images of the class are the fewest that "
        "prove 0.05, the batch has 25"
    )


def test_gates_of_many_classes_that_cannot_pass_are_warned_of_in_one_line():
    few = verdict(misses(bound), cars(*[GOOD] * 24, BAD))
    records = tuple(replace(few, id=f"misses[{name}]", class_name=name) for name in "abcdefg")

    warnings = [r for r in remarks(PolicyReport(path="p", records=records)) if "cannot pass" in r]

    has = "has 25 images (the fewest are 59)"
    assert warnings == [
        f"warning: misses cannot pass with this gold in 7 classes: a {has}, b {has}, c {has}, d {has}, "
        f"e {has} and 2 more"
    ]


def test_a_gate_that_might_have_passed_is_not_warned_of():
    record = verdict(misses(bound), cars(*[GOOD] * 60, BAD))

    assert record.verdict is Verdict.THIN
    assert not any("cannot pass" in line for line in remarks(PolicyReport(path="p", records=(record,))))


def test_nothing_proves_a_ceiling_of_zero():
    record = verdict(misses(bound, maximum=0.0), cars(*[GOOD] * 60))

    assert seen(record) == (Verdict.THIN, False)
    assert record.reason.endswith("no number of images proves 0.00")
    assert record.images_needed is None


def test_the_bound_fails_what_is_surely_above():
    record = verdict(misses(bound), cars(*[GOOD] * 6, *[BAD] * 4))

    assert seen(record) == (Verdict.FAIL, True)
    assert record.reason == "even the lower bound 0.1500 is above the ceiling of 0.05"
    assert "even the lower bound is above the limit" in explain(record, policy="p", node_id="n")


def test_the_bound_judges_support_and_the_soft_limit_too():
    good = cars(*[GOOD] * 59)

    assert verdict(misses(bound, support_images=60), good).reason == "59 gold images < 60"
    assert verdict(misses(bound, warn_above=0.04), good).limit_kind == "warn_above"


def test_among_many_classes_one_is_condemned_by_holm():
    """Two of ten bad: p is .0434 for a ceiling of .034, and four times that among four classes."""
    tables = [np.diag([9, 9, 9, 9, 0]).astype(np.int64)] * 8
    tables += [np.array([[0, 0, 0, 0, 9]] * 4 + [[9, 9, 9, 9, 0]], np.int64)] * 2
    names = ("car", "person", "rider", "truck")
    family = [misses(bound, name, maximum=0.034) for name in names]

    assert verdict(family[0], batch(*tables)).verdict is Verdict.FAIL
    assert {r.verdict for r in judge_all(family, batch(*tables))} == {Verdict.THIN}


# -- beside the judge -----------------------------------------------------------------------------


def test_pushes_show_the_images_that_the_gate_calls_bad():
    rules = [misses()]
    records = [verdict(rules[0], cars(BAD, GOOD))]

    assert image_limits(rules, records, ["car"]) == {"car": 0.5}


def test_an_evaluation_of_objects_is_refused():
    from segcore.instance_evaluation import InstanceEvaluation

    objects = object.__new__(InstanceEvaluation)
    object.__setattr__(objects, "task", "instance")

    with pytest.raises(UsageError):
        verdict(misses(), objects)


def test_a_policy_with_the_gate_is_judged_from_files(judge_objects):
    box, off = {"car": [(0, 0, 20, 20)]}, {"car": [(200, 200, 20, 20)]}
    gate = "misses: {metric: bad-image-share, below_iou: 0.5, classes: [car], max: {default: 0.25}}"

    passed = judge_objects([box] * 4, [box, box, box, off], gate)["misses[car]"]
    failed = judge_objects([box] * 4, [box, box, off, off], gate)["misses[car]"]

    assert (passed.verdict, passed.value) == (Verdict.PASS, 0.25)
    assert (failed.verdict, failed.value) == (Verdict.FAIL, 0.5)
    assert failed.to_json()["settings"] == {"below_iou": 0.5}
