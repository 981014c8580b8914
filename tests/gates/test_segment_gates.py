"""Gates on panoptic quality: every metric, at its limit and just below, and every odd case."""

from __future__ import annotations

import json
import math
from fractions import Fraction

import pytest
from judged_batches import seen
from scipy import optimize, stats

from segcore_gates.records import Record, Verdict
from segcore_gates.text import headline

ONTOLOGY = (
    "ontology: {classes: [{id: 1, name: car, thing: true}, {id: 2, name: person, thing: true}, "
    "{id: 3, name: rider, thing: false}]}\n"
)
"""Riders stand for stuff: all of them in an image are one segment."""

CAR, GROUND = (0, 0, 40, 40), (0, 200, 300, 100)
GOLD = [{"car": [CAR], "rider": [GROUND]}] * 4
DELIVERY = [
    *[{"car": [(0, 0, 32, 40)], "rider": [GROUND]}] * 3,
    {"car": [(200, 200, 100, 100)], "rider": [(0, 200, 200, 100)]},
]
"""Cars: three found at IoU 0.8, one missed, one extra on the ground.  Ground: 1, 1, 1 and 2/3."""

CARS = {"pq": "0.6", "sq": "0.8", "rq": "0.75"}
"""2.4 / (3 + 1/2 + 1/2), 2.4 / 3 and 3 / 4."""

STUFF = (3 + 2 / 3) / 4
MEANS = {"all": (0.6 + STUFF) / 2, "things": 0.6, "stuff": STUFF}


@pytest.fixture
def judge(judge_objects):
    def judged(gold, delivery, gates, **options):
        return judge_objects(gold, delivery, gates, ontology=ONTOLOGY, **options)

    return judged


def gate(metric, limit=0.1, *more):
    return f"g: {{{', '.join([f'metric: {metric}', f'min: {{default: {limit}}}', *more])}}}"


# -- limits ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", CARS)
def test_a_class_passes_at_its_limit_and_fails_just_below_it(judge, metric):
    limit = CARS[metric]

    at = judge(GOLD, DELIVERY, gate(metric, limit, "classes: [car]"))["g[car]"]
    below = judge(GOLD, DELIVERY, gate(metric, limit + "0000000001", "classes: [car]"))["g[car]"]

    assert seen(at) == (Verdict.PASS, False)
    assert at.value == pytest.approx(float(limit), abs=1e-12)
    assert (at.images, at.instances) == (4, 4)
    assert seen(below) == (Verdict.FAIL, True)
    assert below.reason == f"below the floor of {limit}0000000001"


def test_recognition_quality_is_compared_exactly(judge):
    """One of two found and nothing extra: 1 / (1 + 1/2)."""
    gold = [{"car": [CAR, (100, 0, 40, 40)]}]
    delivery = [{"car": [CAR]}]

    at, above = (judge(gold, delivery, gate("rq", f"0.666666666666666{d}"))["g[car]"] for d in "67")

    assert (at.verdict, above.verdict) == (Verdict.PASS, Verdict.FAIL)


def test_stuff_is_judged_as_one_segment_an_image(judge):
    gold = [{"rider": [(0, 0, 100, 100), (200, 200, 50, 50)]}]
    delivery = [{"rider": [(0, 0, 100, 100)]}]

    record = judge(gold, delivery, gate("pq", 0.8, "classes: stuff"))["g[rider]"]

    assert record.value == 10000 / 12500
    assert (record.verdict, record.instances) == (Verdict.PASS, 1)


@pytest.mark.parametrize("metric", CARS)
def test_below_the_soft_limit_warns(judge, metric):
    soft = f"warn_below: {{car: {CARS[metric]}01}}"

    record = judge(GOLD, DELIVERY, gate(metric, 0.1, soft, "classes: [car]"))["g[car]"]

    assert seen(record) == (Verdict.WARN, False)
    assert (record.limit_kind, record.limit) == ("warn_below", float(CARS[metric] + "01"))


