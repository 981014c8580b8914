"""The front door of COCO panoptic: what is read of a document and its PNGs."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
from panoptic_scenes import (
    CAR,
    CATEGORIES,
    ONTOLOGY,
    PERSON,
    SKY,
    check,
    document,
    rgb,
    save,
    scene,
    with_crowd,
)

import segcore
from segcore.annotation import SegmentMap
from segcore.errors import OntologyError, SpecError
from segcore.masks import segment_ids

A, B, S = ord("a"), ord("b"), ord("s")


@pytest.fixture
def batch():
    return with_crowd()


def test_segments_are_read_with_their_class_crowd_flag_and_id(tmp_path, batch):
    source = segcore.open(save(tmp_path, "gold", batch))

    read = source.read("one")

    assert source.keys() == ("one", "two")
    assert [c.name for c in source.ontology.classes] == ["person", "car", "road", "sky"]
    assert [c.thing for c in source.ontology.classes] == [True, True, False, False]
    assert isinstance(read.content, SegmentMap)
    assert read.content.to_array().tolist() == [[1, 1, 3], [2, 0, 3]]
    assert read.content.ids == (A, B, S)
    assert read.content.classes.tolist() == [0, 0, 3]
    assert read.content.crowd.tolist() == [False, True, False]
    assert (read.read, read.rejected, read.file) == (3, 0, f"{tmp_path}/gold/one.png")
    assert source.annotation_count("one") == 3
    assert list(source.faults) == []


def test_ids_of_three_bytes_are_red_then_green_then_blue(tmp_path):
    one = scene("a b", a=CAR, b=CAR)
    one.ids = np.array([[1 + 2 * 256 + 3 * 65536, 16_777_215]])
    one.classes = {197_121: CAR, 16_777_215: SKY}

    source = segcore.open(save(tmp_path, "gold", {"i": one}))

    assert source.read("i").content.ids == (197_121, 16_777_215)
    assert source.read("i").content.classes.tolist() == [1, 3]


def test_more_segments_than_a_byte_can_number_are_kept_apart(tmp_path):
    ids = np.arange(1, 601).reshape(20, 30)
    one = scene("a", a=CAR)
    one.ids, one.classes = ids, dict.fromkeys(range(1, 601), CAR)

    read = segcore.open(save(tmp_path, "gold", {"i": one})).read("i")

    assert read.content.to_array().dtype == np.uint16
    assert np.array_equal(read.content.to_array(), ids)


def test_masks_may_lie_elsewhere_and_in_folders(tmp_path, batch):
    save(tmp_path, "gold", batch)
    (tmp_path / "gold").rename(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "deep").mkdir()
    (tmp_path / "elsewhere" / "two.png").rename(tmp_path / "elsewhere" / "deep" / "two.png")
    content = document(batch)
    content["annotations"][1]["file_name"] = "deep/two.png"

    assert check(tmp_path, content, f"?masks={tmp_path}/elsewhere") == []


def test_a_folder_of_masks_that_is_not_there_is_named_with_the_option(tmp_path, batch):
    (tmp_path / "gold.json").write_text(json.dumps(document(batch)))

    with pytest.raises(SpecError, match=r"no such folder: .*/gold; the PNGs of .*\?masks=DIR"):
        segcore.check(f"coco-panoptic:{tmp_path}/gold.json")


def test_images_nobody_annotated_are_no_images(tmp_path, batch):
    content = document(batch)
    save(tmp_path, "gold", batch)
    content["annotations"].pop()

    assert check(tmp_path, content) == []
    assert segcore.open(f"coco-panoptic:{tmp_path}/gold.json").keys() == ("one",)


def test_image_ids_that_are_text_are_the_keys(tmp_path, batch):
    content = document(batch)
    save(tmp_path, "gold", batch)
    for entry, name in zip(content["images"], ("bonn_1", "bonn_2"), strict=True):
        entry["id"] = name
    for entry, name in zip(content["annotations"], ("bonn_1", "bonn_2"), strict=True):
        entry["image_id"] = name

    assert check(tmp_path, content) == []
    assert segcore.open(f"coco-panoptic:{tmp_path}/gold.json").keys() == ("bonn_1", "bonn_2")


@pytest.mark.parametrize("option", [False, True], ids=["beside its gold", "with gt"])
def test_a_delivery_may_leave_images_and_categories_to_its_gold(tmp_path, batch, option):
    gold = save(tmp_path, "gold", batch)
    delivery = save(tmp_path, "delivery", batch)
    (tmp_path / "delivery.json").write_text(json.dumps({"annotations": document(batch)["annotations"]}))

    if option:
        report = segcore.check(f"{delivery}?gt={tmp_path}/gold.json")
        assert (report.faults, report.info.images) == ((), 2)
    else:
        assert segcore.evaluate(gold, delivery, task="panoptic").overall.all.pq == 1.0
        codes = {(f.code, f.expected) for f in segcore.check(delivery).faults}
        assert codes == {
            ("coco.missing_field", "images"),
            ("coco.missing_field", "categories"),
        }


def test_the_digest_changes_with_a_pixel_and_with_a_class(tmp_path, batch):
    first = segcore.check(save(tmp_path / "1", "gold", batch)).info.sha256
    again = segcore.check(save(tmp_path / "2", "gold", batch)).info.sha256
    batch["one"].classes[A] = CAR
    other_class = segcore.check(save(tmp_path / "3", "gold", batch)).info.sha256
    batch["one"].classes[A] = PERSON
    batch["one"].ids[1, 1] = A
    other_pixel = segcore.check(save(tmp_path / "4", "gold", batch)).info.sha256

    assert first == again
    assert len({first, other_class, other_pixel}) == 3


def test_a_source_reads_the_same_after_pickling(tmp_path, batch):
    source = segcore.open(save(tmp_path, "gold", batch))
    source.keys()

    again = pickle.loads(pickle.dumps(source))

    assert np.array_equal(again.read("one").content.numbers, source.read("one").content.numbers)


@pytest.mark.parametrize("task", ["panoptic", "instance"])
def test_categories_that_are_neither_thing_nor_stuff_need_an_ontology_that_says(tmp_path, batch, task):
    categories = [{"id": c["id"], "name": c["name"]} for c in CATEGORIES]
    spec = save(tmp_path, "gold", batch, categories=categories)

    with pytest.raises(OntologyError, match=r"'person', 'car', 'road', 'sky'; add `thing: true`"):
        segcore.evaluate(spec, spec, task=task)
    assert segcore.evaluate(spec, spec, task=task, ontology=ONTOLOGY).images.paired == ("one", "two")


# ------------------------------------------------------------------------------ numbering


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (1, 1), (2, 9), (40, 7)])
def test_runs_are_numbered_by_the_announced_ids(shape):
    rng = np.random.default_rng(shape[0])
    ids = rng.choice([0, 3, 700, 70_000, 5], shape)
    announced = np.array([3, 99, 70_000], np.uint32)

    found = segment_ids.number_segments(rgb(ids), announced)

    dense = np.repeat(found.numbers, np.diff(found.starts, append=ids.size)).reshape(shape)
    assert np.array_equal(dense, np.select([ids == 3, ids == 70_000], [1, 3], 0))
    assert found.areas_px.tolist() == [(ids == 3).sum(), 0, (ids == 70_000).sum()]
    strangers = {stranger.id: stranger for stranger in found.strangers}
    assert set(strangers) == {int(v) for v in np.unique(ids)} & {5, 700}
    for own_id, stranger in strangers.items():
        y, x = np.argwhere(ids == own_id)[0]
        assert (stranger.pixels, stranger.x, stranger.y) == ((ids == own_id).sum(), x, y)


def test_categories_of_the_tests_have_the_order_their_ids_do_not():
    # so that an index taken for an id shows
    assert [c["id"] for c in CATEGORIES] != sorted(c["id"] for c in CATEGORIES)
