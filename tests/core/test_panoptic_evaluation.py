"""``evaluate(task="panoptic")`` and ``score --task panoptic``; panoptic documents in the other tasks."""

from __future__ import annotations

import csv
import json
import pickle

import numpy as np
import pytest
from panoptic_scenes import (
    CAR,
    DELIVERY,
    GOLD,
    ONTOLOGY,
    PERSON,
    ROAD,
    SKY,
    STUFF,
    Held,
    regions,
    save,
    scene,
    two_images,
)

import segcore
from segcore.annotation import ImageAnnotation, LabelMap, Region, Regions, RunMask
from segcore.cli import main
from segcore.errors import InvalidInputError
from segcore.kernels import LabelRuns
from segcore.measures.class_map import ClassMap
from segcore.measures.panoptic import PanopticMeasure
from segcore.measures.panoptic_rows import tabulated
from segcore.measures.segments import shared_pixels
from segcore.ontology import Crowd
from segcore.panoptic_quality import match_segments


@pytest.fixture
def specs(tmp_path):
    return two_images(tmp_path)


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
        "tp": 1, "fp": 1, "fn": 1, "ignored": 0, "iou_sum": 1.0,
        "support": {"images": 1, "instances": 2},
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
