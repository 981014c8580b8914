"""Parts of a batch, by annotator, tag or any attribute: what fails, what passes, what is only told."""

from __future__ import annotations

import datetime
import json
from fractions import Fraction

import numpy as np
import pytest
from pycocotools import mask as coco_mask
from slice_scenes import GATES, cars, judged, rows, save, slice_of

from segcore.errors import UsageError
from segcore_gates.records import LimitKind, Verdict
from segcore_gates.rules import Metric

BY_ANNOTATOR = "annotators: {by: annotator, of: class-iou, max_gap: 0.05, severity: error}"
NIGHT = "night: {where: {tag: night}, of: class-iou, min: {default: 0.75}, severity: error}"


# ---- by an attribute


def test_an_annotator_far_below_the_whole_batch_fails(tmp_path):
    # Ann: 27 of 30 rows. Bob: 5 of 10. All: 32 of 40.
    path = save(tmp_path, cars(9, 9, 5, 9), BY_ANNOTATOR, annotators=["ann", "ann", "bob", "ann"])

    found = slice_of(path)

    assert (found.verdict, found.blocks, found.slice) == (Verdict.FAIL, True, "annotators")
    assert (found.value, found.limit_kind, found.limit) == (0.3, LimitKind.MAX_GAP, 0.05)
    assert found.metric is Metric.IOU
    assert rows(found) == [
        ("bob", "car", 1, 0.5, 0.8, 0.3, "FAIL"),
        ("ann", "car", 3, 0.9, 0.8, -0.1, "PASS"),
    ]
    assert found.reason == (
        "bob: car 0.5000 is 0.3000 below the whole batch (0.8000); 1 of 2 comparisons fail"
    )


def test_annotators_close_to_each_other_pass(tmp_path):
    path = save(tmp_path, cars(9, 8, 9, 8), BY_ANNOTATOR, annotators=["ann", "bob", "ann", "bob"])

    found = slice_of(path)

    # 34 of 40 rows; ann 18 of 20, bob 16 of 20: the gap is the limit itself, and that is kept.
    assert (found.verdict, found.blocks) == (Verdict.PASS, False)
    assert rows(found) == [
        ("bob", "car", 2, 0.8, 0.85, 0.05, "PASS"),
        ("ann", "car", 2, 0.9, 0.85, -0.05, "PASS"),
    ]


def test_just_beyond_the_limit_fails(tmp_path):
    slices = BY_ANNOTATOR.replace("0.05", "0.0499")
    path = save(tmp_path, cars(9, 8, 9, 8), slices, annotators=["ann", "bob", "ann", "bob"])

    assert slice_of(path).verdict is Verdict.FAIL


def test_without_a_severity_of_its_own_a_slice_warns_whatever_the_defaults_say(tmp_path):
    slices = BY_ANNOTATOR.replace(", severity: error", "")
    path = save(tmp_path, cars(9, 5), slices, annotators=["ann", "bob"])

    record, strict = slice_of(path), slice_of(path, strict=True)

    assert (record.verdict, record.blocks) == (Verdict.WARN, False)
    assert (strict.verdict, strict.blocks) == (Verdict.WARN, True)


def test_too_little_gold_in_a_part_is_told_and_never_fails(tmp_path):
    slices = BY_ANNOTATOR.replace("max_gap", "support: {images: 2}, max_gap")
    path = save(tmp_path, cars(9, 9, 5), slices, annotators=["ann", "ann", "bob"])

    found = slice_of(path)

    assert (found.verdict, found.blocks) == (Verdict.THIN, False)
    assert found.reason == "1 of 2 rest on less than 2 gold images"
    assert [row[-1] for row in rows(found)] == ["THIN", "PASS"]


def test_a_failing_row_outranks_a_thin_one(tmp_path):
    slices = BY_ANNOTATOR.replace("max_gap", "support: {images: 2}, max_gap")
    path = save(tmp_path, cars(9, 9, 1, 5, 5), slices, annotators=["ann", "ann", "cy", "bob", "bob"])

    found = slice_of(path)

    # All: 29 of 50. Ann 18 of 20, bob 10 of 20, cy 1 of 10.
    assert found.verdict is Verdict.FAIL
    assert rows(found)[0] == ("bob", "car", 2, 0.5, 0.58, 0.08, "FAIL")
    assert [row[0] for row in rows(found)] == ["bob", "cy", "ann"]


