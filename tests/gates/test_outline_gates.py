"""Gates on outlines: every metric, at its limit and just beyond it, and every odd case.

The batch: boxes of 20 x 20 pixels on images of 300 x 300, three of them delivered two pixels further
right and one grown by a pixel on every side.  By hand, with bands of one pixel and a tolerance of one:

- A box has an outline of 76 pixels.  Shifted by two, the rows above and below agree in 18 columns each,
  36 pixels; of the other 40, four lie one pixel off the other outline (at the ends of the rows that
  stick out, two, and beside the rows that do not, two) and 36 lie two off.  Both ways it is the same.
- The grown box has 84, all one pixel off but for its four corners, which are off by the root of two;
  the 76 within it are one off.
"""

from __future__ import annotations

import json
import math
from fractions import Fraction

import pytest
from judged_batches import seen

from segcore_gates.records import Record, Verdict
from segcore_gates.text import explain, headline

BOX = (100, 100, 20, 20)
GOLD = [{"car": [BOX]}] * 4
DELIVERY = [*[{"car": [(102, 100, 20, 20)]}] * 3, {"car": [(99, 99, 22, 22)]}]
DIAGONAL = math.hypot(300, 300)

PRECISION, RECALL = Fraction(3 * 40 + 80, 3 * 76 + 84), Fraction(3 * 40 + 76, 4 * 76)
SHARES = {
    "boundary-iou": ("dilation: 1px", Fraction(3 * 36, 3 * 116 + 160)),
    "nsd": ("tolerance_px: 1", Fraction(3 * 40 + 80 + 3 * 40 + 76, 3 * 76 + 84 + 4 * 76)),
    "boundary-f1": ("tolerance_px: 1", 2 * PRECISION * RECALL / (PRECISION + RECALL)),
}
"""What a gate is told, and what it finds."""

DISTANCES = {
    "hd95": 1.75,  # 2, 2, 2 and 1: the four corners are less than 5 % of 84
    "assd": (3 * (2 * (4 + 2 * 36) / 152) + (76 + 80 + 4 * math.sqrt(2)) / 160) / 4,
}

METRICS = [*SHARES, *DISTANCES]
FROM_ALL_TO_NOTHING = {**dict.fromkeys(SHARES, ("min", "0.1")), **dict.fromkeys(DISTANCES, ("max", "9"))}
"""A limit the batch keeps."""


def gate(metric, limit=None, *more):
    key, kept = FROM_ALL_TO_NOTHING[metric]
    keys = [f"metric: {metric}", f"{key}: {{default: {limit or kept}}}", "classes: [car]", *more]
    keys += [SHARES[metric][0]] if metric in SHARES else []
    return f"g: {{{', '.join(keys)}}}"


def around(metric):
    """The last decimal that is kept, and the first that is not."""
    value = SHARES[metric][1] if metric in SHARES else Fraction(f"{DISTANCES[metric]:.12f}")
    digits = 10 ** (16 if metric in SHARES else 12)
    whole = math.floor(value * digits)
    kept, broken = (whole, whole + 1) if metric in SHARES else (whole, whole - 1)
    return repr(kept / digits), repr(broken / digits)


# -- limits ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", METRICS)
def test_a_class_passes_at_its_limit_and_fails_just_beyond_it(judge_objects, metric):
    kept, broken = around(metric)

    at = judge_objects(GOLD, DELIVERY, gate(metric, kept))["g[car]"]
    beyond = judge_objects(GOLD, DELIVERY, gate(metric, broken))["g[car]"]

    assert seen(at) == (Verdict.PASS, False)
    assert at.value == pytest.approx(float(kept), abs=1e-12)
    assert seen(beyond) == (Verdict.FAIL, True)
    assert beyond.reason.startswith("below the floor" if metric in SHARES else "above the ceiling")


