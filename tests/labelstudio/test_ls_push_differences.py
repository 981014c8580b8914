"""Difference masks: the pixels that are missed and extra, as regions the project can show."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from segcore.kernels import LabelRuns
from segcore.ontology import LabelClass
from segcore_labelstudio import differences as module
from segcore_labelstudio.brush import decode_brush
from segcore_labelstudio.differences import Canvas, Difference, Kind, brush_labels, differences, results
from segcore_labelstudio.labeling import parse_labeling

CODES = {"r": 0, "c": 1, ".": 2, "#": 3}
"""Road, car, no class, ignore."""


def runs(labels):
    """The label map of an array of codes."""
    flat = labels.ravel(order="F")
    starts = np.flatnonzero(np.diff(flat, prepend=-9)).astype(np.int32)
    return LabelRuns(pixels=flat.size, starts=starts, codes=flat[starts].astype(np.int32))


def drawn(text):
    return np.array([[CODES[c] for c in row] for row in text.split()], np.int32)


def mask(text):
    return np.array([[c == "x" for c in row] for row in text.split()])


def found(gold, delivery, codes=(0, 1)):
    pairs = differences(runs(gold), runs(delivery), height=len(gold), num_classes=2, codes=codes)
    return {(d.code, d.kind): d.mask for d in pairs}


def canvas(labels, **more):
    values = {"project": 7, "task": 3, "to_name": "image", "item": None, "labels": labels} | more
    return Canvas(**values)


def test_missed_pixels_are_gold_only_and_extra_pixels_are_delivered_only():
    gold = drawn("rrr. ccc.")
    delivery = drawn("rr.. rcc.")

    differ = found(gold, delivery)

    assert sorted(differ) == [(0, "extra"), (0, "missed"), (1, "missed")]
    np.testing.assert_array_equal(differ[0, "missed"], mask("..x. ...."))
    np.testing.assert_array_equal(differ[0, "extra"], mask(".... x..."))
    np.testing.assert_array_equal(differ[1, "missed"], mask(".... x..."))


def test_nothing_differs_where_the_gold_says_ignore():
    assert found(drawn("##"), drawn("rc")) == {}


def test_ignore_that_was_delivered_is_missed():
    differ = found(drawn("rr"), drawn("r#"))

    assert list(differ) == [(0, "missed")]


def test_only_the_classes_asked_for_are_looked_at():
    assert list(found(drawn("rc"), drawn("cr"), codes=[1])) == [(1, "missed"), (1, "extra")]


def test_an_empty_image_differs_nowhere():
    empty = LabelRuns(pixels=0, starts=np.empty(0, np.int32), codes=np.empty(0, np.int32))

    assert list(differences(empty, empty, height=0, num_classes=2, codes=[0])) == []


maps = arrays.arrays(np.int32, (5, 7), elements=st.integers(0, 3))


@given(gold=maps, delivery=maps)
def test_the_differences_of_all_classes_are_what_the_confusion_counts(gold, delivery):
    counted = gold != 3

    differ = found(gold, delivery)

    for code in (0, 1):
        missed = int(((gold == code) & (delivery != code)).sum())
        extra = int(((delivery == code) & (gold != code) & counted).sum())
        assert differ.get((code, "missed"), np.zeros(0)).sum() == missed
        assert differ.get((code, "extra"), np.zeros(0)).sum() == extra


CONFIG = parse_labeling(
    '<View><Image name="image" value="$image"/><Image name="other" value="$other"/>'
    '<PolygonLabels name="poly" toName="image"><Label value="sky"/></PolygonLabels>'
    '<BrushLabels name="far" toName="other"><Label value="road"/></BrushLabels>'
    '<BrushLabels name="brush" toName="image">'
    '<Label value="road"/><Label value="Car" alias="car_v1"/></BrushLabels></View>',
    file="config",
)


def test_a_class_is_shown_by_the_brush_of_its_image_tag_under_the_name_results_use():
    classes = [
        LabelClass(id=1, name="car", aliases=("auto", "Car")),
        LabelClass(id=2, name="sky"),
        LabelClass(id=3, name="road"),
    ]

    assert brush_labels(CONFIG, "image", classes) == {0: ("brush", "car_v1"), 2: ("brush", "road")}
    assert brush_labels(CONFIG, "other", classes) == {2: ("far", "road")}


def test_a_project_without_a_brush_can_show_nothing():
    config = parse_labeling(
        '<View><Image name="image" value="$i"/><PolygonLabels name="p" toName="image">'
        '<Label value="road"/></PolygonLabels></View>',
        file="config",
    )

    assert brush_labels(config, "image", [LabelClass(id=1, name="road")]) == {}


def test_a_region_decodes_to_the_difference_it_was_made_of():
    pixels = mask("x..x .xx.")
    difference = Difference(code=0, kind=Kind.MISSED, mask=pixels)

    shown, left_out = results([(canvas({0: ("brush", "road")}), difference)])

    (region,) = shown[Kind.MISSED]
    value = region.pop("value")
    assert left_out == 0
    assert value["brushlabels"] == ["road"]
    np.testing.assert_array_equal(decode_brush(value["rle"], width=4, height=2).mask.to_array(), pixels)
    region.pop("id")
    assert region == {
        "type": "brushlabels",
        "from_name": "brush",
        "to_name": "image",
        "original_width": 4,
        "original_height": 2,
        "image_rotation": 0,
        "meta": {"text": ["missed: 4 px"]},
    }


def test_ids_are_the_same_in_every_run_and_differ_by_project_task_image_class_and_kind():
    labels = {0: ("brush", "road"), 1: ("brush", "car")}
    pixels = np.ones((1, 1), np.bool_)
    variants = [
        (canvas(labels), 0, Kind.MISSED),
        (canvas(labels), 1, Kind.MISSED),
        (canvas(labels), 0, Kind.EXTRA),
        (canvas(labels, task=4), 0, Kind.MISSED),
        (canvas(labels, project=8), 0, Kind.MISSED),
        (canvas(labels, item=0), 0, Kind.MISSED),
        (canvas(labels, item=1), 0, Kind.MISSED),
        (canvas(labels, to_name="other"), 0, Kind.MISSED),
    ]

    def ids():
        shown = [results([(c, Difference(code=k, kind=kind, mask=pixels))]) for c, k, kind in variants]
        return [next(iter(kinds.values()))[0]["id"] for kinds, _ in shown]

    assert ids() == ids()
    assert len(set(ids())) == len(variants)


def test_an_image_of_several_is_named_by_its_index():
    shown, _ = results(
        [
            (
                canvas({0: ("b", "road")}, item=2),
                Difference(code=0, kind=Kind.EXTRA, mask=np.ones((1, 1), bool)),
            )
        ]
    )

    assert shown[Kind.EXTRA][0]["item_index"] == 2


def test_a_class_without_a_label_is_counted_and_not_shown():
    difference = Difference(code=1, kind=Kind.EXTRA, mask=np.ones((1, 1), np.bool_))

    assert results([(canvas({0: ("brush", "road")}), difference)]) == ({}, 1)


def test_the_largest_differences_come_first_and_what_does_not_fit_is_counted(monkeypatch):
    labels = {code: ("brush", f"class {code}") for code in range(3)}
    sizes = [2, 5, 3]
    found = []
    for code, size in enumerate(sizes):
        pixels = np.zeros((4, 4), np.bool_)
        pixels.ravel()[:size] = True
        found.append((canvas(labels), Difference(code=code, kind=Kind.MISSED, mask=pixels)))
    everything, _ = results(found)
    regions = everything[Kind.MISSED]
    room = sum(len(json.dumps(region)) for region in regions[:2])

    monkeypatch.setattr(module, "MAX_RESULT_BYTES", room)
    shown, left_out = results(found)

    assert [region["meta"]["text"] for region in regions] == [
        ["missed: 5 px"],
        ["missed: 3 px"],
        ["missed: 2 px"],
    ]
    assert shown == {Kind.MISSED: regions[:2]}
    assert left_out == 1


@pytest.mark.parametrize("kind", list(Kind))
def test_noise_stays_below_the_limit(kind):
    noise = np.random.default_rng(0).random((700, 700)) < 0.5
    blob = np.zeros((700, 700), np.bool_)
    blob[:350] = True
    labels = {0: ("brush", "road"), 1: ("brush", "car")}
    pair = [(canvas(labels), Difference(code=i, kind=kind, mask=m)) for i, m in enumerate((noise, blob))]

    shown, left_out = results(pair)

    assert [region["value"]["brushlabels"] for region in shown[kind]] == [["car"]]
    assert left_out == 1
    assert len(json.dumps(shown[kind])) < module.MAX_RESULT_BYTES
