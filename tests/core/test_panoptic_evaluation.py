"""``evaluate(task="panoptic")`` and ``score --task panoptic``: all sources, published numbers."""

from __future__ import annotations

import csv
import json
import pickle
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from panoptic_scenes import ONTOLOGY, Held, Scene, document, regions, save, scene
from PIL import Image

import segcore
from segcore.annotation import ImageAnnotation, LabelMap, Region, Regions, RunMask
from segcore.cli import main
from segcore.errors import InvalidInputError, OntologyError, UsageError
from segcore.kernels import LabelRuns
from segcore.measures.class_map import ClassMap
from segcore.measures.panoptic import PanopticMeasure, tabulated
from segcore.measures.segments import shared_pixels
from segcore.ontology import Crowd, LabelClass, Ontology
from segcore.panoptic_quality import match_segments

PERSON, CAR, SKY, ROAD = 3, 7, 21, 8

GOLD = """
    s s s s s s
    a a b b b .
    a a b b b .
    r r r r r r
"""
DELIVERY = """
    s s s s s s
    a a b b s s
    a a b x x x
    . . . . r r
"""


@pytest.fixture
def specs(tmp_path):
    """Two images, of which the second was not delivered.

    The sky matches with 6 of 7 pixels (one is void in the gold), person a fully; person b has 3 of
    6, which is not more than half; the road was given up; a car was seen where part of b is.
    """
    gold = {"one": scene(GOLD, a=PERSON, b=PERSON, s=SKY, r=ROAD), "two": scene("a a", a=CAR)}
    delivery = {"one": scene(DELIVERY, a=PERSON, b=PERSON, s=SKY, r=ROAD, x=CAR)}
    return save(tmp_path, "gold", gold), save(tmp_path, "delivery", delivery)


def test_counts_and_scores_of_a_batch_are_those_counted_by_hand(specs):
    found = segcore.evaluate(*specs, task="panoptic")

    assert found.task == "panoptic"
    assert [c.name for c in found.classes] == ["person", "car", "road", "sky"]
    person, car, road, sky = found.classes
    assert (person.tp, person.fp, person.fn, person.sq) == (1, 1, 1, 1.0)
    assert (person.pq, person.rq) == (0.5, 0.5)
    assert (car.tp, car.fp, car.fn, car.pq, car.sq) == (0, 1, 1, 0.0, 0.0)
    assert (road.tp, road.fp, road.fn) == (0, 1, 1)
    assert (sky.tp, sky.fp, sky.fn, sky.pq) == (1, 0, 0, 6 / 7)
    assert (person.support_images, person.support_instances, person.thing) == (1, 2, True)
    assert found.overall.things.pq == 0.25
    assert found.overall.stuff.pq == pytest.approx(3 / 7)
    assert found.images.missing_in_delivery == ("two",)
    assert [fault.code for fault in found.faults] == ["delivery.missing_image"]


def test_the_document_has_the_names_of_the_contract(specs):
    document = segcore.evaluate(*specs, task="panoptic").to_json()

    assert (document["task"], document["schema"], document["outcome"]) == ("panoptic", 1, "scored")
    assert document["classes"][0] == {
        "id": 3, "name": "person", "thing": True, "pq": 0.5, "sq": 1.0, "rq": 0.5,
        "tp": 1, "fp": 1, "fn": 1, "ignored": 0, "support": {"images": 1, "instances": 2},
    }  # fmt: skip
    assert set(document["overall"]) == {"all", "things", "stuff"}
    assert {"pq", "sq", "rq", "tp", "fp", "fn"} < set(document["overall"]["all"])
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document["counts"]["gold"] == {
        "annotations_read": 5, "used": 5, "rejected": 0, "ignored": {}
    }  # fmt: skip
    assert {"match", "void", "crowd", "segments"} < set(document["conventions"])


def test_the_table_has_a_row_for_every_class_an_image_holds(specs):
    table = segcore.evaluate(*specs, task="panoptic").table()

    assert table == {
        "image": ["one"] * 4 + ["two"],
        "class": ["person", "car", "road", "sky", "car"],
        "tp": [1, 0, 0, 1, 0],
        "fp": [1, 1, 1, 0, 0],
        "fn": [1, 0, 1, 0, 1],
        "ignored": [0, 0, 0, 0, 0],
        "iou_sum": [1.0, 0.0, 0.0, 6 / 7, 0.0],
        "pq": [0.5, 0.0, 0.0, 6 / 7, 0.0],
    }