def test_images_without_an_annotator_are_a_part_of_their_own(tmp_path):
    path = save(tmp_path, cars(9, 9, 1), BY_ANNOTATOR, annotators=["ann", "bob", None])

    found = slice_of(path)

    # 19 of 30 rows in all.
    assert found.verdict is Verdict.FAIL
    assert rows(found)[0] == (None, "car", 1, 0.1, 0.6333, 0.5333, "FAIL")
    assert found.reason == (
        "images without annotator: car 0.1000 is 0.5333 below the whole batch (0.6333); "
        "1 of 3 comparisons fail; 1 image without 'annotator'"
    )


def test_an_image_that_nobody_delivered_is_nobodys_fault_and_is_told(tmp_path):
    path = save(tmp_path, cars(9, 9), BY_ANNOTATOR, gold=cars(10, 10, 10), annotators=["ann", "bob"])

    found = slice_of(path)

    assert found.verdict is Verdict.PASS
    assert [row[0] for row in rows(found)] == ["ann", "bob"]
    assert found.reason.endswith("; 1 image not delivered, in no part")


def test_a_delivery_without_any_annotator_is_missing_not_passing(tmp_path):
    path = save(tmp_path, cars(10, 10), BY_ANNOTATOR)

    found = slice_of(path)

    assert (found.verdict, found.blocks) == (Verdict.MISSING, True)
    assert found.reason == "no image has the attribute 'annotator'"


def test_the_annotators_of_the_gold_are_not_those_of_the_delivery(tmp_path):
    signed = {place: {"annotator": "gold hand"} for place in (0, 1)}
    path = save(tmp_path, cars(10, 10), BY_ANNOTATOR, images=signed)

    assert slice_of(path).verdict is Verdict.MISSING


def test_one_annotator_alone_has_nobody_to_be_compared_with(tmp_path):
    path = save(tmp_path, cars(9, 9), BY_ANNOTATOR, annotators=["ann", "ann"])

    found = slice_of(path)

    assert found.verdict is Verdict.THIN
    assert found.reason == "there is only one annotator, and nobody to compare it with"


def test_an_image_drawn_by_two_counts_for_both(tmp_path):
    gold = [{"car": (0, 5), "person": (5, 10)}, {"car": (0, 10)}]
    path = save(
        tmp_path, [{"car": (0, 4), "person": (5, 10)}, {"car": (0, 10)}], BY_ANNOTATOR, gold=gold
    )
    document = json.loads((tmp_path / "delivery.json").read_text())
    for annotation, who in zip(document["annotations"], ("ann", "bob", "bob"), strict=True):
        annotation["annotator"] = who
    (tmp_path / "delivery.json").write_text(json.dumps(document))

    found = slice_of(path)

    # All: 14 of 15; ann, of the first image, 4 of 5; bob has both.
    assert rows(found) == [
        ("ann", "car", 1, 0.8, 0.9333, 0.1333, "FAIL"),
        ("bob", "car", 2, 0.9333, 0.9333, 0.0, "PASS"),
    ]


def test_any_attribute_can_be_gone_by_also_a_number(tmp_path):
    slices = "batches: {by: batch, of: class-iou, max_gap: 0.05, severity: error}"
    said = {0: {"batch": 1}, 1: {"batch": 2}, 2: {"batch": 2}}
    path = save(tmp_path, cars(10, 8, 8), slices, images=said)

    found = slice_of(path)

    # 26 of 30 in all: .8667.
    assert rows(found)[0] == ("2", "car", 2, 0.8, 0.8667, 0.0667, "FAIL")


def test_a_class_that_does_not_occur_in_a_part_is_not_judged_there(tmp_path):
    gates = "gates:\n  class-iou: {metric: iou, classes: [car, person], min: {default: 0.1}}\n"
    gold = [{"car": (0, 10)}, {"person": (0, 10)}]
    path = save(tmp_path, gold, BY_ANNOTATOR, gold=gold, annotators=["ann", "bob"], gates=gates)

    assert [row[:2] for row in rows(slice_of(path))] == [("ann", "car"), ("bob", "person")]