@pytest.mark.parametrize("metric", CARS)
@pytest.mark.parametrize(
    ("support", "reason"),
    [("images: 5", "4 gold images < 5"), ("images: 4, instances: 5", "4 gold instances < 5")],
)
def test_too_little_gold_is_thin(judge, metric, support, reason):
    enough = gate(metric, 0.1, "support: {images: 4, instances: 4}")

    thin = judge(GOLD, DELIVERY, gate(metric, 0.1, f"support: {{{support}}}", "thin: error"))

    assert seen(thin["g[car]"]) == (Verdict.THIN, True)
    assert thin["g[car]"].reason == reason
    assert judge(GOLD, DELIVERY, enough)["g[car]"].verdict is Verdict.PASS


# -- what is on one side only, or on none -----------------------------------------------------------


@pytest.mark.parametrize("metric", CARS)
def test_a_class_neither_side_has_is_missing_and_absent_says_what_it_does(judge, metric):
    hard, soft = (
        judge(GOLD, DELIVERY, gate(metric, 0.1, *more))["g[person]"] for more in ((), ("absent: warn",))
    )

    assert seen(hard) == (Verdict.MISSING, True)
    assert hard.reason == "neither gold nor delivery contains segments of the class"
    assert seen(soft) == (Verdict.MISSING, False)


@pytest.mark.parametrize("metric", CARS)
def test_a_class_that_was_not_delivered_is_zero_and_fails(judge, metric):
    delivery = [{"rider": [GROUND]}] * 4

    record = judge(GOLD, delivery, gate(metric, 0.1, "support: {images: 30}"))["g[car]"]

    assert (record.verdict, record.value) == (Verdict.FAIL, 0.0)
    assert record.reason == "car is in 4 gold images and nowhere in the delivery"


@pytest.mark.parametrize("metric", CARS)
def test_a_class_that_only_the_delivery_has_is_zero_and_fails(judge, metric):
    gold = [{"person": [CAR], "rider": [GROUND]}] * 4

    record = judge(gold, DELIVERY, gate(metric))["g[car]"]

    assert (record.verdict, record.value) == (Verdict.FAIL, 0.0)
    assert (record.images, record.instances) == (0, 0)
    assert record.reason == "car is in the delivery and nowhere in the gold"


@pytest.mark.parametrize("metric", CARS)
def test_what_is_delivered_in_void_alone_is_ignored(judge, metric):
    delivery = [{**image, "person": [(100, 0, 40, 40)]} for image in DELIVERY]

    assert judge(GOLD, delivery, gate(metric))["g[person]"].verdict is Verdict.MISSING


@pytest.mark.parametrize("metric", CARS)
def test_what_lies_in_a_crowd_is_not_extra(judge, metric):
    without = judge(GOLD, DELIVERY, gate(metric))["g[car]"]
    inside = [{**DELIVERY[0], "car": [(0, 0, 32, 40), (105, 5, 20, 20)]}, *DELIVERY[1:]]

    record = judge(GOLD, inside, gate(metric), crowds=[(100, 0, 90, 90)])["g[car]"]

    assert (record.value, record.instances) == (without.value, 4)


@pytest.mark.parametrize("metric", CARS)
def test_nothing_that_matches_is_zero(judge, metric):
    gold, delivery = [{"car": [CAR]}], [{"car": [(0, 0, 20, 40)]}]  # IoU 0.5 is no match

    record = judge(gold, delivery, gate(metric))["g[car]"]

    assert (record.verdict, record.value) == (Verdict.FAIL, 0.0)


def test_nothing_that_matches_settles_the_segmentation_quality(judge):
    gold, delivery = [{"car": [CAR]}], [{"car": [(0, 0, 20, 40)]}]

    record = judge(gold, delivery, gate("sq", 0.1, "support: {images: 9}"))["g[car]"]

    assert seen(record) == (Verdict.FAIL, True)
    assert record.reason == "no car segment has a match"


@pytest.mark.parametrize("metric", CARS)
def test_images_without_the_class_change_nothing(judge, metric):
    more = [{"rider": [GROUND]}] * 2

    some = judge(GOLD, DELIVERY, gate(metric))["g[car]"]

    assert judge([*GOLD, *more], [*DELIVERY, *more], gate(metric))["g[car]"] == some