@pytest.mark.parametrize("metric", METRICS)
def test_the_soft_limit_warns(judge_objects, metric):
    key = "warn_below" if metric in SHARES else "warn_above"
    _, broken = around(metric)

    record = judge_objects(GOLD, DELIVERY, gate(metric, None, f"{key}: {{car: {broken}}}"))["g[car]"]

    assert seen(record) == (Verdict.WARN, False)
    assert (record.limit_kind, record.limit) == (key, float(broken))


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(
    ("support", "reason"),
    [("images: 5", "4 gold images < 5"), ("images: 4, instances: 5", "4 gold instances < 5")],
)
def test_too_little_gold_is_thin(judge_objects, metric, support, reason):
    enough = gate(metric, None, "support: {images: 4, instances: 4}")

    thin = judge_objects(GOLD, DELIVERY, gate(metric, None, f"support: {{{support}}}", "thin: error"))

    assert seen(thin["g[car]"]) == (Verdict.THIN, True)
    assert thin["g[car]"].reason == reason
    assert judge_objects(GOLD, DELIVERY, enough)["g[car]"].verdict is Verdict.PASS


@pytest.mark.parametrize("metric", METRICS)
def test_severity_warn_never_blocks(judge_objects, metric):
    _, broken = around(metric)

    record = judge_objects(GOLD, DELIVERY, gate(metric, broken, "severity: warn"))["g[car]"]

    assert seen(record) == (Verdict.WARN, False)


@pytest.mark.parametrize(
    ("tolerance", "nsd"),
    # Rows alone; what is one off; the corners at the root of two, but not what is two off; all.
    [
        ("0", Fraction(3 * 72, 616)),
        ("1", Fraction(396, 616)),
        ("1.5", Fraction(400, 616)),
        ("2", Fraction(1)),
    ],
)
def test_the_tolerance_is_in_pixels_and_reaches_what_lies_at_it(judge_objects, tolerance, nsd):
    gates = gate("nsd").replace("tolerance_px: 1", f"tolerance_px: {tolerance}")

    record = judge_objects(GOLD, DELIVERY, gates)["g[car]"]

    assert record.value == pytest.approx(float(nsd), abs=1e-15)


def test_gates_of_several_widths_and_tolerances_are_judged_in_one_policy(judge_objects):
    """A band as wide as the image leaves the plain IoU: three of 360 / 440, and 400 of 484 pixels."""
    gates = "\n".join([
        gate("boundary-iou").replace("g:", "narrow:"),
        gate("boundary-iou").replace("g:", "wide:").replace("1px", "300px"),
        gate("boundary-iou").replace("g:", "share:").replace("1px", "0.001"),
        gate("nsd").replace("g:", "near:"),
        gate("nsd").replace("g:", "nearer:").replace("tolerance_px: 1", "tolerance_px: 0"),
        "pixels: {metric: iou, min: {default: 0.1}, classes: [car]}",
    ])  # fmt: skip

    records = judge_objects(GOLD, DELIVERY, gates)

    assert records["narrow[car]"].value == pytest.approx(108 / 508)
    assert records["share[car]"].value == pytest.approx(108 / 508)  # 0.4 pixels are one at least
    assert records["wide[car]"].value == records["pixels[car]"].value
    assert records["wide[car]"].value == pytest.approx((3 * 360 + 400) / (3 * 440 + 484))
    assert records["near[car]"].value == pytest.approx(396 / 616)
    assert records["nearer[car]"].value == pytest.approx(216 / 616)
    assert records["wide[car]"].settings == {"dilation": "300px"}
    assert records["near[car]"].settings == {"tolerance_px": 1.0}


def test_a_limit_keeps_its_own_class_from_being_judged_by_another(judge_objects):
    gold = [{"car": [BOX], "person": [(10, 10, 20, 20)]}]
    delivery = [{"car": [BOX], "person": [(15, 10, 20, 20)]}]
    gates = "g: {metric: hd95, classes: [car, person], max: {default: 0, person: 5}}"

    records = judge_objects(gold, delivery, gates)

    assert (records["g[car]"].value, records["g[car]"].verdict) == (0.0, Verdict.PASS)
    assert (records["g[person]"].value, records["g[person]"].verdict) == (5.0, Verdict.PASS)


# -- what is on one side only, or on none -----------------------------------------------------------


@pytest.mark.parametrize("metric", METRICS)
def test_a_class_neither_side_has_is_missing_and_absent_says_what_it_does(judge_objects, metric):
    hard, soft = (
        judge_objects(GOLD, DELIVERY, gate(metric, None, *more).replace("car", "rider"))["g[rider]"]
        for more in ((), ("absent: warn",))
    )

    assert seen(hard) == (Verdict.MISSING, True)
    assert hard.value is None
    assert hard.reason == "neither gold nor delivery contains the class"
    assert seen(soft) == (Verdict.MISSING, False)