def test_a_floor_can_be_asked_of_every_annotator(tmp_path):
    slices = "floor: {by: annotator, of: class-iou, min: {default: 0.6}, severity: error}"
    path = save(tmp_path, cars(9, 5), slices, annotators=["ann", "bob"])

    found = slice_of(path)

    assert (found.verdict, found.value, found.limit) == (Verdict.FAIL, 0.5, 0.6)
    assert found.limit_kind is LimitKind.MIN
    assert rows(found) == [
        ("bob", "car", 1, 0.5, 0.7, 0.6, "FAIL"),
        ("ann", "car", 1, 0.9, 0.7, 0.6, "PASS"),
    ]


WAIVER = """\
waivers:
  - {gate: "slice[annotators]", until: 2026-12-01, floor: FLOOR, reason: relabelling, by: maria}
"""


@pytest.mark.parametrize(("floor", "verdict"), [("0.3", Verdict.WAIVED), ("0.29", Verdict.FAIL)])
def test_a_waiver_excuses_a_gap_up_to_its_floor(tmp_path, floor, verdict):
    waiver = WAIVER.replace("FLOOR", floor)
    path = save(tmp_path, cars(9, 9, 5, 9), BY_ANNOTATOR, annotators=[*"aaba"], more=waiver)

    found = judged(path, today=datetime.date(2026, 11, 20))["slice[annotators]"]

    assert (found.verdict, found.blocks) == (verdict, verdict is Verdict.FAIL)


def test_of_classes_with_floors_of_their_own_the_lowest_value_that_fails_comes_first(tmp_path):
    gates = "gates:\n  class-iou: {metric: iou, classes: [car, person], min: {default: 0.1}}\n"
    gold = [{"car": (0, 5), "person": (5, 10)}]
    found = [{"car": (0, 3), "person": (5, 7)}]
    slices = "floor: {by: annotator, of: class-iou, min: {car: 0.9, person: 0.5}, severity: error}"
    path = save(tmp_path, found, slices, gold=gold, annotators=["ann"], gates=gates)

    record = slice_of(path)

    # Cars miss their floor by more, but a waiver down to 0.5 must not excuse the persons.
    assert [row[1:4] for row in rows(record)] == [("person", 1, 0.4), ("car", 1, 0.6)]
    assert (record.value, record.limit) == (0.4, 0.5)


def test_an_attribute_with_another_value_for_every_image_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("segcore_gates.slices.judging._MAX_PARTS", 2)
    path = save(tmp_path, cars(9, 9, 9), BY_ANNOTATOR, annotators=["a", "b", "c"])

    with pytest.raises(UsageError, match="'annotator' has 3 values, at most 2 are compared"):
        slice_of(path)


# ---- by a query


def test_the_night_fails_where_it_is_below_its_floor(tmp_path):
    said = {1: {"tags": ["night", "rain"]}, 2: {"tags": "night"}}
    path = save(tmp_path, cars(10, 9, 5), NIGHT, images=said)

    found = slice_of(path)

    assert (found.verdict, found.blocks, found.value) == (Verdict.FAIL, True, 0.7)
    assert rows(found) == [("tag night", "car", 2, 0.7, 0.8, 0.75, "FAIL")]
    assert found.reason == "tag night: car 0.7000 is below 0.75"


def test_the_night_passes_at_its_floor(tmp_path):
    slices = NIGHT.replace("0.75", "0.7")
    path = save(tmp_path, cars(1, 9, 5), slices, images={1: {"tags": ["night"]}, 2: {"tags": ["night"]}})

    assert slice_of(path).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("where", "images"),
    [
        ("{weather: rain}", 2),
        ("{weather: [rain, fog]}", 3),
        ("{weather: rain, scene: urban}", 1),
        ("{not: {weather: rain}}", 2),
        ("{scene: urban, not: {weather: [rain, fog]}}", 1),
        ("{not: {weather: rain, scene: urban}}", 1),
        ("{batch: 3}", 1),
        ("{lit: true}", 1),
        ("{lit: True}", 1),
    ],
)
def test_queries_select_by_equality_lists_and_not(tmp_path, where, images):
    said = {
        0: {"weather": "rain", "scene": "urban", "batch": 3},
        1: {"weather": "rain", "scene": "rural", "lit": True},
        2: {"weather": "fog", "scene": "rural"},
        3: {"scene": "urban"},
    }
    slices = f"some: {{where: {where}, of: class-iou, min: {{default: 0.5}}}}"
    path = save(tmp_path, cars(9, 9, 9, 9), slices, images=said)

    assert [row[2] for row in rows(slice_of(path))] == [images]


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        ("{tag: nihgt}", "no image has the 'tag' 'nihgt', did you mean 'night'? (there are 'night')"),
        (
            "{tags: night}",
            "no image has the attribute 'tags', did you mean 'tag'? (there are 'scene', 'tag')",
        ),
        ("{tag: night, scene: urban}", "no image is meant by tag night, scene urban"),
    ],
)
def test_a_slice_without_an_image_is_missing_and_says_what_there_is(tmp_path, where, reason):
    slices = f"some: {{where: {where}, of: class-iou, min: {{default: 0.5}}, severity: error}}"
    said = {0: {"tags": ["night"]}, 1: {"scene": "urban"}}
    path = save(tmp_path, cars(9, 9), slices, images=said)

    found = slice_of(path)

    assert (found.verdict, found.blocks, found.reason) == (Verdict.MISSING, True, reason)


