"""An evaluation of some images is the evaluation of a batch that holds only those."""

from __future__ import annotations

import copy
import tempfile
from pathlib import Path

import instance_scenes
import numpy as np
import panoptic_scenes
import pytest
from drawn_sources import Drawn, drawn, mask, regions
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import segcore
from segcore.errors import UsageError

SEMANTIC = {"keep_cells": True, "dilation": "1px", "surfaces": True}


def said(evaluation):
    """Everything that is derived from the counts; what tells of the inputs is left out."""
    options = {"tolerance_px": 1.0} if evaluation.task == "semantic" else {}
    document = evaluation.to_json(**options)
    for block in ("inputs", "counts", "faults", "conventions"):
        del document[block]
    del document["images"]["extra_in_delivery"]
    return document, evaluation.images.gold, evaluation.table()


def only(source, keys):
    """The source of a batch that holds only these images."""
    return Drawn({key: held for key, held in source.images.items() if key in keys})


maps = hnp.arrays(np.uint8, (4, 5), elements=st.sampled_from([0, 0, 1, 254, 255]))
delivered_maps = hnp.arrays(np.uint8, (4, 5), elements=st.sampled_from([0, 1, 1, 254]))


@settings(deadline=None)
@given(
    gold=st.lists(maps, min_size=1, max_size=5),
    delivery=st.lists(delivered_maps | st.none(), min_size=5, max_size=5),
    chosen=st.sets(st.integers(0, 4), min_size=1),
)
def test_pixels_bands_and_outlines_of_some_images_are_those_of_a_batch_of_them(gold, delivery, chosen):
    keys = [f"image {i}" for i in range(len(gold))]
    trusted = Drawn(dict(zip(keys, gold, strict=True)))
    vendors = {key: held for key, held in zip(keys, delivery, strict=False) if held is not None}
    vendors.setdefault(keys[0], np.zeros((4, 5), np.uint8))
    chosen = {keys[i % len(keys)] for i in chosen} | {keys[0]}
    whole = segcore.evaluate(trusted, Drawn(vendors), **SEMANTIC)
    peer = segcore.evaluate(only(trusted, chosen), only(Drawn(vendors), chosen), **SEMANTIC)

    found = whole.restricted_to(chosen)

    assert said(found) == said(peer)
    for name in ("offsets", "cells", "pixels"):
        assert np.array_equal(getattr(found.tallies.cells, name), getattr(peer.tallies.cells, name))


def test_by_hand_the_pixels_of_the_other_image_are_gone():
    whole = segcore.evaluate(drawn(a="ssss", b="cccc"), drawn(a="sscc", b="sccc"), keep_cells=True)

    found = whole.restricted_to(["b"])

    assert found.confusion.tolist() == [[0, 0, 0], [1, 3, 0], [0, 0, 0]]
    assert [c.iou for c in found.classes] == [0.0, 0.75]
    assert found.images.gold == 1
    assert found.images.paired == ("b",)
    assert whole.confusion.tolist() == [[2, 2, 0], [1, 3, 0], [0, 0, 0]]


def instances(*shapes):
    return regions(*((1, mask(shape)) for shape in shapes), shape=(1, 4))


def test_gold_instances_are_those_of_the_images_also_where_they_have_no_pixel():
    covered = regions((0, mask("##..")), (1, mask("##..")), shape=(1, 4))
    gold = Drawn({"a": instances("#...", "..#."), "b": covered})
    whole = segcore.evaluate(gold, gold, keep_cells=True)

    one, two = whole.restricted_to("a"), whole.restricted_to("b")

    assert [c.support_instances for c in one.classes] == [0, 2]
    assert [c.support_instances for c in two.classes] == [1, 1]
    assert two.classes[1].gold_pixels == 2 or two.classes[0].gold_pixels == 2


def test_instances_are_known_of_images_whose_gold_tells_them_apart():
    gold = Drawn({"map": np.array([[1, 1, 0, 0]], np.uint8), "regions": instances("##..")})
    whole = segcore.evaluate(gold, gold, keep_cells=True)

    found = whole.restricted_to(["regions"])

    assert whole.classes[1].support_instances is None
    assert whole.restricted_to(["map"]).classes[1].support_instances is None
    assert found.classes[1].support_instances == 1


