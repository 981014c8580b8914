"""Gates on objects: every metric and size band at its limit and just below, one side only, crowds."""

from __future__ import annotations

from fractions import Fraction

import pytest
from judged_batches import seen
from object_gate_scenes import ASKED, BOXES, DELIVERY, GOLD, SIZED, SIZES, a_bit_more, gate, sized

from segcore_gates.limits import exact
from segcore_gates.records import Verdict

# -- limits ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", ASKED)
def test_a_class_passes_at_its_limit_and_fails_just_below_it(judge_objects, metric):
    limit = ASKED[metric][1]

    at = judge_objects(GOLD, DELIVERY, gate(metric, limit))["g[car]"]
    below = judge_objects(GOLD, DELIVERY, gate(metric, a_bit_more(limit)))["g[car]"]

    assert seen(at) == (Verdict.PASS, False)
    assert at.value == pytest.approx(float(limit), abs=1e-12)
    assert seen(below) == (Verdict.FAIL, True)
    assert below.reason == f"below the floor of {a_bit_more(limit)}"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("metric", SIZED)
def test_a_size_band_passes_at_its_limit_and_fails_just_below_it(judge_objects, metric, size):
    limit = ASKED[metric][1]

    at = judge_objects(GOLD, DELIVERY, sized(metric, size, limit))
    below = judge_objects(GOLD, DELIVERY, sized(metric, size, a_bit_more(limit)))

    assert list(at) == list(below) == ["coverage", f"g@{size}[car]"]
    assert seen(at[f"g@{size}[car]"]) == (Verdict.PASS, False)
    assert (at[f"g@{size}[car]"].images, at[f"g@{size}[car]"].instances) == (4, 4)
    assert seen(below[f"g@{size}[car]"]) == (Verdict.FAIL, True)


@pytest.mark.parametrize(
    ("metric", "scene"),
    [
        ("f1", [(0, 0, 10, 10)]),  # 1 found, 1 missed: 2/3
        ("recall", [(0, 0, 10, 10), (40, 40, 10, 10)]),  # 2 of 3
        ("precision", [(0, 0, 10, 10), (40, 40, 10, 10), (200, 200, 10, 10)]),  # 2 of 3
    ],
)
def test_a_ratio_of_counts_is_compared_exactly(judge_objects, metric, scene):
    gold = [(0, 0, 10, 10), (40, 40, 10, 10), (80, 80, 10, 10)][: 2 if metric == "f1" else 3]

    at, above = (
        judge_objects([{"car": gold}], [{"car": scene}], gate(metric, f"0.666666666666666{digit}"))
        for digit in "67"
    )

    assert at["g[car]"].verdict is Verdict.PASS
    assert above["g[car]"].verdict is Verdict.FAIL


def test_a_mean_of_floats_stands_for_what_was_meant_to_twelve_decimals():
    assert exact(0.7) == Fraction(7, 10) > Fraction(0.7)
    assert exact(0.7999999999999998) == Fraction(4, 5)
    assert exact(0.79999999999) < Fraction(4, 5)
    assert exact(Fraction(2, 3)) == Fraction(2, 3)


@pytest.mark.parametrize("metric", ASKED)
def test_below_the_soft_limit_warns(judge_objects, metric):
    limit = ASKED[metric][1]

    record = judge_objects(
        GOLD, DELIVERY, gate(metric, 0.1, f"warn_below: {{default: {a_bit_more(limit)}}}")
    )["g[car]"]

    assert seen(record) == (Verdict.WARN, False)
    assert (record.limit_kind, record.limit) == ("warn_below", float(a_bit_more(limit)))


@pytest.mark.parametrize("metric", ASKED)
@pytest.mark.parametrize(
    ("support", "reason"),
    [("images: 5", "4 gold images < 5"), ("images: 4, instances: 13", "12 gold instances < 13")],
)
def test_too_little_gold_is_thin(judge_objects, metric, support, reason):
    enough = gate(metric, 0.1, "support: {images: 4, instances: 12}")

    thin = judge_objects(GOLD, DELIVERY, gate(metric, 0.1, f"support: {{{support}}}", "thin: error"))

    assert seen(thin["g[car]"]) == (Verdict.THIN, True)
    assert thin["g[car]"].reason == reason
    assert judge_objects(GOLD, DELIVERY, enough)["g[car]"].verdict is Verdict.PASS


def test_a_size_band_has_a_support_of_its_own(judge_objects):
    gates = (
        "g: {metric: f1, iou: 0.5, classes: [car], min: {default: 0.5}, support: {instances: 5}, "
        "sizes: {large: {default: 0.5}}}"
    )

    records = judge_objects(GOLD, DELIVERY, gates)

    assert records["g[car]"].verdict is Verdict.PASS
    assert records["g@large[car]"].reason == "4 gold instances < 5"