def test_images_without_any_class_of_the_gate_are_missing(tmp_path):
    gold = [{"person": (0, 10)}, {"car": (0, 10)}]
    path = save(tmp_path, gold, NIGHT, gold=gold, images={0: {"tags": "night"}})

    found = slice_of(path)

    assert found.verdict is Verdict.MISSING
    assert found.reason == "no class of the gate class-iou occurs in 1 image"


def test_the_gap_of_a_query_is_to_the_whole_batch(tmp_path):
    slices = "night: {where: {tag: night}, of: class-iou, max_gap: 0.1, severity: error}"
    path = save(tmp_path, cars(10, 6), slices, images={1: {"tags": "night"}})

    assert rows(slice_of(path)) == [("tag night", "car", 1, 0.6, 0.8, 0.2, "FAIL")]


def test_an_image_that_was_not_delivered_counts_where_the_gold_says_what_it_is(tmp_path):
    path = save(tmp_path, cars(10), NIGHT, gold=cars(10, 10), images={1: {"tags": "night"}})

    found = slice_of(path)

    assert rows(found) == [("tag night", "car", 1, 0.0, 0.5, 0.75, "FAIL")]


# ---- who says it


def test_gold_and_delivery_must_not_contradict_each_other(tmp_path):
    path = save(
        tmp_path, cars(9), NIGHT, images={0: {"tags": ["night"]}}, delivered={0: {"tags": ["day"]}}
    )

    with pytest.raises(UsageError, match="disagree on 'tag': image '000': gold 'night', delivery 'day'"):
        slice_of(path)


def test_either_side_may_say_it_alone(tmp_path):
    path = save(
        tmp_path, cars(9, 9), NIGHT, images={0: {"tags": ["night"]}}, delivered={1: {"tags": ["night"]}}
    )

    assert rows(slice_of(path))[0][2] == 2


ATTRIBUTES = "attributes: images.csv\n"


def test_the_file_of_the_policy_tells_what_no_source_says(tmp_path):
    (tmp_path / "images.csv").write_text(
        "image,annotator,tag\n000,ann,night;rain\nshots/001.png,bob,\n002.jpg,bob,night\n"
    )
    slices = f"{BY_ANNOTATOR}\n{NIGHT}"
    path = save(tmp_path, cars(9, 5, 6), slices, more=ATTRIBUTES)

    found = judged(path)

    # 20 of 30 rows; bob 11 of 20; at night 15 of 20.
    assert rows(found["slice[annotators]"])[0] == ("bob", "car", 2, 0.55, 0.6667, 0.1167, "FAIL")
    assert rows(found["slice[night]"]) == [("tag night", "car", 2, 0.75, 0.6667, 0.75, "PASS")]
    assert [w.annotator for w in found["class-iou[car]"].worst] == ["bob", "bob", "ann"]


def test_a_column_of_the_file_settles_what_the_sources_disagree_on(tmp_path):
    (tmp_path / "images.csv").write_text("image,tag\n000,night\n")
    path = save(
        tmp_path,
        cars(9),
        NIGHT,
        images={0: {"tags": ["dusk"]}},
        delivered={0: {"tags": ["day"]}},
        more=ATTRIBUTES,
    )

    assert slice_of(path).verdict is Verdict.PASS