def test_every_segment_is_listed_with_its_id_and_what_became_of_it(specs):
    objects = segcore.evaluate(*specs, task="panoptic").objects()

    rows = list(zip(*objects.values(), strict=True))
    a, b, s, r, x = (ord(letter) for letter in "absrx")
    assert list(objects) == [
        "image", "kind", "gold_class", "gold_id", "gold_px",
        "delivery_class", "delivery_id", "delivery_px", "iou",
    ]  # fmt: skip
    assert rows == [
        ("one", "matched", "person", a, 4, "person", a, 4, 1.0),
        ("one", "matched", "sky", s, 6, "sky", s, 8, 6 / 7),
        ("one", "missed", "person", b, 6, None, None, None, None),
        ("one", "missed", "road", r, 6, None, None, None, None),
        ("one", "extra", None, None, None, "person", b, 3, None),
        ("one", "extra", None, None, None, "car", x, 3, None),
        ("one", "extra", None, None, None, "road", r, 2, None),
        ("one", "near", "person", b, 6, "person", b, 3, 0.5),
        ("one", "near", "road", r, 6, "road", r, 2, 2 / 6),
        ("two", "missed", "car", a, 2, None, None, None, None),
    ]


@pytest.mark.parametrize("order", ["abc", "cba", "bca"])
def test_segments_alike_in_class_and_area_are_listed_by_their_place(tmp_path, order):
    # neither in the order of their ids nor in that of their last pixels
    one = scene("c c b b a a b a c", a=PERSON, b=PERSON, c=PERSON)
    one.classes = {ord(letter): PERSON for letter in order}
    spec = save(tmp_path, "gold", {"i": one})

    objects = segcore.evaluate(spec, spec, task="panoptic").objects()

    assert [chr(own_id) for own_id in objects["gold_id"]] == ["c", "b", "a"]


def test_a_segment_under_another_class_is_listed_as_confused(tmp_path):
    gold, delivery = (
        {"i": scene("a a a .", a=PERSON)},
        {"i": scene("a a . a", a=CAR)},
    )
    specs = save(tmp_path, "gold", gold), save(tmp_path, "delivery", delivery)

    objects = segcore.evaluate(*specs, task="panoptic").objects()

    assert list(zip(objects["kind"], objects["iou"], strict=True)) == [
        ("missed", None), ("extra", None), ("confused", 2 / 3)
    ]  # fmt: skip


def test_the_result_does_not_depend_on_the_number_of_jobs_and_survives_pickling(specs):
    alone = segcore.evaluate(*specs, task="panoptic")
    shared = segcore.evaluate(*specs, task="panoptic", jobs=2)

    assert alone.to_json() == shared.to_json()
    assert alone.objects() == shared.objects()
    assert pickle.loads(pickle.dumps(alone)).to_json() == alone.to_json()


def test_the_command_prints_the_classes_worst_first_and_writes_json_and_csv(specs, tmp_path, capsys):
    code = main(
        [
            "score",
            *specs,
            "--task",
            "panoptic",
            "--json",
            f"{tmp_path}/s.json",
            "--csv",
            f"{tmp_path}/s.csv",
        ]
    )

    printed = capsys.readouterr().out
    rows = list(csv.reader((tmp_path / "s.csv").read_text().splitlines()))
    assert code == 0
    assert printed.index("car") < printed.index("person") < printed.index("sky")
    assert "things: PQ 0.2500" in printed
    assert json.loads((tmp_path / "s.json").read_text())["overall"]["things"]["pq"] == 0.25
    assert rows[0][:7] == ["id", "name", "thing", "pq", "sq", "rq", "tp"]
    assert rows[1][:7] == ["3", "person", "True", "0.5", "1.0", "0.5", "1"]


# ------------------------------------------------------------------------------ other sources


def scores(found: Any) -> list[Any]:
    return [(c.name, c.tp, c.fp, c.fn, c.ignored, c.iou_sum) for c in found.classes]


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


STUFF = Ontology((LabelClass(id=0, name="sky", thing=False), LabelClass(id=1, name="road", thing=False)))


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