@pytest.mark.parametrize("metric", ASKED)
def test_severity_warn_never_blocks(judge_objects, metric):
    record = judge_objects(GOLD, DELIVERY, gate(metric, 0.99, "severity: warn"))["g[car]"]

    assert seen(record) == (Verdict.WARN, False)


# -- what is on one side only, or on none -----------------------------------------------------------


@pytest.mark.parametrize("metric", ASKED)
def test_a_class_neither_side_has_is_missing_and_absent_says_what_it_does(judge_objects, metric):
    hard, soft = (
        judge_objects(GOLD, DELIVERY, gate(metric, 0.1, *more).replace("car", "rider"))["g[rider]"]
        for more in ((), ("absent: warn",))
    )

    assert seen(hard) == (Verdict.MISSING, True)
    assert hard.value is None
    assert hard.reason == "neither gold nor delivery contains objects of the class"
    assert seen(soft) == (Verdict.MISSING, False)


@pytest.mark.parametrize("metric", ASKED)
def test_a_class_that_was_not_delivered_is_zero_and_fails(judge_objects, metric):
    delivery = [{"rider": [(200, 200, 9, 9, 50)]}] * 4

    record = judge_objects(GOLD, delivery, gate(metric, 0.1, "support: {images: 30}"))["g[car]"]

    assert seen(record) == (Verdict.FAIL, True)
    assert record.value == 0.0
    assert record.reason == "car is in 4 gold images and nowhere in the delivery"


@pytest.mark.parametrize("metric", ASKED)
def test_a_class_that_only_the_delivery_has_is_zero_and_fails(judge_objects, metric):
    gold = [{"person": [(200, 200, 9, 9)]}] * 4

    record = judge_objects(gold, DELIVERY, gate(metric, 0.1))["g[car]"]

    assert seen(record) == (Verdict.FAIL, True)
    assert (record.value, record.images, record.instances) == (0.0, 0, 0)
    assert record.reason == "car is in the delivery and nowhere in the gold"


@pytest.mark.parametrize("metric", ["recall", "good-object-share"])
def test_what_only_the_delivery_has_fails_a_bound_on_gold_objects_too(judge_objects, metric):
    gold = [{"person": [(200, 200, 9, 9)]}] * 4

    record = judge_objects(gold, DELIVERY, gate(metric, 0.1, "judge: bound"))["g[car]"]

    assert seen(record) == (Verdict.FAIL, True)


@pytest.mark.parametrize("metric", SIZED)
def test_a_size_the_gold_of_a_class_does_not_have_is_missing(judge_objects, metric):
    gold, delivery = [{"car": [BOXES["small"]]}], [{"car": [(*BOXES["small"], 90)]}]

    record = judge_objects(gold, delivery, sized(metric, "large", 0.5))["g@large[car]"]

    assert seen(record) == (Verdict.MISSING, True)
    assert record.reason == "no large gold object"


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("f1", Verdict.FAIL),
        ("precision", Verdict.FAIL),
        ("recall", Verdict.MISSING),
        ("matched-iou", Verdict.MISSING),
        ("ap", Verdict.MISSING),
        ("ar", Verdict.MISSING),
        ("boundary-ap", Verdict.MISSING),
    ],
)
def test_a_band_only_the_delivery_has_counts_where_extra_objects_do(judge_objects, metric, expected):
    gold = [{"car": [BOXES["small"]]}]
    delivery = [{"car": [(*BOXES["small"], 90), (*BOXES["large"], 80)]}]

    record = judge_objects(gold, delivery, sized(metric, "large", 0.5))["g@large[car]"]

    assert record.verdict is expected
    assert record.value == (0.0 if expected is Verdict.FAIL else None)
    extra = ", 1 extra" if expected is Verdict.FAIL else ""
    assert record.reason == f"no large gold object{extra}"


@pytest.mark.parametrize("metric", SIZED)
def test_a_band_of_which_nothing_is_found_is_zero_and_fails(judge_objects, metric):
    gold = [{"car": [BOXES["small"], BOXES["large"]]}]
    delivery = [{"car": [(*BOXES["small"], 90)]}]

    record = judge_objects(gold, delivery, sized(metric, "large", 0.5))["g@large[car]"]

    assert (record.verdict, record.value) == (Verdict.FAIL, 0.0)
    assert (record.images, record.instances) == (1, 1)


def test_nothing_matched_is_no_matched_iou_of_the_few(judge_objects):
    gold, delivery = [{"car": [(0, 0, 10, 10)]}], [{"car": [(0, 0, 4, 10)]}]

    record = judge_objects(gold, delivery, gate("matched-iou", 0.1, "support: {images: 9}"))["g[car]"]

    assert (record.verdict, record.value) == (Verdict.FAIL, 0.0)
    assert record.reason == "no car object has a match at IoU 0.5"


