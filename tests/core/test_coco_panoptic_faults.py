"""Every fault of a panoptic document and its PNGs, with its place and in one run."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from panoptic_scenes import PERSON, SKY, check, document, save, scene, with_crowd
from PIL import Image

import segcore
from segcore import limits
from segcore.faults import Severity

A, B = ord("a"), ord("b")


@pytest.fixture
def batch():
    return with_crowd()


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
