"""Classes that are judged together: what is counted of each is summed image by image.

The batch, of which persons and riders are the group ``rare``; boxes are left, top, width, height:

- 001: a person of 100 x 10, delivered as 80 x 10;
- 002: a rider of 10 x 10, delivered as a person: wrong for either class;
- 003: a person of 50 x 20 and a rider of 20 x 20, both perfect;
- 004: a car.
"""

from __future__ import annotations

import json
from fractions import Fraction

import pytest
from judged_batches import seen

from segcore_gates.errors import PolicyError
from segcore_gates.policy_file import load_policy
from segcore_gates.records import Verdict

GROUPS = "groups: {rare: [rider, person]}\n"
THINGS = (
    "ontology: {classes: [{id: 1, name: car, thing: true}, {id: 2, name: person, thing: true}, "
    "{id: 3, name: rider, thing: true}]}\n"
)
CAR = {"car": [(20, 20, 30, 30)]}
GOLD = [
    {"person": [(50, 50, 100, 10)]},
    {"rider": [(50, 50, 10, 10)]},
    {"person": [(50, 100, 50, 20)], "rider": [(50, 50, 20, 20)]},
    CAR,
]
DELIVERY = [{"person": [(50, 50, 80, 10)]}, {"person": [(50, 50, 10, 10)]}, GOLD[2], CAR]

FOUND = {
    "iou": ("", Fraction(800 + 1400, 1000 + 2 * 100 + 1400)),
    # Outlines: 216 against 176 with 168 in common, 36 and 36 apart, 136 and 76 alike
    "boundary-iou": ("dilation: 1px", Fraction(168 + 212, 224 + 72 + 212)),
    "nsd": ("tolerance_px: 0", Fraction(2 * 168 + 2 * 212, 392 + 72 + 424)),
    "boundary-f1": ("tolerance_px: 0", Fraction(2 * 380, 464 + 424)),
    # Three found, one missed, one extra
    "f1": ("iou: 0.5", Fraction(6, 8)),
    "precision": ("iou: 0.5", Fraction(3, 4)),
    "recall": ("iou: 0.5", Fraction(3, 4)),
    "matched-iou": ("iou: 0.5", Fraction(28, 30)),
    "good-object-share": ("curve: {100: 0.9, 1000: 0.9}", Fraction(2, 4)),
    "pq": ("", Fraction(28, 10) / 4),
    "rq": ("", Fraction(3, 4)),
    "sq": ("", Fraction(28, 30)),
}
"""What a gate is told, and what it finds of the group."""


def gate(metric, limit="0.1", *more):
    keys = [
        f"metric: {metric}",
        f"min: {{default: {limit}}}",
        "classes: [rare]",
        FOUND[metric][0],
        *more,
    ]
    return f"g: {{{', '.join(filter(None, keys))}}}"


@pytest.fixture
def judge(judge_objects):
    def judged(gates, **options):
        return judge_objects(GOLD, DELIVERY, gates, ontology=THINGS + GROUPS, **options)

    return judged


@pytest.mark.parametrize("metric", FOUND)
def test_a_group_passes_at_its_limit_and_fails_just_below_it(judge, metric):
    exact = FOUND[metric][1]
    kept = f"{int(exact * 10**11)}".rjust(11, "0")
    broken = f"{int(exact * 10**11) + 1}".rjust(11, "0")

    at = judge(gate(metric, f"0.{kept}"))["g[rare]"]
    below = judge(gate(metric, f"0.{broken}"))["g[rare]"]

    assert at.value == pytest.approx(float(exact), abs=1e-12)
    assert seen(at) == (Verdict.PASS, False)
    assert seen(below) == (Verdict.FAIL, True)
    assert at.settings["group"] == ["person", "rider"]


def test_a_group_says_on_how_many_bad_images_its_classes_are(judge):
    misses = "g: {metric: bad-image-share, below_iou: 0.5, classes: [rare], max: {default: %s}}"

    at = judge(misses % "0.3333333333333334")["g[rare]"]
    above = judge(misses % "0.3333333333333333")["g[rare]"]

    assert seen(at) == (Verdict.PASS, False)
    assert seen(above) == (Verdict.FAIL, True)
    assert [image.image for image in above.worst] == ["002"]


@pytest.mark.parametrize("metric", ["iou", "f1", "pq"])
def test_the_support_of_a_group_is_gold_images_with_any_of_its_classes(judge, metric):
    record = judge(gate(metric))["g[rare]"]

    assert (record.images, record.instances) == (3, 4)


@pytest.mark.parametrize(
    "metric", ["iou", "boundary-iou", "nsd", "f1", "precision", "recall", "pq", "rq"]
)
def test_the_bounds_of_a_group_have_the_image_as_unit(judge, metric):
    record = judge(gate(metric))["g[rare]"]

    assert record.interval is not None
    assert record.interval.images == 3


