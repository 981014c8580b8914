"""Gates on objects: every metric and size band, at its limit and just below, and every odd case."""

from __future__ import annotations

import json
from fractions import Fraction

import pytest

from segcore_gates.metrics.finding import exact
from segcore_gates.records import Record, Verdict

SIZES = ("small", "medium", "large")
BOXES = {"small": (180, 0, 10, 10), "medium": (120, 0, 40, 40), "large": (0, 0, 100, 100)}
"""A gold object of each size: 100, 1600 and 10000 pixels."""


def narrower(box, score):
    """Four fifths of a box: IoU 0.8."""
    x, y, w, h = box
    return x, y, 4 * w // 5, h, score


def moved(box, score):
    """The same box where no gold object is."""
    x, y, w, h = box
    return x, y + 150, w, h, score


GOLD = [{"car": list(BOXES.values())}] * 4
DELIVERY = [
    *({"car": [narrower(box, score) for box in BOXES.values()]} for score in (90, 80, 70)),
    {"car": [moved(box, 60) for box in BOXES.values()]},
]
"""Of each size: three found at IoU 0.8, one missed, one extra, which the delivery is least sure of."""

ASKED = {
    "f1": ("iou: 0.5", "0.75"),
    "precision": ("iou: 0.5", "0.75"),
    "recall": ("iou: 0.8", "0.75"),
    "matched-iou": ("iou: 0.5", "0.8"),
    # 100 pixels ask for 0.4, 1000 and more for 0.9: the three small ones of the twelve
    "good-object-share": ("curve: {100: 0.4, 1000: 0.9}", "0.25"),
    # 76 of the 101 recalls are reached, at precision 1; of ten overlaps by seven
    "ap": ('iou: "0.5"', "0.752475247525"),
    "ar": ('iou: "0.5:0.95"', "0.525"),
    # Bands of two pixels of the found ones: 44/76, 200/376 and 512/976, all above a half
    "boundary-ap": ('iou: "0.5", dilation: 2px', "0.752475247525"),
}
"""What a gate is told, and what it finds of the scene above; by hand."""

SIZED = [metric for metric in ASKED if metric != "good-object-share"]


def gate(metric, limit, *more):
    keys = [f"metric: {metric}", ASKED[metric][0], f"min: {{default: {limit}}}", "classes: [car]", *more]
    return f"g: {{{', '.join(keys)}}}"


def sized(metric, size, limit):
    return (
        f"g: {{metric: {metric}, {ASKED[metric][0]}, classes: [car], "
        f"sizes: {{{size}: {{default: {limit}}}}}}}"
    )


def a_bit_more(limit):
    return f"{float(limit) + 0.0001:.4f}"


def seen(record: Record) -> tuple[Verdict, bool]:
    return record.verdict, record.blocks


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


# -- scores -----------------------------------------------------------------------------------------


def unscored(images):
    return [{n: [box[:4] for box in boxes] for n, boxes in image.items()} for image in images]


@pytest.mark.parametrize("metric", ["ap", "ar", "boundary-ap"])
def test_a_delivery_without_scores_has_no_ap_and_the_reason_names_the_right_gates(judge_objects, metric):
    record = judge_objects(GOLD, unscored(DELIVERY), gate(metric, 0.1))["g[car]"]

    assert seen(record) == (Verdict.ERROR, True)
    assert record.value is None
    assert "gate people's work with f1 or pq" in record.reason
    assert "`scores: equal`" in record.reason


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ("equal", 76 * 9 / 10 / 101),  # one point: 9 of 10 are right, 9 of 12 found
        ("area", (51 + 25 * 9 / 10) / 101),  # large and medium, then the extra of 100 px, then 80 px
    ],
)
def test_a_policy_may_state_what_stands_for_scores(judge_objects, rule, value):
    delivery = unscored([*DELIVERY[:3], {"car": DELIVERY[3]["car"][:1]}])

    record = judge_objects(GOLD, delivery, gate("ap", 0.1, f"scores: {rule}"))["g[car]"]

    assert record.verdict is Verdict.PASS
    assert record.value == pytest.approx(value, abs=1e-12)
    assert record.settings == {"iou": "0.5", "scores": rule}