# ------------------------------------------------------------------------------ counting


def test_many_segments_are_counted_without_a_table_of_all_pairs():
    rng = np.random.default_rng(3)
    gold, delivery = (np.repeat(rng.integers(0, 2000, 9000), 3) for _ in range(2))

    found = shared_pixels(runs(gold), runs(delivery), segments=2000)

    both = (gold > 0) & (delivery > 0)
    pairs, pixels = np.unique(np.stack([gold, delivery])[:, both] - 1, axis=1, return_counts=True)
    assert np.array_equal(np.stack([found.gold, found.delivery]), pairs)
    assert np.array_equal(found.shared_px, pixels)


def runs(labels: np.ndarray) -> LabelRuns:
    starts = np.flatnonzero(np.diff(labels, prepend=-1)).astype(np.int32)
    return LabelRuns(pixels=labels.size, starts=starts, codes=labels[starts].astype(np.int32))


def test_a_region_without_a_pixel_is_missed_or_extra():
    nothing = RunMask.from_array(np.zeros((4, 6)))
    empty = Regions.from_regions([Region(class_index=1, mask=nothing, id=5)], height=4, width=6)
    classes = ClassMap(target=ONTOLOGY, source=ONTOLOGY, file="held")
    measure = PanopticMeasure(gold=classes, delivery=classes, crowd=Crowd.IGNORE)
    annotation = ImageAnnotation(key="i", height=4, width=6, content=empty)

    found = match_segments(tabulated([("i", measure(annotation, annotation).tally)])).counts(4)[1]

    assert (found.tp, found.fp, found.fn) == (0, 1, 1)


# ------------------------------------------------------------------------------ the other tasks


def test_the_semantic_task_reads_the_class_of_each_pixel(tmp_path):
    gold = scene("a a g g s .", "g", a=PERSON, g=CAR, s=SKY)
    delivery = scene("a x g g . s", a=PERSON, x=PERSON, g=CAR, s=SKY)
    specs = save(tmp_path, "gold", {"i": gold}), save(tmp_path, "delivery", {"i": delivery})

    found = segcore.evaluate(*specs)
    counted = segcore.evaluate(*specs, crowd="class")

    # void and crowd of the gold are not counted; a hole of the delivery is
    assert found.confusion.tolist() == [
        [2, 0, 0, 0, 0], [0] * 5, [0] * 5, [0, 0, 0, 0, 1], [0] * 5
    ]  # fmt: skip
    assert [c.support_instances for c in found.classes] == [1, 0, 0, 1]
    assert [c.iou for c in counted.classes] == [1.0, 1.0, None, 0.0]
    assert found.counts["gold"].ignored == {"crowd region": 1}
    assert [fault.code for fault in found.faults] == []


def test_the_semantic_task_compares_segments_with_regions_and_label_maps(tmp_path):
    one = scene(GOLD, a=PERSON, b=CAR, s=SKY, r=ROAD)
    spec = save(tmp_path, "gold", {"one": one})
    index = {c.id: i for i, c in enumerate(ONTOLOGY.classes)}
    values = np.full(one.ids.shape, 255, np.uint8)
    for own_id, category in one.classes.items():
        values[one.ids == own_id] = index[category]
    lookup = np.append(np.arange(255), -1).astype(np.int32)
    lookup[4:255] = -3

    for other in (Held(one=regions(one)), Held(one=LabelMap(values=values, lookup=lookup))):
        assert segcore.evaluate(spec, other).mean_iou == 1.0
        assert segcore.evaluate(other, spec).mean_iou == 1.0


def test_an_unknown_class_is_named_by_its_segment_in_the_semantic_task(tmp_path):
    spec = save(tmp_path, "gold", {"i": scene("a s", a=PERSON, s=SKY)})

    with pytest.raises(InvalidInputError, match=rf"annotation {ord('a')}: .*'person'"):
        segcore.evaluate(spec, spec, ontology=STUFF)


