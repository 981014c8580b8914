"""The front door of COCO panoptic: every fault of document and PNG with its place, in one run."""

from __future__ import annotations

import copy
import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from panoptic_scenes import CATEGORIES, ONTOLOGY, document, rgb, save, scene
from PIL import Image

import segcore
from segcore import limits
from segcore.annotation import SegmentMap
from segcore.errors import OntologyError, SpecError
from segcore.faults import Severity
from segcore.masks import segment_ids

PERSON, CAR, SKY, ROAD = 3, 7, 21, 8
A, B, S = ord("a"), ord("b"), ord("s")


@pytest.fixture
def batch():
    return {"one": scene("a a s\nb . s", "b", a=PERSON, b=PERSON, s=SKY), "two": scene("s", s=SKY)}


def check(folder: Path, content: Any, options: str = "") -> list[tuple[Any, ...]]:
    """The faults of a document whose PNGs are those of ``save``."""
    (folder / "gold.json").write_text(json.dumps(content))
    report = segcore.check(f"coco-panoptic:{folder}/gold.json{options}")
    counts = report.counts
    assert counts.read == counts.used + counts.rejected + sum(counts.ignored.values())
    return [
        (f.code, f.file.removeprefix(f"{folder}/"), f.image, f.annotation, f.got) for f in report.faults
    ]


# ------------------------------------------------------------------------------ what is read


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


# ------------------------------------------------------------------------------ what is refused


def test_segments_of_the_png_and_of_the_list_are_held_against_each_other(tmp_path, batch):
    content = document(batch)
    save(tmp_path, "gold", batch)
    segments = content["annotations"][0]["segments_info"]
    segments[0]["id"] = 999

    assert check(tmp_path, content) == [
        ("panoptic.unlisted_segment", "gold/one.png", "one", A, "2 px, first at x=0 y=0"),
        ("panoptic.missing_segment", "gold/one.png", "one", 999, "none"),
    ]


def test_a_photo_instead_of_a_mask_gives_some_faults_and_not_a_million(tmp_path, batch):
    save(tmp_path, "gold", batch)
    noise = np.random.default_rng(0).integers(1, 256, (2, 3, 3)).astype(np.uint8)
    large = np.tile(noise, (40, 40, 1)) + np.arange(80, dtype=np.uint8)[:, None, None]
    Image.fromarray(large).save(tmp_path / "gold" / "one.png")
    content = document(batch)
    content["images"][0] |= {"height": 80, "width": 120}

    faults = check(tmp_path, content)

    unlisted = [fault for fault in faults if fault[0] == "panoptic.unlisted_segment"]
    assert len(unlisted) == 101
    assert next(fault[4] for fault in unlisted if fault[3] is None).endswith("more segments without one")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"id": 0}, [("coco.bad_type", "segments_info[0]", "0")]),
        ({"id": 1 << 24}, [("coco.bad_type", "segments_info[0]", "16777216")]),
        ({"id": True}, [("coco.bad_type", "segments_info[0]", "True")]),
        ({"id": ...}, [("coco.missing_field", "segments_info[0]", "no such key")]),
        ({"category_id": 99}, [("coco.unknown_category", A, "category_id 99")]),
        ({"category_id": ...}, [("coco.missing_field", A, "no such key")]),
        ({"category_id": "3"}, [("coco.bad_type", A, "'3'")]),
        ({"iscrowd": 2}, [("coco.iscrowd", A, "2")]),
        ({"iscrowd": False}, [("coco.iscrowd", A, "False")]),
        ({"id": B}, [("panoptic.duplicate_segment", B, "2 in segments_info")]),
        ({"area": 7}, [("coco.area_mismatch", A, "area 7")]),
        ({"area": 2.5}, [("coco.area_mismatch", A, "area 2.5")]),
        ({"area": ...}, []),
        ({"area": "many"}, []),
        ({"area": 2.0}, []),
        ({"iscrowd": ...}, []),
    ],
    ids=str,
)
def test_a_broken_segment_is_refused_with_its_id(tmp_path, batch, changes, expected):
    content = document(batch)
    save(tmp_path, "gold", batch)
    segment = content["annotations"][0]["segments_info"][0]
    segment |= changes
    content["annotations"][0]["segments_info"][0] = {k: v for k, v in segment.items() if v is not ...}

    found = check(tmp_path, content)

    if "id" in changes:  # then the pixels of the one that was meant belong to nobody
        (lost,) = (fault for fault in found if fault[0] == "panoptic.unlisted_segment")
        assert lost[3:] == (A, "2 px, first at x=0 y=0")
        found.remove(lost)
    assert [(fault[0], fault[3], fault[4]) for fault in found] == expected