def test_a_row_for_an_image_nobody_has_names_its_line(tmp_path):
    (tmp_path / "images.csv").write_text("image,tag\n000,night\n0001,night\n")
    path = save(tmp_path, cars(9, 9), NIGHT, more=ATTRIBUTES)

    with pytest.raises(
        UsageError, match=r"images\.csv:3: neither gold nor delivery has an image '0001'"
    ):
        slice_of(path)


def test_two_rows_for_one_image_are_refused_also_under_different_names(tmp_path):
    (tmp_path / "images.csv").write_text("image,tag\n000,night\na/000.png,day\n")
    path = save(tmp_path, cars(9), NIGHT, more=ATTRIBUTES)

    with pytest.raises(UsageError, match=r"images\.csv:3: image 'a/000\.png' is the one of line 2"):
        slice_of(path)


# ---- other metrics


def test_boxes_of_objects_are_judged_by_their_own_metric(tmp_path):
    gates = "gates:\n  f1: {metric: f1, iou: 0.75, classes: [car], min: {default: 0.1}}\n"
    slices = "annotators: {by: annotator, of: f1, max_gap: 0.3, severity: error}"
    path = save(tmp_path, cars(9, 9, 5), slices, annotators=["ann", "ann", "bob"], gates=gates)

    found = slice_of(path)

    # Two of three match: F1 2*2/(2*2+1+1) = .6667 in all, 0 of bob.
    assert rows(found) == [
        ("bob", "car", 1, 0.0, 0.6667, 0.6667, "FAIL"),
        ("ann", "car", 2, 1.0, 0.6667, -0.3333, "PASS"),
    ]
    assert found.settings == {"iou": "0.75"}


def test_objects_are_ranked_among_those_of_the_part(tmp_path):
    gates = "gates:\n  ap: {metric: ap, iou: 0.75, scores: area, classes: [car], min: {default: 0.1}}\n"
    slices = "annotators: {by: annotator, of: ap, max_gap: 0.3, severity: error}"
    path = save(tmp_path, cars(9, 5), slices, annotators=["ann", "bob"], gates=gates)

    found = slice_of(path)

    # By area the one that matches comes first: precision 1 up to recall .5, which is 51 of 101 points.
    assert rows(found) == [
        ("bob", "car", 1, 0.0, round(51 / 101, 4), round(51 / 101, 4), "FAIL"),
        ("ann", "car", 1, 1.0, round(51 / 101, 4), round(51 / 101 - 1, 4), "PASS"),
    ]


def test_segments_are_judged_by_their_quality(tmp_path):
    ontology = "ontology: {classes: [{id: 1, name: car, thing: true}]}"
    gates = "gates:\n  pq: {metric: pq, min: {default: 0.1}}\n"
    slices = "annotators: {by: annotator, of: pq, max_gap: 0.2, severity: error}"
    path = save(tmp_path, cars(9, 4), slices, annotators=["ann", "bob"], gates=gates)
    text = path.read_text()
    begin, end = text.index("ontology:"), text.index("defaults:")
    path.write_text(f"{text[:begin]}{ontology}\n{text[end:]}")

    # One match of .9, one missed and one extra: .9 / (1 + .5 + .5).
    assert rows(slice_of(path)) == [
        ("bob", "car", 1, 0.0, 0.45, 0.45, "FAIL"),
        ("ann", "car", 1, 0.9, 0.45, -0.45, "PASS"),
    ]


def test_who_drew_the_worst_images_of_a_gate_stands_beside_them(pytester):
    gates = GATES.replace("0.1", "0.99")
    save(pytester.path, cars(9, 5), BY_ANNOTATOR, annotators=["ann", "bob"], gates=gates)

    result = pytester.runpytest_inprocess("--gate-report=report.json")

    result.stdout.re_match_lines([r"  001 +0\.5000  by bob", r"  000 +0\.9000  by ann"])
    gates = json.loads((pytester.path / "report.json").read_text())["gates"]
    record = next(r for r in gates if r["id"] == "class-iou[car]")
    assert [w["annotator"] for w in record["worst"]] == ["bob", "ann"]


def test_sizes_have_gaps_of_their_own(tmp_path):
    gates = (
        "gates:\n  f1: {metric: f1, iou: 0.75, classes: [car], min: {default: 0.1}, "
        "sizes: {small: {default: 0.1}}}\n"
    )
    slices = "annotators: {by: annotator, of: f1, max_gap: 0.3}"
    path = save(tmp_path, cars(9, 5), slices, annotators=["ann", "bob"], gates=gates)

    assert {row[1] for row in rows(slice_of(path))} == {"car", "small car"}