def test_a_pixel_given_to_another_class_of_the_group_is_wrong_and_named(judge):
    record = judge(gate("iou"))["g[rare]"]

    told = [confusion.describe("rare") for confusion in record.confusions]
    assert told == [
        "67 % of missed rare pixels went to <other> (no class delivered)",
        "33 % of missed rare pixels went to person",
    ]
    assert [image.image for image in record.worst] == ["002", "001"]


def test_a_group_without_any_of_its_classes_is_missing(judge_objects):
    record = judge_objects([CAR], [CAR], gate("iou"), ontology=THINGS + GROUPS)["g[rare]"]

    assert record.verdict is Verdict.MISSING


def test_a_group_of_which_nothing_is_delivered_fails_whatever_the_evidence(judge_objects):
    record = judge_objects(GOLD, [CAR] * 4, gate("iou"), ontology=THINGS + GROUPS)["g[rare]"]

    assert record.verdict is Verdict.FAIL
    assert record.reason == "rare is in 3 gold images and nowhere in the delivery"


def test_a_gate_on_all_classes_judges_the_groups_it_has_a_limit_for(judge):
    named = judge("g: {metric: iou, min: {default: 0.1, rare: 0.2}}")
    unnamed = "g: {metric: iou, min: {default: 0.1}}\nh: {metric: f1, iou: 0.5, classes: [rare, car], "
    listed = judge(unnamed + "min: {default: 0.3}}")

    assert list(named) == ["coverage", "g[car]", "g[person]", "g[rider]", "g[rare]"]
    assert named["g[rare]"].limit == 0.2
    assert list(listed) == ["coverage", "g[car]", "g[person]", "g[rider]", "h[car]", "h[rare]"]


def test_the_json_report_and_a_size_band_know_the_group(judge):
    record = judge("g: {metric: recall, iou: 0.5, classes: [rare], sizes: {small: {rare: 0.5}}}")[
        "g@small[rare]"
    ]

    told = json.loads(json.dumps(record.to_json()))
    assert (told["class"], told["settings"]["group"]) == ("rare", ["person", "rider"])
    assert (record.instances, record.value) == (4, 0.75)


@pytest.mark.parametrize(
    ("groups", "gates", "problem"),
    [
        ("{car: [person]}", "", "groups.car: 'car' is the name of a class"),
        ("{default: [person]}", "", "is the name of a class, or of the limit of all others"),
        ("{rare: []}", "", "groups.rare: it is empty"),
        ("{rare: person}", "", "groups.rare: expected a list"),
        ("{rare: [persn]}", "", "class 'persn' is not in the ontology, did you mean 'person'?"),
        ("{rare: [person, person]}", "", "class 'person' is named twice"),
        ("{rare: [person], few: [rare]}", "", "'rare' is a group; a group holds classes"),
        ("{rare: [person], few: [rider]}", "", "groups.few: no gate names the group 'few'"),
        ("{rare: [person]}", "h: {metric: hd95, classes: [rare], max: {default: 5}}", "no sum"),
        ("{rare: [person]}", 'h: {metric: ap, iou: "0.5", min: {default: 0, rare: 0}}', "no sum"),
        ("{rare: [person]}", "h: {metric: iou, classes: [car], min: {car: 0, rare: 0}}", "has a limit"),
    ],
)
def test_a_group_that_cannot_be_meant_is_refused(tmp_path, write_objects, groups, gates, problem):
    named = f"g: {{metric: iou, min: {{default: 0.1, rare: 0.2}}}}\n{gates}"
    path = write_objects(tmp_path, GOLD, DELIVERY, named, ontology=f"{THINGS}groups: {groups}\n")

    with pytest.raises(PolicyError) as refused:
        load_policy(path, environ={})

    assert problem in str(refused.value)


def test_a_group_with_a_class_of_stuff_has_no_objects(tmp_path, write_objects):
    stuff = THINGS.replace("rider, thing: true", "rider, thing: false")
    path = write_objects(tmp_path, GOLD, DELIVERY, gate("f1"), ontology=stuff + GROUPS)

    with pytest.raises(PolicyError, match="the ontology calls rider stuff"):
        load_policy(path, environ={})


def test_classes_of_a_group_may_be_called_like_numbers(tmp_path, write_objects):
    odd = "ontology: {classes: [{id: 1, name: '1'}, {id: 2, name: no}]}\ngroups: {7: [1, no]}\n"
    path = write_objects(tmp_path, [], [], "g: {metric: iou, classes: [7], min: {7: 0.5}}", ontology=odd)

    loaded = load_policy(path, environ={})

    assert [rule.id for rule in loaded.rules] == ["coverage", "g[7]"]
    assert loaded.rules[1].members == ("1", "no")