@pytest.mark.parametrize(
    ("save_as", "code"),
    [
        (lambda image: image.convert("L"), "mask.unexpected_mode"),
        (lambda image: image.convert("RGBA"), "mask.unexpected_mode"),
        (lambda image: image.convert("LA"), "mask.unexpected_mode"),
        (lambda image: image.convert("P"), "mask.unexpected_mode"),
        (lambda image: Image.fromarray(np.zeros((2, 3), np.uint16)), "mask.unexpected_mode"),
        (lambda image: image.resize((6, 4)), "panoptic.size_mismatch"),
        (lambda image: image.transpose(Image.Transpose.ROTATE_90), "panoptic.size_mismatch"),
    ],
    ids=["gray", "alpha", "gray with alpha", "palette", "16 bits", "enlarged", "turned"],
)
def test_a_png_of_another_kind_or_size_is_refused(tmp_path, batch, save_as, code):
    save(tmp_path, "gold", batch)
    path = tmp_path / "gold" / "one.png"
    with Image.open(path) as image:
        other = save_as(image.copy())
    other.save(path)

    assert [fault[:3] for fault in check(tmp_path, document(batch))] == [(code, "gold/one.png", "one")]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("../gold/one.png", "path.unsafe"),
        ("/etc/passwd", "path.unsafe"),
        ("a/../../one.png", "path.unsafe"),
        ("one\n.png", "path.unsafe"),
        ("", "path.unsafe"),
        (7, "coco.bad_type"),
        (None, "coco.bad_type"),
        ("none.png", "panoptic.missing_mask"),
        ("one.jpg", "panoptic.missing_mask"),
        ("link.png", "path.symlink"),
        ("linked/one.png", "panoptic.missing_mask"),
    ],
)
def test_a_file_name_opens_nothing_outside_the_folder_of_masks(tmp_path, batch, name, code):
    save(tmp_path, "gold", batch)
    (tmp_path / "gold" / "link.png").symlink_to(tmp_path / "gold" / "one.png")
    (tmp_path / "gold" / "linked").symlink_to(tmp_path / "gold")
    content = document(batch)
    content["annotations"][0]["file_name"] = name

    found = check(tmp_path, content)

    assert [(fault[0], fault[2]) for fault in found] == [(code, "one")]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda d: d["annotations"].append(d["annotations"][0]), ("delivery.duplicate_image", "one")),
        (lambda d: d["annotations"][0].update(image_id=99), ("coco.unknown_image", None)),
        (lambda d: d["annotations"][0].update(image_id="1"), ("coco.unknown_image", None)),
        (lambda d: d["annotations"][0].update(image_id=1.0), ("coco.bad_type", None)),
        (lambda d: d["annotations"][0].update(segments_info=None), ("coco.bad_type", "one")),
        (lambda d: d["annotations"][0].pop("segments_info"), ("coco.missing_field", "one")),
        (lambda d: d["annotations"].append(5), ("coco.bad_structure", None)),
        (lambda d: d.update(annotations={}), ("coco.bad_structure", None)),
        (lambda d: d.pop("annotations"), ("coco.missing_field", None)),
        (lambda d: d["categories"].append(d["categories"][0]), ("coco.duplicate_category", None)),
        (lambda d: d["images"][0].update(file_name="two.jpg"), ("coco.duplicate_file_name", "two")),
        (lambda d: d["images"][0].update(height=0), ("coco.bad_type", "one")),
        (lambda d: d["images"][0].update(id=[]), ("coco.bad_type", "one")),
        (lambda d: d["annotations"][0]["segments_info"].append(5), ("coco.bad_structure", "one")),
    ],
)
def test_a_broken_document_is_refused_with_the_place(tmp_path, batch, change, expected):
    save(tmp_path, "gold", batch)
    content = copy.deepcopy(document(batch))
    change(content)

    assert expected in [(fault[0], fault[2]) for fault in check(tmp_path, content)]