@pytest.mark.parametrize(("metric", "value"), [("pq", 2.4 / 4.5), ("sq", 0.8), ("rq", 3 / 4.5)])
def test_all_segments_of_an_image_that_was_not_delivered_are_missed(judge, metric, value):
    record = judge([*GOLD, GOLD[0]], DELIVERY, gate(metric))["g[car]"]

    assert record.value == pytest.approx(value, abs=1e-12)
    assert record.images == 5


# -- means ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kinds", MEANS)
def test_a_mean_is_over_the_classes_of_its_kind_that_occur(judge, kinds):
    limit = math.floor(MEANS[kinds] * 10**9) / 10**9

    records = judge(
        GOLD,
        DELIVERY,
        f"g: {{metric: mean-pq, classes: {kinds}, min: {limit}}}\n"
        f"h: {{metric: mean-pq, classes: {kinds}, min: {limit + 1e-8:.9f}}}",
    )

    assert records["g"].value == pytest.approx(MEANS[kinds], abs=1e-12)
    assert (records["g"].verdict, records["h"].verdict) == (Verdict.PASS, Verdict.FAIL)
    assert records["g"].settings == {"classes": kinds}
    said = "mean PQ" if kinds == "all" else f"mean PQ of {kinds}"
    assert headline(records["h"]).startswith(f"{said} 0.")


def test_a_mean_of_no_class_is_missing(judge):
    only_things = [{"car": [CAR]}]

    record = judge(only_things, only_things, "g: {metric: mean-pq, classes: stuff, min: 0}")["g"]

    assert seen(record) == (Verdict.MISSING, True)
    assert record.reason == "no class of stuff has a segment in gold or delivery"


def test_a_class_on_one_side_only_is_zero_in_the_mean(judge):
    gold = [{"car": [CAR], "person": [(100, 0, 40, 40)]}]

    record = judge(gold, [{"car": [CAR]}], "g: {metric: mean-pq, min: 0.5, warn_below: 0.51}")["g"]

    assert (record.verdict, record.value) == (Verdict.WARN, 0.5)


def test_a_mean_of_few_images_is_thin(judge):
    record = judge(GOLD, DELIVERY, "g: {metric: mean-pq, min: 0.1, support: {images: 5}}")["g"]

    assert record.reason == "4 gold images < 5"


# -- the bound --------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", ["pq", "rq"])
def test_the_bound_on_segments_is_that_of_pixels_with_the_image_as_unit(judge, metric):
    """Thirteen perfect images certify 0.8 and twelve do not, by the published rule."""
    bound = gate(metric, 0.8, "judge: bound", "classes: [car]")

    enough = judge(GOLD[:1] * 13, GOLD[:1] * 13, bound)["g[car]"]
    few = judge(GOLD[:1] * 12, GOLD[:1] * 12, bound)["g[car]"]

    assert seen(enough) == (Verdict.PASS, False)
    assert enough.interval.lower == pytest.approx(0.802076, abs=1e-6)
    assert (few.verdict, few.images_needed) == (Verdict.THIN, 14)


def test_the_bound_of_panoptic_quality_is_that_of_a_ratio_of_sums_over_images(judge):
    """Student's t of I - L x U over the images and one miss of root mean square size, restated."""
    gold = [{"car": [(0, 0, 40, 40), *([(100, 0, 40, 40)] if k % 2 else [])]} for k in range(9)]
    delivery = [{"car": [(0, 0, 36 - k, 40)]} for k in range(9)]
    parts = [2 * (36 - k) / 40 for k in range(9)]  # twice the IoU of the one match
    wholes = [2 + k % 2 for k in range(9)]  # 2 TP + FP + FN

    record = judge(gold, delivery, gate("pq", 0.1))["g[car]"]

    miss = math.sqrt(sum(u * u for u in wholes) / 9)
    points = [*zip(parts, wholes, strict=True), (0, miss)]

    def excess(limit):
        apart = [i - limit * u for i, u in points]
        mean = sum(apart) / 10
        variance = sum((d - mean) ** 2 for d in apart) / 9
        return mean / math.sqrt(variance / 10) - stats.t.ppf(0.95, 9)

    assert record.value == pytest.approx(sum(parts) / sum(wholes), abs=1e-12)
    assert record.interval.lower == pytest.approx(optimize.brentq(excess, 0, 0.9), abs=1e-9)
    assert (record.interval.images, record.interval.confidence) == (9, 0.95)