def test_the_instance_task_reads_the_things(tmp_path):
    gold = scene(GOLD, "b", a=PERSON, b=PERSON, s=SKY, r=ROAD)
    delivery = scene(DELIVERY, a=PERSON, b=PERSON, s=SKY, r=ROAD, x=CAR)
    specs = save(tmp_path, "gold", {"i": gold}), save(tmp_path, "delivery", {"i": delivery})

    found = segcore.evaluate(*specs, task="instance")

    person, car, road, sky = found.classes
    assert (person.at50.matched, person.at50.missed, person.at50.extra) == (1, 0, 0)  # b is a crowd
    assert (car.at50.matched, car.at50.missed, car.at50.extra) == (0, 0, 1)
    assert (road.at50.f1, sky.at50.f1) == (None, None)
    assert found.objects()["gold_id"][0] == ord("a")
    assert found.objects()["gold_px"][0] == 4


# ------------------------------------------------------------------------------ Cityscapes


@pytest.fixture
def cityscapes(tmp_path, capsys):
    """Instance ids of two cities, and what ``cityscapesscripts`` makes of them."""
    from cityscapesscripts.preparation.createPanopticImgs import convert2panoptic

    #        road, sky, void, a group of cars, two cars, a person
    values = np.array([7, 23, 4, 26, 26000, 26001, 24005], np.uint16)
    rng = np.random.default_rng(0)
    for side, noise in (("gold", 0), ("delivery", 9)):
        folder = tmp_path / side / "val" / "bonn"
        folder.mkdir(parents=True)
        for n in range(2):
            places = np.add.outer(np.arange(35) // 5, np.zeros(20, int)) + n
            places[:noise] = rng.integers(0, 7, (noise, 20))
            if noise:
                places = np.roll(places, 1, axis=0)
            ids = values[places % 7]
            Image.fromarray(ids).save(folder / f"bonn_00000{n}_000019_gtFine_instanceIds.png")
        convert2panoptic(str(tmp_path / side), str(tmp_path / side), setNames=["val"])
    capsys.readouterr()
    return tmp_path


def test_instance_ids_are_the_panoptic_masks_cityscapesscripts_makes_of_them(cityscapes):
    folders = [f"cityscapes:{cityscapes}/{side}/val?file=instanceIds" for side in ("gold", "delivery")]
    documents = [
        f"coco-panoptic:{cityscapes}/{side}/cityscapes_panoptic_val.json"
        for side in ("gold", "delivery")
    ]

    of_folders = segcore.evaluate(*folders, task="panoptic")
    of_documents = segcore.evaluate(*documents, task="panoptic")
    mixed = segcore.evaluate(folders[0], documents[1], task="panoptic")

    by_name = {row[0]: row for row in scores(of_documents)}
    assert {row[0]: row for row in scores(of_folders) if any(row[1:])} == {
        name: row for name, row in by_name.items() if any(row[1:])
    }
    assert scores(mixed) == scores(of_folders)
    assert of_folders.images.paired == ("bonn_000000_000019", "bonn_000001_000019")
    assert of_documents.images.paired == of_folders.images.paired
    assert of_folders.counts["gold"].ignored == {"crowd region": 2}
    assert of_folders.counts == of_documents.counts
    assert {"matched", "missed", "extra"} <= set(of_folders.objects()["kind"])


def test_numbers_of_cityscapes_are_those_of_cityscapesscripts(cityscapes, capsys):
    from cityscapesscripts.evaluation.evalPanopticSemanticLabeling import (
        average_pq,
        pq_compute_single_core,
    )

    sides = [cityscapes / side / "cityscapes_panoptic_val" for side in ("gold", "delivery")]
    documents = [json.loads(side.with_suffix(".json").read_text()) for side in sides]
    categories = {c["id"]: c for c in documents[0]["categories"]}

    found = segcore.evaluate(*(f"coco-panoptic:{side}.json" for side in sides), task="panoptic")

    pairs = list(zip(*(d["annotations"] for d in documents), strict=True))
    peer = average_pq(pq_compute_single_core(0, pairs, *map(str, sides), categories), categories)
    capsys.readouterr()
    for kind, name in (("all", "All"), ("things", "Things"), ("stuff", "Stuff")):
        own = getattr(found.overall, kind)
        assert [own.pq, own.sq, own.rq] == pytest.approx([peer[name][key] for key in ("pq", "sq", "rq")])
        assert own.classes == peer[name]["n"]
    assert 0 < found.overall.all.pq < 1


def test_the_instance_task_reads_the_objects_of_instance_ids(cityscapes):
    spec = f"cityscapes:{cityscapes}/gold/val?file=instanceIds"

    found = segcore.evaluate(spec, spec, task="instance")

    assert {c.name: c.at50.matched for c in found.classes if c.at50.matched} == {"person": 2, "car": 4}
    assert found.overall.at50.f1 == 1.0


@pytest.mark.parametrize("task", ["panoptic", "instance", "semantic"])
def test_an_instance_id_of_no_class_is_a_fault_and_not_void(cityscapes, task):
    path = cityscapes / "gold/val/bonn/bonn_000000_000019_gtFine_instanceIds.png"
    ids = np.array(Image.open(path)).astype(np.uint16)
    ids[0, 0] = 34_000
    Image.fromarray(ids).save(path)
    spec = f"cityscapes:{cityscapes}/gold/val?file=instanceIds"

    with pytest.raises(InvalidInputError, match=r"mask.unknown_value.*34000"):
        segcore.evaluate(spec, spec, task=task)


def test_label_ids_do_not_tell_things_apart(cityscapes):
    ids = np.full((2, 2), 7, np.uint8)
    Image.fromarray(ids).save(cityscapes / "bonn_000000_000019_gtFine_labelIds.png")

    with pytest.raises(UsageError, match="file=instanceIds"):
        segcore.evaluate(
            f"cityscapes:{cityscapes}?file=labelIds",
            f"cityscapes:{cityscapes}?file=labelIds",
            task="panoptic",
        )


# ------------------------------------------------------------------------------ published numbers


def test_deeplab2_panoptic_numbers(shared_data: Callable[[str], Path], tmp_path):
    folder = shared_data("deeplab2_panoptic_eval")
    expected = json.loads((folder / "EXPECTED.json").read_text())
    colors = {
        tuple(map(int, name.split(","))): value for name, value in expected["rgb_color_map"].items()
    }
    categories = [{"id": i, "name": f"class {i}", "isthing": int(i < 3)} for i in range(1, 7)]

    def gray(name: str) -> np.ndarray:
        path = folder / "evaluation/testdata" / name
        return np.array(Image.open(path).convert("L")).astype(np.int64)

    def delivered(name: str) -> Scene:
        classes = np.array(
            Image.open(folder / f"evaluation/testdata/{name}_pred_class.png").convert("RGB")
        )
        codes = np.zeros(classes.shape[:2], np.int64)
        for color, value in colors.items():
            codes[(classes == color).all(axis=-1)] = value
        return paired(codes, gray(f"{name}_pred_instance.png"))

    def wanted(name: str) -> Scene:
        instances = gray(expected["gt_files"][name])
        codes = np.zeros_like(instances)
        for value, code in expected["gt_instance_gray_to_class"][name].items():
            codes[instances == int(value)] = code
        return paired(codes, instances)

    for names, key in ((["team"], "single_image_team"), (["team", "bird", "cat"], "three_images")):
        specs = [
            save(tmp_path / key, side, {name: read(name) for name in names}, categories=categories)
            for side, read in (("gold", wanted), ("delivery", delivered))
        ]

        overall = segcore.evaluate(*specs, task="panoptic").overall.all

        numbers = expected[key]
        # printed as float32
        assert [overall.pq, overall.sq, overall.rq] == pytest.approx(
            [numbers["PQ"], numbers["SQ"], numbers["RQ"]], abs=1e-7
        )
        means = [n / overall.classes for n in (overall.tp, overall.fn, overall.fp)]
        assert means == pytest.approx([numbers["TP_mean"], numbers["FN_mean"], numbers["FP_mean"]])


def paired(classes: np.ndarray, instances: np.ndarray) -> Scene:
    """A segment is a class and an instance; class 0 is void."""
    ids = np.where(classes > 0, 1000 * classes + instances, 0)
    return Scene(ids, {int(v): int(v) // 1000 for v in np.unique(ids) if v})


def test_bdd100k_panoptic_numbers(shared_data: Callable[[str], Path], tmp_path):
    folder = shared_data("bdd100k_eval")
    expected = json.loads((folder / "EXPECTED.json").read_text())
    config = tomllib.loads((folder / "bdd100k/configs/pan_seg.toml").read_text())
    categories = [
        {"id": i, "name": c["name"], "isthing": int(c["isThing"])}
        for i, c in enumerate(config["scalabel"]["categories"], 1)
    ]
    categories.append({"id": 99, "name": "nothing", "isthing": 0})

    def batch(side: str, images: str) -> dict[str, Scene]:
        """As segments; void of the gold as a crowd of a class of its own.

        BDD100K leaves void in the union of a match, other than panopticapi: so it is no void.
        """
        found = {}
        for name in images:
            pixels = np.array(Image.open(folder / f"tests/eval/testcases/pan_seg/{side}/{name}.png"))
            classes = pixels[..., 0].astype(np.int64)
            ids = classes * 65536 + pixels[..., 2].astype(np.int64) * 256 + pixels[..., 3]
            ids[classes == 0] = 0 if side == "pred" else 99 << 16
            segments = {int(v): int(v) >> 16 for v in np.unique(ids) if v}
            found[name] = Scene(ids, segments, {99 << 16} & set(segments))
        return found

    def evaluated(gold: str, images: str, delivered: str) -> Any:
        return segcore.evaluate(
            save(tmp_path / images, "gold", batch(gold, images), categories=categories),
            save(tmp_path / images, "delivery", batch("pred", delivered), categories=categories),
            task="panoptic",
        )

    found = evaluated("gt", "a", "a")
    assert [
        [c.id, c.tp, c.fp, c.fn, c.iou_sum] for c in found.classes if c.tp + c.fp + c.fn
    ] == expected["pan_seg_a_png_cat_tp_fp_fn_iousum"]
    for sides, key in (
        (("gt", "ab", "ab"), "pan_seg_dir"),
        (("gt+", "abc", "ab"), "pan_seg_gtplus_one_prediction_missing"),
    ):
        overall, numbers = evaluated(*sides).overall, expected[key]
        own = {
            "PQ": overall.all.pq, "PQ/STUFF": overall.stuff.pq, "PQ/THING": overall.things.pq,
            "SQ": overall.all.sq, "RQ": overall.all.rq,
        }  # fmt: skip
        assert {name: 100 * value for name, value in own.items()} == pytest.approx(
            {name: numbers[name] for name in own}, abs=1e-12
        )
        assert overall.all.classes == numbers["N"]


def test_three_encodings_of_the_coco_samples_are_the_same_segments(
    shared_data: Callable[[str], Path], tmp_path
):
    folder = shared_data("coco_panoptic_samples") / "sample_data"
    spec = f"coco-panoptic:{folder}/panoptic_examples.json"
    original = json.loads((folder / "panoptic_examples.json").read_text())
    detections = json.loads((folder / "panoptic_coco_detection_format.json").read_text())["annotations"]
    entries = [entry | {"id": i} for i, entry in enumerate(detections, 1)]
    (tmp_path / "regions.json").write_text(json.dumps(original | {"annotations": entries}))
    names = {image["id"]: Path(image["file_name"]).stem for image in original["images"]}
    channels = {}
    for name in names.values():
        pixels = np.array(Image.open(folder / f"panoptic_examples_2ch_format/{name}.png")).astype(int)
        ids = pixels[..., 0] * 256 + pixels[..., 1] + 1
        ids[pixels[..., 0] == 0] = 0
        channels[name] = Scene(ids, {int(v): int(v) - 1 >> 8 for v in np.unique(ids) if v})
    two_channels = save(
        tmp_path,
        "channels",
        channels,
        images=document_images(channels),
        categories=original["categories"],
    )

    segments = sum(len(a["segments_info"]) for a in original["annotations"])
    for other in (spec, f"coco:{tmp_path}/regions.json", two_channels):
        for sides in ((spec, other), (other, spec)):
            overall = segcore.evaluate(*sides, task="panoptic").overall
            assert [overall.all.pq, overall.things.pq, overall.stuff.pq] == [1.0, 1.0, 1.0]
            crowds = sum(e["iscrowd"] for a in original["annotations"] for e in a["segments_info"])
            assert overall.all.tp >= segments - crowds
            assert (overall.all.fp, overall.all.fn) == (0, 0)


def document_images(batch: dict[str, Scene]) -> list[dict[str, Any]]:
    return document(batch)["images"]