@pytest.mark.parametrize("metric", METRICS)
def test_a_class_that_was_not_delivered_fails_whatever_the_evidence(judge_objects, metric):
    delivery = [{"rider": [(10, 10, 5, 5)]}] * 4

    record = judge_objects(GOLD, delivery, gate(metric, None, "support: {images: 30}"))["g[car]"]

    assert seen(record) == (Verdict.FAIL, True)
    assert record.value == pytest.approx(0.0 if metric in SHARES else DIAGONAL)
    assert record.reason == "car is in 4 gold images and nowhere in the delivery"


@pytest.mark.parametrize("metric", METRICS)
def test_a_class_that_only_the_delivery_has_fails(judge_objects, metric):
    record = judge_objects([{"person": [BOX]}] * 4, DELIVERY, gate(metric))["g[car]"]

    assert seen(record) == (Verdict.FAIL, True)
    assert record.value == pytest.approx(0.0 if metric in SHARES else DIAGONAL)
    assert (record.images, record.instances) == (0, 0)
    assert record.reason == "car is in the delivery and nowhere in the gold"


@pytest.mark.parametrize("metric", METRICS)
def test_images_without_the_class_change_nothing(judge_objects, metric):
    some = judge_objects(GOLD, DELIVERY, gate(metric))["g[car]"]
    more = judge_objects([*GOLD, {}, {}], [*DELIVERY, {}, {}], gate(metric))["g[car]"]

    assert more == some


WITH_ONE_MISSED = {
    "boundary-iou": 108 / (508 + 76),
    "nsd": 396 / (616 + 76),
    "boundary-f1": float(2 * PRECISION * Fraction(196, 380) / (PRECISION + Fraction(196, 380))),
    "hd95": (4 * DISTANCES["hd95"] + DIAGONAL) / 5,
    "assd": (4 * DISTANCES["assd"] + DIAGONAL) / 5,
}


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("delivered", [True, False])
def test_an_image_of_which_nothing_was_delivered_counts_with_all_of_its_outline(
    judge_objects, metric, delivered
):
    record = judge_objects([*GOLD, GOLD[0]], [*DELIVERY, *([{}] if delivered else [])], gate(metric))

    assert record["g[car]"].value == pytest.approx(WITH_ONE_MISSED[metric], abs=1e-12)
    assert record["g[car]"].images == 5
    worst = {w.image: w for w in record["g[car]"].worst}
    assert worst["005"].value == pytest.approx(0 if metric in SHARES else DIAGONAL)
    assert worst["005"].reason == ("" if metric == "boundary-iou" else "only gold has it")


def test_an_image_in_which_only_the_delivery_has_the_class_is_as_far_off_as_it_is_large(judge_objects):
    record = judge_objects([*GOLD, {}], [*DELIVERY, {"car": [BOX]}], gate("hd95"))["g[car]"]

    assert record.value == pytest.approx((7 + DIAGONAL) / 5)
    assert record.images == 4
    assert record.worst[0].reason == "only the delivery has it"


@pytest.mark.parametrize("metric", METRICS)
def test_a_perfect_delivery_has_no_worst_image(judge_objects, metric):
    record = judge_objects(GOLD, GOLD, gate(metric, "1" if metric in SHARES else "0"))["g[car]"]

    assert seen(record) == (Verdict.PASS, False)
    assert record.worst == ()


# -- the bound --------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", ["boundary-iou", "nsd"])
def test_the_bound_on_outlines_is_that_of_pixels_with_the_image_as_unit(judge_objects, metric):
    """Thirteen perfect images certify 0.8 and twelve do not, by the published rule."""
    bound = gate(metric, "0.8", "judge: bound")

    enough = judge_objects(GOLD[:1] * 13, GOLD[:1] * 13, bound)["g[car]"]
    few = judge_objects(GOLD[:1] * 12, GOLD[:1] * 12, bound)["g[car]"]

    assert seen(enough) == (Verdict.PASS, False)
    assert enough.interval.lower == pytest.approx(0.802076, abs=1e-6)
    assert (few.verdict, few.images_needed) == (Verdict.THIN, 14)