@pytest.mark.parametrize("metric", ASKED)
def test_images_without_the_class_change_nothing(judge_objects, metric):
    some = judge_objects(GOLD, DELIVERY, gate(metric, 0.1))["g[car]"]
    more = judge_objects([*GOLD, {}, {}], [*DELIVERY, {}, {}], gate(metric, 0.1))["g[car]"]

    assert more == some


@pytest.mark.parametrize(
    ("metric", "value"),
    [("f1", 6 / 9), ("recall", 0.6), ("precision", 0.75), ("matched-iou", 0.8), ("ar", 0.42)],
)
def test_all_objects_of_an_image_that_was_not_delivered_are_missed(judge_objects, metric, value):
    record = judge_objects([*GOLD, GOLD[0]], DELIVERY, gate(metric, 0.1))["g[car]"]

    assert record.value == pytest.approx(value, abs=1e-12)
    assert record.images == 5


# -- crowds -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", ASKED)
def test_what_lies_in_a_crowd_is_not_extra(judge_objects, metric):
    inside = {"car": [*DELIVERY[0]["car"], (210, 210, 10, 10, 95), (230, 230, 10, 10, 95)]}

    without = judge_objects(GOLD, DELIVERY, gate(metric, 0.1))["g[car]"]
    record = judge_objects(
        GOLD, [inside, *DELIVERY[1:]], gate(metric, 0.1), crowds=[(200, 200, 90, 90)]
    )["g[car]"]

    assert record.value == without.value
    assert record.instances == 12


@pytest.mark.parametrize("metric", ASKED)
def test_a_class_of_crowds_only_is_missing(judge_objects, metric):
    gold, delivery = [{"person": [(0, 0, 9, 9)]}], [{"car": [(210, 210, 10, 10, 95)]}]

    record = judge_objects(gold, delivery, gate(metric, 0.1), crowds=[(200, 200, 90, 90)])["g[car]"]

    assert record.verdict is Verdict.MISSING


def test_a_delivery_that_lies_in_crowds_only_has_no_precision_and_fails(judge_objects):
    gold, delivery = [{"car": [(0, 0, 9, 9)]}], [{"car": [(210, 210, 10, 10)]}]

    record = judge_objects(gold, delivery, gate("precision", 0.1), crowds=[(200, 200, 90, 90)])

    assert (record["g[car]"].verdict, record["g[car]"].value) == (Verdict.FAIL, 0.0)
    assert record["g[car]"].reason == "no delivered car object counts"


# -- the bound --------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", ["f1", "precision", "recall"])
def test_the_bound_on_objects_is_that_of_pixels_with_the_image_as_unit(judge_objects, metric):
    """Thirteen perfect images certify 0.8 and twelve do not, by the published rule."""
    perfect = {"car": [(0, 0, 10, 10), (50, 50, 10, 10)]}
    bound = gate(metric, 0.8, "judge: bound")

    enough = judge_objects([perfect] * 13, [perfect] * 13, bound)["g[car]"]
    few = judge_objects([perfect] * 12, [perfect] * 12, bound)["g[car]"]

    assert seen(enough) == (Verdict.PASS, False)
    assert enough.interval.lower == pytest.approx(0.802076, abs=1e-6)
    assert (few.verdict, few.images_needed) == (Verdict.THIN, 14)


def test_the_bound_fails_what_is_surely_below(judge_objects):
    gold = [{"car": [(k * 20, 0, 10, 10) for k in range(10)]}] * 5
    delivery = [{"car": [(k * 20, 0, 10, 10) for k in range(n)]} for n in (3, 3, 4, 3, 2)]

    record = judge_objects(gold, delivery, gate("recall", 0.8, "judge: bound"))["g[car]"]

    assert seen(record) == (Verdict.FAIL, True)
    assert record.reason.startswith("even the upper bound 0.")


def test_a_share_of_good_objects_can_be_judged_by_its_bound(judge_objects):
    gold = [{"car": [(0, 0, 10, 10)]}] * 13

    record = judge_objects(gold, gold, gate("good-object-share", 0.8, "judge: bound"))["g[car]"]

    assert record.verdict is Verdict.PASS


@pytest.mark.parametrize("metric", ["ap", "ar", "boundary-ap", "matched-iou"])
def test_what_has_no_bound_is_an_error_that_says_what_to_write(judge_objects, metric):
    record = judge_objects(GOLD, DELIVERY, gate(metric, 0.1, "judge: bound"))["g[car]"]

    assert seen(record) == (Verdict.ERROR, True)
    assert "has no bound" in record.reason
    assert "write `judge: estimate`, or gate f1" in record.reason
