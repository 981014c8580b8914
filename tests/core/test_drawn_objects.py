"""The masks of what was counted, in the order of the table: whichever object a number means."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from panoptic_scenes import ONTOLOGY, Held, batches, regions, save, scene

import segcore
from segcore.annotation import ImageAnnotation, LabelMap, Region, Regions, RunMask
from segcore.errors import UsageError
from segcore.measures.class_map import ClassMap
from segcore.measures.instance import InstanceMeasure
from segcore.measures.panoptic import PanopticMeasure
from segcore.ontology import Crowd

SAME = ClassMap(target=ONTOLOGY, source=ONTOLOGY, file="held")
MEASURES = {
    "instance": InstanceMeasure(gold=SAME, delivery=SAME, crowd=Crowd.IGNORE),
    "panoptic": PanopticMeasure(gold=SAME, delivery=SAME, crowd=Crowd.IGNORE),
}


def drawn(gold, delivery, task):
    """Of each pair that was counted: the table's ids, classes and crowds, and what is drawn."""
    evaluation = segcore.evaluate(gold, delivery, task=task)
    table = evaluation.tallies
    assert evaluation.ontology.names == ONTOLOGY.names
    for i, key in enumerate(table.keys):
        if key not in evaluation.images.paired:
            continue
        found = MEASURES[task].objects(gold.read(key), delivery.read(key))
        sides = (table.gold, table.gold_offsets), (table.delivery, table.delivery_offsets)
        for name, (objects, offsets), own in zip(("gold", "delivery"), sides, found, strict=True):
            part = slice(*offsets[i : i + 2].tolist())
            assert own.classes.tolist() == objects.classes[part].tolist()
            assert own.areas_px().tolist() == objects.areas_px[part].tolist()
            yield key, name, objects.ids[part], own


@given(batch=batches())
def test_a_segment_of_the_table_is_the_segment_that_is_drawn(batch):
    scenes = dict(zip(("gold", "delivery"), batch, strict=True))
    with tempfile.TemporaryDirectory() as folder:
        gold, delivery = (segcore.open(save(Path(folder), name, side)) for name, side in scenes.items())

        for key, name, ids, found in drawn(gold, delivery, "panoptic"):
            for own_id, region in zip(ids, found, strict=True):
                mask = scenes[name][key].ids == own_id
                np.testing.assert_array_equal(region.mask.to_array(), mask)


@given(batch=batches())
def test_whichever_side_is_a_mask_and_whichever_are_regions(batch):
    """Positions are counted along rows where both are masks, and along columns elsewhere."""
    scenes = dict(zip(("gold", "delivery"), batch, strict=True))
    held = Held(**{key: regions(one, pieces=True) for key, one in scenes["delivery"].items()})
    things = {c.id for c in ONTOLOGY.classes if c.thing}
    with tempfile.TemporaryDirectory() as folder:
        gold = segcore.open(save(Path(folder), "gold", scenes["gold"]))

        for key, name, ids, found in drawn(gold, held, "panoptic"):
            one = scenes[name][key]
            for own_id, region in zip(ids, found, strict=True):
                whole = one.ids == own_id
                if name == "delivery" and one.classes[own_id] not in things:
                    alike = [i for i, c in one.classes.items() if c == one.classes[own_id]]
                    whole = np.isin(one.ids, alike)
                np.testing.assert_array_equal(region.mask.to_array(), whole)


masks = st.lists(hnp.arrays(np.bool_, (4, 5)), max_size=5)


@given(gold=masks, delivery=masks, data=st.data())
def test_an_object_of_the_table_is_the_object_that_is_drawn(gold, delivery, data):
    def side(arrays):
        held = [
            Region(
                class_index=data.draw(st.integers(0, 1)),
                mask=RunMask.from_array(mask),
                crowd=data.draw(st.booleans()),
                id=f"object {n}",
            )
            for n, mask in enumerate(arrays)
        ]
        return Regions.from_regions(held, height=4, width=5)

    arrays = {"gold": gold, "delivery": delivery}
    sources = [Held(image=side(found)) for found in arrays.values()]

    for _, name, ids, found in drawn(*sources, "instance"):
        for own_id, region in zip(ids, found, strict=True):
            mask = arrays[name][int(own_id.split()[1])]
            np.testing.assert_array_equal(region.mask.to_array(), mask)


def test_values_that_are_objects_are_drawn_as_objects():
    # 1 and 2 are two cars, 3 is a group of them; the sky is no object.
    values = np.array([[1, 1, 2, 3], [0, 4, 4, 3]], np.uint8)
    lookup = np.full(256, -1, np.int32)
    car, sky = ONTOLOGY.names.index("car"), ONTOLOGY.names.index("sky")
    lookup[:5] = [-1, car, car, car, sky]
    told_apart = np.zeros(256, np.bool_)
    told_apart[[1, 2]] = True
    content = LabelMap(values=values, lookup=lookup, objects=told_apart)
    image = ImageAnnotation(key="image", height=2, width=4, content=content)

    gold, _ = MEASURES["instance"].objects(image, image)

    assert gold.ids == (1, 3, 2)
    assert gold.crowd.tolist() == [False, True, False]
    assert [region.mask.to_array().astype(int).tolist() for region in gold] == [
        [[1, 1, 0, 0], [0, 0, 0, 0]],
        [[0, 0, 0, 1], [0, 0, 0, 1]],
        [[0, 0, 1, 0], [0, 0, 0, 0]],
    ]


def test_an_annotation_of_unknown_size_has_that_of_the_other():
    one = scene("a a . \n . . .", a=7)
    gold = ImageAnnotation(key="image", height=2, width=3, content=regions(one))
    nothing = Regions.from_regions([], height=0, width=0)
    empty = ImageAnnotation(key="image", height=0, width=0, content=nothing)

    for measure in MEASURES.values():
        left, right = measure.objects(gold, empty)

        assert (right.height, right.width, len(right)) == (2, 3, 0)
        assert [region.mask.to_array().sum() for region in left] == [2]


def test_segments_that_overlap_by_now_are_refused():
    one = regions(scene("a a b", a=7, b=7))
    twice = one.take(np.array([0, 0, 1]))
    image, changed = (
        ImageAnnotation(key="image", height=1, width=3, content=content) for content in (one, twice)
    )

    with pytest.raises(UsageError, match="has faults that it had not before"):
        MEASURES["panoptic"].objects(image, changed)