def test_bands_along_outlines_are_cut_as_well(tmp_path):
    gates = (
        "gates:\n  boundary: {metric: boundary-iou, dilation: 1px, classes: [car], "
        "min: {default: 0.1}}\n"
    )
    slices = "annotators: {by: annotator, of: boundary, max_gap: 0.05, severity: error}"
    path = save(tmp_path, cars(10, 5), slices, annotators=["ann", "bob"], gates=gates)

    found = slice_of(path)

    # The band of 10 x 10 pixels has 36, that of 5 x 10 has 26, and they share 8 + 2 x 5 = 18.
    whole = (36 + 18) / (36 + 36 + 26 - 18)
    assert [row[:4] for row in rows(found)] == [
        ("bob", "car", 1, round(18 / 44, 4)),
        ("ann", "car", 1, 1.0),
    ]
    assert found.details[0]["whole"] == pytest.approx(whole, abs=1e-12)


def test_where_less_is_better_there_is_a_ceiling(tmp_path):
    gates = (
        "gates:\n  bad: {metric: bad-image-share, below_iou: 0.75, classes: [car], max: {default: 1}}\n"
    )
    slices = "annotators: {by: annotator, of: bad, max: {default: 0.4}, severity: error}"
    path = save(tmp_path, cars(9, 5, 9, 9), slices, annotators=["a", "a", "b", "b"], gates=gates)

    found = slice_of(path)

    assert found.limit_kind is LimitKind.MAX
    assert rows(found) == [
        ("a", "car", 2, 0.5, 0.25, 0.4, "FAIL"),
        ("b", "car", 2, 0.0, 0.25, 0.4, "PASS"),
    ]


def test_a_mean_has_one_floor(tmp_path):
    gates = "gates:\n  mean: {metric: mean-iou, min: 0.1}\n"
    path = save(
        tmp_path,
        cars(9, 5),
        "floor: {by: annotator, of: mean, min: 0.6, severity: error}",
        annotators=["ann", "bob"],
        gates=gates,
    )

    assert rows(slice_of(path))[0] == ("bob", "all", 1, 0.5, 0.7, 0.6, "FAIL")


def test_what_the_metric_cannot_say_of_a_part_is_an_error(tmp_path):
    gates = "gates:\n  ap: {metric: ap, iou: 0.5, classes: [car], min: {default: 0.1}}\n"
    slices = BY_ANNOTATOR.replace("class-iou", "ap")
    path = save(tmp_path, cars(9, 9), slices, annotators=["ann", "bob"], gates=gates)

    found = slice_of(path)

    assert (found.verdict, found.blocks) == (Verdict.ERROR, True)
    assert "without a score" in found.reason


# ---- order, ids, names


def test_ids_hold_no_data_and_rows_do_not_depend_on_the_order_of_the_files(tmp_path):
    names = ["zoe", "ann", "bob", "ann"]
    path = save(tmp_path, cars(9, 5, 5, 5), f"{BY_ANNOTATOR}\n{NIGHT}", annotators=names)
    first = judged(path)
    for name in ("gold.json", "delivery.json"):
        document = json.loads((tmp_path / name).read_text())
        document["images"].reverse()
        document["annotations"].reverse()
        (tmp_path / name).write_text(json.dumps(document))

    again = judged(path)

    assert list(first) == ["coverage", "class-iou[car]", "slice[annotators]", "slice[night]"]
    assert [record.to_json() for record in first.values()] == [r.to_json() for r in again.values()]
    assert [row[0] for row in rows(first["slice[annotators]"])] == ["ann", "bob", "zoe"]


def test_at_most_a_hundred_rows_are_carried_and_all_are_counted(tmp_path):
    names = [f"hand {n:03}" for n in range(120)]
    path = save(tmp_path, cars(*[9] * 119, 1), BY_ANNOTATOR, annotators=names)

    found = slice_of(path)

    assert (len(found.details), found.details_total) == (100, 120)
    assert found.details[0]["part"] == "hand 119"