@pytest.mark.parametrize("metric", ["boundary-iou", "nsd"])
def test_the_bound_fails_what_is_surely_below(judge_objects, metric):
    gold, delivery = GOLD * 2, DELIVERY * 2

    record = judge_objects(gold, delivery, gate(metric, "0.99", "judge: bound"))["g[car]"]

    assert seen(record) == (Verdict.FAIL, True)
    assert record.reason.startswith("even the upper bound 0.")


@pytest.mark.parametrize("metric", ["boundary-f1", "hd95", "assd"])
def test_what_has_no_bound_is_an_error_that_says_what_to_write(judge_objects, metric):
    record = judge_objects(GOLD, DELIVERY, gate(metric, None, "judge: bound"))["g[car]"]

    assert seen(record) == (Verdict.ERROR, True)
    assert "has no bound, because it is" in record.reason
    assert record.reason.endswith("write `judge: estimate`, or gate nsd")


# -- what the record says -----------------------------------------------------------------------------


def test_the_images_that_are_farthest_off_come_first(judge_objects):
    delivery = [{"car": [(100 + k, 100, 20, 20)]} for k in (1, 4, 0, 2)]

    record = judge_objects(GOLD, delivery, gate("hd95"))["g[car]"]

    assert [(w.image, w.value) for w in record.worst] == [("002", 4.0), ("004", 2.0), ("001", 1.0)]


@pytest.mark.parametrize("metric", SHARES)
def test_the_images_of_least_agreement_come_first(judge_objects, metric):
    delivery = [{"car": [(100 + k, 100, 20, 20)]} for k in (2, 9, 0, 3)]

    record = judge_objects(GOLD, delivery, gate(metric))["g[car]"]

    assert [w.image for w in record.worst] == ["002", "004", "001"]


@pytest.mark.parametrize("metric", METRICS)
def test_the_record_says_which_classes_missed_and_extra_pixels_were_given_to(judge_objects, metric):
    delivery = [{"car": [(100, 100, 15, 20)], "rider": [(115, 100, 5, 20)]}] * 4

    record = judge_objects(GOLD, delivery, gate(metric))["g[car]"]

    assert [c.describe("car") for c in record.confusions] == ["100 % of missed car pixels went to rider"]


@pytest.mark.parametrize("metric", METRICS)
def test_records_of_outlines_survive_json_and_say_their_unit(judge_objects, metric):
    record = judge_objects(GOLD, DELIVERY, gate(metric))["g[car]"]

    again = Record.from_json(json.loads(json.dumps(record.to_json())))

    assert again == record
    assert record.to_json().get("unit") == (None if metric in SHARES else "px")


@pytest.mark.parametrize(
    ("metric", "limit", "said"),
    [
        ("hd95", "1.5", "HD95 1.75 px > 1.5 px  (car, over by 0.25 px)"),
        ("hd95", "1.7499", "HD95 1.7500 px > 1.7499 px  (car, over by 1.0e-04 px)"),
        ("assd", "1", "ASSD 1.003 px > 1.000 px  (car, over by 2.6e-03 px)"),
        ("nsd", "0.7", "NSD@1px 0.6429 < 0.70  (car, short by 0.0571)"),
        ("boundary-f1", "0.7", "boundary F1@1px 0.6429 < 0.70  (car, short by 0.0571)"),
        ("boundary-iou", "0.7", "boundary IoU@1px 0.2126 < 0.70  (car, short by 0.4874)"),
    ],
)
def test_a_failure_is_said_with_its_unit_and_with_what_decides_on_its_meaning(
    judge_objects, metric, limit, said
):
    record = judge_objects(GOLD, DELIVERY, gate(metric, limit))["g[car]"]

    assert headline(record) == said


def test_distances_of_the_worst_images_have_their_unit(judge_objects):
    record = judge_objects([*GOLD, GOLD[0]], [*DELIVERY, {}], gate("hd95"))["g[car]"]

    lines = explain(record, policy="p", node_id="p::g[car]").splitlines()

    assert lines[2:5] == [
        "  worst images       HD95",
        "  005           424.26 px  only gold has it",
        "  001             2.00 px",
    ]


def test_ids_do_not_change_with_widths_tolerances_and_limits(judge_objects):
    for limit, told in (("0.1", "dilation: 1px"), ("0.9", "dilation: 0.02")):
        gates = gate("boundary-iou", limit).replace("dilation: 1px", told)
        assert list(judge_objects(GOLD, DELIVERY, gates)) == ["coverage", "g[car]"]