def test_an_instances_file_and_a_panoptic_file_are_told_apart(tmp_path, batch):
    save(tmp_path, "gold", batch)
    content = document(batch)
    instances = content | {
        "annotations": [{"id": 1, "image_id": 1, "category_id": 3, "segmentation": []}]
    }

    ((code, _, _, _, got), *_) = check(tmp_path, instances)

    assert (code, got) == ("coco.bad_structure", "another kind of COCO (read it as coco:)")
    (tmp_path / "gold.json").write_text(json.dumps(content))
    other = {f.got for f in segcore.check(f"coco:{tmp_path}/gold.json").faults}
    assert "a panoptic file (read it as coco-panoptic:)" in other


@pytest.mark.parametrize("content", [None, 5, [], "x", {}])
def test_a_document_of_another_shape_is_a_fault(tmp_path, content):
    assert {fault[0] for fault in check(tmp_path, content)} >= (
        {"coco.missing_field"} if content == {} else {"coco.bad_structure"}
    )


def test_an_image_of_too_many_runs_is_refused(tmp_path, batch, monkeypatch):
    spec = save(tmp_path, "gold", batch)
    monkeypatch.setattr(limits, "MAX_IMAGE_RUNS", 4)

    assert [(f.code, f.image) for f in segcore.check(spec).faults] == [("limits.entries", "one")]


def test_too_many_segments_of_an_image_are_refused(tmp_path, batch):
    save(tmp_path, "gold", batch)
    content = document(batch)
    content["annotations"][0]["segments_info"] = [{}] * 65_536

    assert [fault[:3] for fault in check(tmp_path, content)] == [
        ("limits.annotations", "gold.json", "one")
    ]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 1 << 30)
    | st.floats(allow_nan=False)
    | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)


@settings(deadline=None, max_examples=200)
@given(data=st.data())
def test_any_value_in_any_place_is_read_or_a_fault(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("any")
    batch = {"one": scene("a a s\nb . s", "b", a=PERSON, b=PERSON, s=SKY)}
    save(folder, "gold", batch)
    content: Any = copy.deepcopy(document(batch))
    at = content
    while True:
        step = data.draw(st.sampled_from(list(at) if isinstance(at, dict) else list(range(len(at)))))
        if not isinstance(at[step], (dict, list)) or not at[step] or data.draw(st.booleans()):
            break
        at = at[step]
    at[step] = data.draw(JSON)

    faults = check(folder, content)

    (folder / "gold.json").write_text(json.dumps(content))
    errors = [
        f
        for f in segcore.check(f"coco-panoptic:{folder}/gold.json").faults
        if f.severity is Severity.ERROR
    ]
    spec = f"coco-panoptic:{folder}/gold.json"
    if errors:
        with pytest.raises(segcore.InvalidInputError):
            segcore.evaluate(spec, spec, task="panoptic")
    else:
        ontology = segcore.Ontology(
            tuple(replace(c, thing=True) for c in segcore.open(spec).ontology.classes)
        )
        overall = segcore.evaluate(spec, spec, task="panoptic", ontology=ontology).overall.all
        assert (overall.fp, overall.fn) == (0, 0)
    assert all(isinstance(fault[0], str) for fault in faults)


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