@pytest.mark.parametrize(("metric", "limit"), [("pq", 0.9), ("rq", 0.9)])
def test_the_bound_fails_what_is_surely_below(judge, metric, limit):
    gold = [{"car": [CAR, (100, 0, 40, 40), (200, 0, 40, 40)]}] * 6
    delivery = [{"car": [CAR]}] * 5 + [{"car": [CAR, (100, 0, 40, 40)]}]

    record = judge(gold, delivery, gate(metric, limit, "judge: bound"))["g[car]"]

    assert seen(record) == (Verdict.FAIL, True)
    assert record.reason.startswith("even the upper bound 0.")


@pytest.mark.parametrize(
    ("gates", "record", "advice"),
    [
        (gate("sq", 0.1, "judge: bound"), "g[car]", "or gate pq"),
        ("g: {metric: mean-pq, min: 0.1, judge: bound}", "g", "write `judge: estimate`"),
    ],
)
def test_what_has_no_bound_is_an_error_that_says_what_to_write(judge, gates, record, advice):
    found = judge(GOLD, DELIVERY, gates)[record]

    assert seen(found) == (Verdict.ERROR, True)
    assert "has no bound" in found.reason
    assert found.reason.endswith(advice)


# -- what the record says -----------------------------------------------------------------------------


@pytest.mark.parametrize(("metric", "lowest"), [("pq", 0.8), ("sq", 0.8), ("rq", None)])
def test_the_worst_images_come_first_with_their_counts(judge, metric, lowest):
    worst = judge(GOLD, DELIVERY, gate(metric))["g[car]"].worst

    shown = [(w.image, w.value, w.reason) for w in worst]
    missed = [("004", 0.0, "0 matched, 1 missed, 1 extra")] if metric != "sq" else []
    rest = (
        [] if lowest is None else [(f"00{k}", lowest, "1 matched, 0 missed, 0 extra") for k in (1, 2, 3)]
    )
    assert shown == [*missed, *rest]


@pytest.mark.parametrize("metric", CARS)
def test_the_record_says_what_missed_and_extra_segments_are(judge, metric):
    gold = [{"car": [CAR, (100, 0, 40, 40)]}]
    delivery = [{"person": [CAR], "car": [(100, 0, 40, 40)]}]

    records = judge(gold, delivery, gate(metric))

    assert [c.describe("car") for c in records["g[car]"].confusions] == [
        "100 % of missed car segments (1) were delivered as person"
    ]
    assert [c.describe("person") for c in records["g[person]"].confusions] == [
        "100 % of extra person segments (1) are car in the gold"
    ]


def test_records_of_segments_survive_json(judge):
    gold = [{"car": [CAR]}]

    record = judge(gold, [{"person": [CAR]}], gate("pq"))["g[car]"]

    assert Record.from_json(json.loads(json.dumps(record.to_json()))) == record
    assert record.to_json()["confusions"] == [
        {"class": "person", "direction": "missed", "segments": 1, "share": 1.0}
    ]


def test_gates_on_pixels_objects_and_segments_are_judged_in_one_policy(judge):
    gates = (
        "pixels: {metric: iou, classes: [car], min: {default: 0.1}}\n"
        "far: {metric: hd95, classes: [car], max: {default: 300}}\n"
        "found: {metric: f1, iou: 0.5, classes: [car], min: {default: 0.75}}\n"
        "panoptic: {metric: pq, classes: [car], min: {default: 0.6}}"
    )

    records = judge(GOLD, DELIVERY, gates)

    assert {r.verdict for r in records.values()} == {Verdict.PASS}
    # Three of 1280 / 1600 pixels; the fourth adds 1600 missed and 10000 extra ones.
    assert records["pixels[car]"].value == pytest.approx(float(Fraction(3840, 4800 + 11600)))