def test_gates_that_rank_differently_are_judged_in_one_policy(judge_objects):
    gates = "\n".join(
        [gate("ap", 0.1, f"scores: {rule}").replace("g:", f"{rule}:") for rule in ("equal", "area")]
        + [gate("f1", 0.75).replace("g:", "f:"), gate("ap", 0.752475).replace("g:", "own:")]
    )

    records = judge_objects(GOLD, DELIVERY, gates)

    assert records["equal[car]"].value == pytest.approx(0.75 * 76 / 101, abs=1e-12)
    assert records["area[car]"].value < records["own[car]"].value
    assert records["f[car]"].verdict is Verdict.PASS


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


# -- sizes and curves ---------------------------------------------------------------------------------


def test_an_object_of_exactly_32_by_32_pixels_is_in_both_bands_as_coco_has_it(judge_objects):
    gold = [{"car": [(0, 0, 32, 32)]}]
    gates = (
        "g: {metric: f1, iou: 0.5, classes: [car], "
        "sizes: {small: {default: 1}, medium: {default: 1}, large: {default: 1}}}"
    )

    records = judge_objects(gold, gold, gates, defaults=", absent: warn")

    assert [records[f"g@{size}[car]"].verdict for size in SIZES] == [
        Verdict.PASS,
        Verdict.PASS,
        Verdict.MISSING,
    ]


def test_an_extra_object_belongs_to_the_band_of_its_own_area(judge_objects):
    gold = [{"car": [BOXES["small"], BOXES["large"]]}]
    delivery = [{"car": [BOXES["small"], BOXES["large"], (200, 200, 10, 10)]}]
    gates = (
        "g: {metric: precision, iou: 0.5, classes: [car], "
        "sizes: {small: {default: 0.5}, large: {default: 1}}}"
    )

    records = judge_objects(gold, delivery, gates)

    assert records["g@small[car]"].value == 0.5
    assert records["g@large[car]"].value == 1.0


CURVE = "g: {metric: good-object-share, curve: {100: 0.4, 1000: 0.9}, classes: [car], min: {default: 1}}"


@pytest.mark.parametrize(
    ("gold", "delivered_width", "good"),
    [
        # width x height of gold; the delivered box is narrower, its IoU the quotient of the widths
        ((10, 10), 4, True),  # 100 px: 0.4
        ((10, 5), 4, True),  # 50 px, still 0.4
        ((10, 5), 3, False),
        ((100, 10), 90, True),  # 1000 px: 0.9
        ((100, 10), 89, False),
        ((100, 30), 90, True),  # 3000 px, still 0.9
        ((100, 30), 89, False),
        ((55, 10), 36, True),  # 550 px: 0.65; 36/55 = 0.6545
        ((55, 10), 35, False),  # 0.636
        ((20, 14), 10, True),  # 280 px: 0.4 + 0.5 x 180 / 900 = 0.5, which is 10/20
        ((100, 64), 90, True),
        ((50, 14), 36, False),  # 700 px: 0.7333; 36/50 = 0.72
        ((50, 14), 37, True),  # 0.74
    ],
)
def test_the_curve_asks_for_an_iou_by_the_area_of_the_gold_object(
    judge_objects, gold, delivered_width, good
):
    (w, h) = gold

    record = judge_objects([{"car": [(0, 0, w, h)]}], [{"car": [(0, 0, delivered_width, h)]}], CURVE)[
        "g[car]"
    ]

    assert record.value == (1.0 if good else 0.0)


def test_an_iou_on_the_curve_is_reached_where_floats_would_miss_it(judge_objects):
    """460 pixels ask for exactly 0.6; numpy.interp gives 0.6000000000000001."""
    import numpy as np

    assert np.interp(460, [100, 1000], [0.4, 0.9]) > 0.6

    record = judge_objects([{"car": [(0, 0, 20, 23)]}], [{"car": [(0, 0, 12, 23)]}], CURVE)["g[car]"]

    assert record.verdict is Verdict.PASS