@settings(deadline=None, max_examples=30)
@given(instance_scenes.batches(), st.sets(st.integers(1, 4), min_size=1))
def test_objects_of_some_images_are_those_of_a_batch_of_them(batch, chosen):
    gold, results = batch
    images = {image["id"] for image in gold["images"]}
    chosen = chosen & images or {1}
    cut = copy.deepcopy(gold)
    for block in ("images", "annotations"):
        name = "id" if block == "images" else "image_id"
        cut[block] = [entry for entry in gold[block] if entry[name] in chosen]
    kept = [entry for entry in results if entry["image_id"] in chosen]
    with tempfile.TemporaryDirectory() as folder:
        here, there = Path(folder, "all"), Path(folder, "some")
        for path in (here, there):
            path.mkdir()
        options = {"task": "instance", "dilation": "2px"}
        whole = segcore.evaluate(*instance_scenes.save(here, gold, results), **options)
        peer = segcore.evaluate(*instance_scenes.save(there, cut, kept), **options)

    found = whole.restricted_to(f"{i:03d}" for i in chosen)

    if kept:  # a list without a detection has no scores either
        assert said(found) == said(peer)
    ours, theirs = found.objects(), peer.objects()
    for side in (ours, theirs):
        del side["delivery_id"]  # a detection is called by its place in the list
    assert ours == theirs


@settings(deadline=None, max_examples=30)
@given(panoptic_scenes.coarse_batches(), st.sets(st.integers(0, 2)))
def test_segments_of_some_images_are_those_of_a_batch_of_them(batch, chosen):
    gold, delivery = batch
    chosen = {f"image {n}" for n in chosen} & set(gold) | {"image 0"}

    def some(side):
        return {key: one for key, one in side.items() if key in chosen}

    options = {"task": "panoptic", "dilation": "2px"}
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        sides = [panoptic_scenes.save(folder, *side) for side in (("g", gold), ("d", delivery))]
        whole = segcore.evaluate(*sides, **options)
        sides = [
            panoptic_scenes.save(folder, *side) for side in (("h", some(gold)), ("e", some(delivery)))
        ]
        peer = segcore.evaluate(*sides, **options)

    found = whole.restricted_to(chosen)

    assert said(found) == said(peer)
    assert found.objects() == peer.objects()


def test_what_was_read_stays_that_of_the_batch_and_says_so():
    whole = segcore.evaluate(drawn(a="s", b="c"), drawn(a="s", b="c"), keep_cells=True)

    found = whole.restricted_to(["a"])

    assert (found.inputs, found.counts) == (whole.inputs, whole.counts)
    assert found.conventions["restricted"] == (
        "1 of the 2 images of the batch; inputs and faults are of all"
    )
    assert "restricted" not in whole.conventions


def test_an_image_that_was_not_delivered_stays_missing_and_an_extra_one_is_in_no_part():
    whole = segcore.evaluate(drawn(a="s", b="c"), drawn(a="s", x="c"), keep_cells=True)

    found = whole.restricted_to(["b"])

    assert (found.images.gold, found.images.paired) == (1, ())
    assert found.images.missing_in_delivery == ("b",)
    assert found.images.extra_in_delivery == ()
    with pytest.raises(UsageError, match="1 of these images are not in the batch: 'x'"):
        whole.restricted_to(["x"])


def test_no_image_at_all_gives_an_evaluation_without_a_number():
    whole = segcore.evaluate(drawn(a="sc"), drawn(a="sc"), **SEMANTIC)

    found = whole.restricted_to([])

    assert [c.iou for c in found.classes] == [None, None]
    assert found.table()["image"] == []
    assert found.images.gold == 0


def test_without_the_confusion_of_each_image_pixels_cannot_be_cut_and_it_says_what_to_do():
    whole = segcore.evaluate(drawn(a="s"), drawn(a="s"))

    with pytest.raises(UsageError, match="keep_cells=True"):
        whole.restricted_to(["a"])


class TwoPeople(Drawn):
    """Two annotations of each image, as Label Studio gives them with ``annotations=all``."""

    def image_of(self, key):
        return key.partition("@")[0]


def test_two_annotations_of_one_image_are_one_gold_image():
    delivery = TwoPeople(drawn(**{"a@1": "s", "a@2": "c", "b@1": "c"}).images)
    whole = segcore.evaluate(drawn(a="s", b="c"), delivery, keep_cells=True)

    found = whole.restricted_to(["a@1", "a@2"])

    assert (found.images.gold, found.images.paired) == (1, ("a@1", "a@2"))
    assert found.confusion.tolist() == [[1, 1, 0], [0, 0, 0], [0, 0, 0]]