def test_names_of_annotators_are_escaped_wherever_they_are_shown(pytester):
    hostile = "bob\x1b[2J\u202e<script>"
    save(pytester.path, cars(9, 5), BY_ANNOTATOR, annotators=["ann", hostile])

    result = pytester.runpytest_inprocess("--gate-report=report.json")

    text = result.stdout.str()
    assert "\x1b[2J" not in text
    assert "\u202e" not in text
    assert r"bob\x1b[2J\u202e<script>: car 0.5000 is 0.2000 below the whole batch (0.7000)" in text
    report = json.loads((pytester.path / "report.json").read_text())
    record = next(r for r in report["gates"] if r["id"] == "slice[annotators]")
    assert record["slice"] == "annotators"
    assert record["details"]["rows"][0][0] == r"bob\x1b[2J\u202e<script>"


@pytest.mark.usefixtures("xdist")
def test_workers_collect_and_judge_the_same(pytester):
    slices = f"{BY_ANNOTATOR}\n{NIGHT}"
    said = {0: {"tags": ["night"]}}
    save(pytester.path, cars(9, 5), slices, annotators=["ann", "bob"], images=said)

    reports = []
    for words in ((), ("-n", "2")):
        result = pytester.runpytest_subprocess("--gate-report=report.json", *words)
        result.assert_outcomes(passed=3, failed=1)
        reports.append(json.loads((pytester.path / "report.json").read_text())["gates"])

    assert reports[0] == reports[1]


# ---- real images


def test_the_rows_of_real_images_are_what_pycocotools_counts(tmp_path, shared_data):
    """Persons of COCO and their detections, given to three people by a file; all pixels by hand."""
    folder = shared_data("coco_val2014_100")
    gold = json.loads((folder / "instances_val2014_100.json").read_text())
    found = json.loads((folder / "instances_val2014_fakesegm100_results.json").read_text())
    (person,) = [c for c in gold["categories"] if c["name"] == "person"]
    gold["categories"] = [person]
    gold["annotations"] = [
        a for a in gold["annotations"] if a["category_id"] == person["id"] and not a["iscrowd"]
    ]
    found = [a for a in found if a["category_id"] == person["id"]]
    (tmp_path / "gold.json").write_text(json.dumps(gold))
    (tmp_path / "delivery.json").write_text(json.dumps(found))
    who = {image["id"]: f"hand {image['id'] % 3}" for image in gold["images"]}
    lines = [f"{image['file_name']},{who[image['id']]}" for image in gold["images"]]
    (tmp_path / "images.csv").write_text("\n".join(["image,annotator", *lines]))
    (tmp_path / "batch.gate.yaml").write_text(
        "version: 1\ngold: coco:gold.json\ndelivery: coco:delivery.json\nattributes: images.csv\n"
        "gates: {class-iou: {metric: iou, min: {default: 0.1}}}\n"
        "slices: {annotators: {by: annotator, of: class-iou, max_gap: 0.01, support: {images: 5}}}\n"
    )

    record = slice_of(tmp_path / "batch.gate.yaml")

    counted = _pixels(gold, found, who)
    whole = Fraction(*map(sum, zip(*(pixels for pixels, _ in counted.values()), strict=True)))
    expected = {
        name: (images, float(Fraction(*pixels)), float(whole - Fraction(*pixels)))
        for name, (pixels, images) in counted.items()
    }
    assert len(expected) == 3
    assert {
        row["part"]: (row["images"], row["value"], pytest.approx(row["gap"], abs=1e-12))
        for row in record.details
    } == expected
    assert [row["gap"] for row in record.details] == sorted(
        (gap for _, _, gap in expected.values()), reverse=True
    )


def _pixels(gold, found, who):
    """Intersection, union and images with gold of each person's share."""
    sizes = {image["id"]: (image["height"], image["width"]) for image in gold["images"]}
    counted = {}
    for image_id, (height, width) in sizes.items():
        masks = []
        for side in (gold["annotations"], found):
            mask = np.zeros((height, width), np.bool_)
            for annotation in (a for a in side if a["image_id"] == image_id):
                outline = annotation["segmentation"]
                if isinstance(outline, list):
                    outline = coco_mask.merge(coco_mask.frPyObjects(outline, height, width))
                mask |= coco_mask.decode(outline).astype(np.bool_)
            masks.append(mask)
        one, other = masks
        (both, either), images = counted.get(who[image_id], ((0, 0), 0))
        pixels = both + int((one & other).sum()), either + int((one | other).sum())
        counted[who[image_id]] = pixels, images + bool(one.any())
    return counted
