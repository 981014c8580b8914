"""Segments from other sources than panoptic documents."""

from __future__ import annotations

import json

import numpy as np
import pytest
from panoptic_scenes import (
    CAR,
    DELIVERY,
    GOLD,
    PERSON,
    ROAD,
    SKY,
    STUFF,
    Held,
    regions,
    save,
    scene,
    scores,
    two_images,
)
from PIL import Image

import segcore
from segcore.annotation import Region, Regions, RunMask
from segcore.errors import InvalidInputError, OntologyError, UsageError
from segcore.ontology import LabelClass, Ontology


@pytest.fixture
def specs(tmp_path):
    return two_images(tmp_path)


@pytest.mark.parametrize("side", ["gold", "delivery", "both"])
@pytest.mark.parametrize("pieces", [False, True], ids=["whole", "stuff in pieces"])
def test_regions_give_the_numbers_of_the_same_segments(specs, side, pieces):
    gold = scene(GOLD, a=PERSON, b=PERSON, s=SKY, r=ROAD), scene("a a", a=CAR)
    delivery = scene(DELIVERY, a=PERSON, b=PERSON, s=SKY, r=ROAD, x=CAR)
    held_gold = Held(one=regions(gold[0], pieces=pieces), two=regions(gold[1]))
    held_delivery = Held(one=regions(delivery, pieces=pieces))
    sides = (
        held_gold if side != "delivery" else specs[0],
        held_delivery if side != "gold" else specs[1],
    )

    found = segcore.evaluate(*sides, task="panoptic")

    expected = segcore.evaluate(*specs, task="panoptic")
    assert scores(found) == scores(expected)
    assert found.objects() == expected.objects()


def test_a_pixel_in_two_segments_is_a_fault_with_both_annotations_and_the_place():
    overlapping = Regions.from_regions(
        [
            Region(class_index=0, mask=box(0, 0, 3, 3), id="first"),
            Region(class_index=2, mask=box(1, 2, 4, 2), id="second"),
        ],
        height=4,
        width=6,
    )

    with pytest.raises(InvalidInputError) as caught:
        segcore.evaluate(Held(i=overlapping), Held(i=overlapping), task="panoptic")

    (fault,) = {fault for fault in caught.value.faults if fault.code == "panoptic.overlap"}
    assert (fault.file, fault.image, fault.annotation) == ("held", "i", "second")
    assert fault.got == "2 px shared with annotation first, first at x=1 y=2"


def test_regions_of_one_stuff_class_are_one_segment_even_where_they_overlap():
    parts = [Region(class_index=3, mask=box(x, 0, 3, 4), id=x) for x in (2, 0)]
    gold = Regions.from_regions(parts, height=4, width=6)
    whole = Regions.from_regions([Region(class_index=3, mask=box(0, 0, 5, 4))], height=4, width=6)

    found = segcore.evaluate(Held(i=gold), Held(i=whole), task="panoptic")

    assert (found.classes[3].tp, found.classes[3].pq, found.classes[3].support_instances) == (1, 1.0, 1)
    assert found.objects()["gold_id"] == [0]  # the id of the one that begins first


def test_two_things_on_one_pixel_are_a_fault_even_of_one_class():
    parts = [Region(class_index=1, mask=box(x, 0, 3, 4), id=x) for x in (0, 2)]
    gold = Regions.from_regions(parts, height=4, width=6)

    with pytest.raises(InvalidInputError, match=r"panoptic.overlap.*4 px shared with annotation 0"):
        segcore.evaluate(Held(i=gold), Held(i=gold), task="panoptic")


def test_only_the_first_of_many_overlaps_are_named_and_the_others_counted():
    parts = [Region(class_index=1, mask=box(0, 0, 3, 4), id=i) for i in range(20)]
    gold = Regions.from_regions(parts, height=4, width=6)

    with pytest.raises(InvalidInputError) as caught:
        segcore.evaluate(Held(i=gold), Held(i=gold), task="panoptic")

    faults = [fault for fault in caught.value.faults if fault.code == "panoptic.overlap"]
    assert len(faults) == 101
    assert {fault.got for fault in faults if fault.annotation is None} == {"90 more pairs that overlap"}


def box(x: int, y: int, width: int, height: int) -> RunMask:
    mask = np.zeros((4, 6), bool)
    mask[y : y + height, x : x + width] = True
    return RunMask.from_array(mask)


def test_classes_that_are_neither_thing_nor_stuff_are_named(tmp_path):
    (tmp_path / "gold.json").write_text(json.dumps({
        "images": [], "annotations": [],
        "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "sky", "supercategory": "stuff"}],
    }))  # fmt: skip
    spec = f"coco:{tmp_path}/gold.json"

    with pytest.raises(OntologyError, match=r"which these classes are: 'cat'; add `thing: true`"):
        segcore.evaluate(spec, spec, task="panoptic")


def test_label_maps_of_stuff_are_one_segment_a_class_and_image(tmp_path):
    for name, values in (
        ("gold", [[0, 0, 1, 1], [0, 0, 1, 1]]),
        ("delivery", [[0, 0, 0, 1], [0, 0, 1, 1]]),
    ):
        (tmp_path / name).mkdir()
        Image.fromarray(np.array(values, np.uint8)).save(tmp_path / name / "a.png")

    found = segcore.evaluate(
        f"png:{tmp_path}/gold", f"png:{tmp_path}/delivery", task="panoptic", ontology=STUFF
    )

    assert [c.pq for c in found.classes] == [4 / 5, 3 / 4]
    assert found.objects()["gold_id"] == [0, 1]


def test_label_maps_with_things_are_an_error_that_says_what_to_use(tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    values = np.zeros((2, 2), np.uint8)
    Image.fromarray(values).save(tmp_path / "a.png")
    ontology = Ontology((LabelClass(id=0, name="car", thing=True),))

    with pytest.raises(
        UsageError, match=r"does not tell one 'car' from the next.*coco-panoptic:.*cvat:"
    ):
        segcore.evaluate(f"png:{tmp_path}", f"png:{tmp_path}", task="panoptic", ontology=ontology)


def test_an_unknown_value_or_class_is_a_fault_and_not_void(tmp_path):
    Image.fromarray(np.array([[0, 7]], np.uint8)).save(tmp_path / "a.png")

    with pytest.raises(InvalidInputError, match=r"mask.unknown_value"):
        segcore.evaluate(f"png:{tmp_path}", f"png:{tmp_path}", task="panoptic", ontology=STUFF)
    spec = save(tmp_path, "gold", {"i": scene("a a", a=PERSON)})
    with pytest.raises(InvalidInputError, match=r"coco.unknown_class_name.*'person'"):
        segcore.evaluate(spec, spec, task="panoptic", ontology=STUFF)


@pytest.mark.parametrize("option", [{"scores": "equal"}, {"overlap": "last"}, {"keep_cells": True}])
def test_options_of_other_tasks_are_refused(specs, option):
    with pytest.raises(UsageError, match="the panoptic task has no use for"):
        segcore.evaluate(*specs, task="panoptic", **option)


def test_images_of_different_size_are_a_fault(tmp_path):
    specs = [
        save(tmp_path, name, {"i": scene(drawing, a=CAR)})
        for name, drawing in (("g", "a a"), ("d", "a\na"))
    ]

    with pytest.raises(InvalidInputError, match=r"delivery.size_mismatch.*expected 2 x 1, got 1 x 2"):
        segcore.evaluate(*specs, task="panoptic")