def test_missed_objects_are_below_the_curve_even_where_it_asks_for_nothing(judge_objects):
    gates = CURVE.replace("100: 0.4", "100: 0")

    record = judge_objects([{"car": [(0, 0, 5, 5)]}, {}], [{}, {"car": [(0, 0, 5, 5)]}], gates)

    assert (record["g[car]"].verdict, record["g[car]"].value) == (Verdict.FAIL, 0.0)


# -- what the record says -----------------------------------------------------------------------------


def test_the_record_says_what_missed_objects_were_delivered_as(judge_objects):
    gold = [{"person": [(0, 0, 10, 10), (50, 0, 10, 10), (100, 0, 10, 10), (150, 0, 10, 10)]}]
    delivery = [{"rider": [(0, 0, 10, 10), (50, 0, 10, 10)], "car": [(100, 0, 10, 10)], "person": []}]
    gates = gate("recall", 0.1).replace("car", "person")

    record = judge_objects(gold, delivery, gates)["g[person]"]

    assert [c.describe("person") for c in record.confusions] == [
        "50 % of missed person objects (2) were delivered as rider",
        "25 % of missed person objects (1) were delivered as car",
    ]
    assert record.to_json()["confusions"][0] == {
        "class": "rider",
        "direction": "missed",
        "objects": 2,
        "share": 0.5,
    }


def test_the_record_says_what_extra_objects_are_in_the_gold(judge_objects):
    gold = [{"person": [(0, 0, 10, 10)], "car": [(100, 0, 10, 10)]}]
    delivery = [{"car": [(0, 0, 10, 10), (100, 0, 10, 10)]}]

    record = judge_objects(gold, delivery, gate("f1", 0.1))["g[car]"]

    assert [c.describe("car") for c in record.confusions] == [
        "100 % of extra car objects (1) are person in the gold"
    ]


@pytest.mark.parametrize("metric", ["f1", "ap"])
def test_the_worst_images_come_first_with_their_counts(judge_objects, metric):
    record = judge_objects(GOLD, DELIVERY[3:] + DELIVERY[:3], gate(metric, 0.1))["g[car]"]

    assert [(w.image, w.value, w.reason) for w in record.worst] == [
        ("001", 0.0, "0 matched, 3 missed, 3 extra")
    ]


def test_an_object_that_is_too_bad_for_its_size_is_said_to_be_not_good(judge_objects):
    record = judge_objects(GOLD, DELIVERY, gate("good-object-share", 0.1))["g[car]"]

    assert [(w.image, w.reason) for w in record.worst] == [
        ("004", "0 good, 3 not"),
        ("001", "1 good, 2 not"),
        ("002", "1 good, 2 not"),
        ("003", "1 good, 2 not"),
    ]
    assert record.confusions == ()


def test_records_of_objects_survive_json_and_hold_their_settings(judge_objects):
    gates = "\n".join(gate(m, 0.76).replace("g:", f"{m}:") for m in ASKED)

    records = judge_objects(GOLD, DELIVERY, gates)

    for record in records.values():
        assert Record.from_json(json.loads(json.dumps(record.to_json()))) == record
    assert records["ar[car]"].to_json()["settings"] == {"iou": "0.5:0.95"}
    assert records["good-object-share[car]"].to_json()["settings"] == {
        "curve": {"100": 0.4, "1000": 0.9}
    }
    assert "settings" not in records["coverage"].to_json()


def test_ids_do_not_change_with_thresholds(judge_objects):
    low, high = (
        judge_objects(
            GOLD,
            DELIVERY,
            f"g: {{metric: f1, iou: {iou}, min: {{default: {limit}}}, sizes: {{small: {{car: {limit}, "
            f"default: {limit}}}}}}}",
        )
        for iou, limit in ((0.5, 0.1), (0.75, 0.9))
    )

    assert list(low) == list(high)
    assert [name for name in low if "car" in name] == ["g[car]", "g@small[car]"]


def test_the_order_of_images_and_objects_does_not_matter(judge_objects):
    gates = "\n".join(gate(m, 0.5).replace("g:", f"{m}:") for m in ASKED)
    backwards = [{"car": image["car"][::-1]} for image in DELIVERY]

    assert judge_objects(GOLD, DELIVERY, gates) == judge_objects(GOLD, backwards, gates)
