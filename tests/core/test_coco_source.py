"""COCO files as a source: what a sound file gives, its keys, and an ontology of one's own."""

from __future__ import annotations

import hashlib
import json
import pickle
from pathlib import Path

import pytest
from coco_files import Opened, codes, dataset, detections, read, read_all

from segcore.errors import SpecError
from segcore.sources.coco import open_source
from segcore.sources.coco_document import image_key
from segcore.sources.spec import Spec

pytestmark = pytest.mark.usefixtures("either_kind")  # numba finds rows in the text

# ---- what a sound file gives


def test_images_are_keyed_by_file_name_and_classes_ordered_by_category_id(opened: Opened) -> None:
    source = opened(dataset())

    assert source.keys() == ("a", "b")
    assert source.ontology is not None
    assert [(c.id, c.name, c.thing) for c in source.ontology.classes] == [
        (2, "car", True),
        (9, "road", False),
    ]


def test_regions_keep_the_order_of_the_file(opened: Opened) -> None:
    source = opened(dataset())

    regions = read(source, "a")

    assert regions.ids == (5, 4)
    assert regions.classes.tolist() == [1, 0]
    assert regions.crowd.tolist() == [False, True]
    assert [region.mask.area_px for region in regions] == [48, 10]
    assert regions.scores is None
    assert len(source.faults) == 0


def test_an_image_without_annotations_has_no_regions_and_keeps_its_size(opened: Opened) -> None:
    source = opened(dataset())

    annotation = source.read("b")

    assert (annotation.height, annotation.width) == (6, 5)
    assert (annotation.read, annotation.rejected) == (0, 0)
    assert len(read(source, "b")) == 0


def test_a_file_without_annotations_is_sound(opened: Opened) -> None:
    source = opened(dataset() | {"annotations": []})

    assert codes(source) == []
    assert source.keys() == ("a", "b")


def test_the_digest_is_the_hash_of_the_file(opened: Opened) -> None:
    text = json.dumps(dataset())

    assert opened(text).digest() == hashlib.sha256(text.encode()).hexdigest()


def test_extra_keys_are_no_faults(opened: Opened) -> None:
    document = dataset() | {"info": None, "licenses": 3}
    document["annotations"][0] |= {"attributes": {"occluded": True}, "caption": None}
    document["images"][0] |= {"license": None, "flickr_url": "http://example.org"}

    assert codes(opened(document)) == []


def test_every_annotation_is_read_used_or_rejected(opened: Opened) -> None:
    document = dataset()
    document["annotations"] += [
        {"id": 1, "image_id": 7, "category_id": 2, "segmentation": [[1, 1]]},
        {"id": 2, "image_id": 7, "category_id": 99, "segmentation": [[0, 0, 5, 0, 5, 5]]},
        {"id": 3, "image_id": 99, "category_id": 2, "segmentation": [[0, 0, 5, 0, 5, 5]]},
        "not an object",
    ]

    source = opened(document)
    annotation = source.read("a")

    assert (annotation.read, annotation.rejected, len(read(source, "a"))) == (4, 2, 2)
    assert source.annotation_count("a") == 4
    assert source.annotation_count("b") == 0
    assert source.unplaced == 2


def test_a_source_survives_pickling_and_opens_itself_again(opened: Opened) -> None:
    source = opened(dataset())
    source.keys()

    pickled = pickle.dumps(source)
    again = pickle.loads(pickled)

    assert b"segmentation" not in pickled
    assert again.keys() == source.keys()
    assert read(again, "a").ids == (5, 4)


def test_reading_twice_reports_each_fault_once(opened: Opened) -> None:
    document = dataset()
    document["annotations"][0]["segmentation"] = []
    source = opened(document)

    read_all(read_all(source))

    assert [fault.code for fault in source.faults] == ["seg.empty"]


def test_a_fault_says_where_it_is(opened: Opened) -> None:
    document = dataset()
    document["annotations"][1]["segmentation"]["size"] = [12, 10]
    source = read_all(opened(document))

    (fault,) = source.faults

    assert (fault.image, fault.image_id, fault.annotation) == ("a", 7, 4)
    assert fault.file.endswith("delivery.json")
    assert fault.expected == "size [10, 12]"
    assert fault.got == "[12, 10]: transposed, [width, height]"


def test_a_missing_file_is_an_error_of_the_caller(tmp_path: Path) -> None:
    source = open_source(Spec(format="coco", location=str(tmp_path / "nothing.json")))

    with pytest.raises(SpecError, match=r"nothing\.json"):
        source.keys()


def test_an_unknown_option_is_an_error_of_the_caller() -> None:
    with pytest.raises(SpecError, match="did you mean 'gt'"):
        open_source(Spec.parse("coco:x.json?gtt=y.json"))


# ---- keys


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("a.jpg", "a"),
        ("a", "a"),
        ("a.b.jpg", "a.b"),
        (".jpg", ".jpg"),
        ("/data/vendor/a.jpg", "a"),
        ("C:\\data\\a.jpg", "a"),
        ("stra\u00dfe 1.png", "stra\u00dfe 1"),
        ("\u753b\u50cf\u3000\uff11.png", "\u753b\u50cf\u3000\uff11"),
        ("..a.jpg", "..a"),
        ("folder/", None),
        ("a/../b.jpg", None),
        ("..", None),
        (".", None),
        ("a\n.jpg", None),
    ],
)
def test_the_key_is_the_file_name_without_folders_and_extension(name: str, key: str | None) -> None:
    assert image_key(name) == key


def test_scores_of_a_data_set_are_read_where_all_annotations_have_one(opened: Opened) -> None:
    document = dataset()
    for score, annotation in zip((0.5, 0.75), document["annotations"], strict=True):
        annotation["score"] = score

    assert read(opened(document), "a").scores.tolist() == [0.5, 0.75]


# ---- an ontology of one's own


def test_an_ontology_file_renames_the_categories_by_alias(opened: Opened, tmp_path: Path) -> None:
    path = tmp_path / "ontology.yaml"
    path.write_text("classes:\n- {id: 0, name: ground, aliases: [road]}\n- {id: 1, name: car}\n")

    source = opened(dataset(), ontology=str(path))

    assert source.ontology is not None
    assert source.ontology.names == ("ground", "car")
    assert read(source, "a").classes.tolist() == [0, 1]
    assert codes(source) == []


def test_a_category_the_ontology_does_not_know_refuses_its_annotations(
    opened: Opened, tmp_path: Path
) -> None:
    path = tmp_path / "ontology.yaml"
    path.write_text("classes:\n- {id: 1, name: car}\n")

    source = opened(dataset(), ontology=str(path))

    assert codes(source) == ["coco.unknown_class_name"]
    assert read(source, "a").ids == (4,)
    assert source.read("a").rejected == 1


def test_results_refer_to_category_ids_of_the_gold_whatever_it_maps_them_to(
    opened: Opened, tmp_path: Path
) -> None:
    path = tmp_path / "ontology.yaml"
    path.write_text("classes:\n- {id: 0, name: road}\n- {id: 1, name: car}\n")
    gold = opened(dataset(), "gold.json", ontology=str(path))

    source = opened(detections()).resolve(ontology=None, gold=gold)

    assert source.ontology is not None
    assert [source.ontology.names[i] for i in read(source, "a").classes] == ["car", "road"]
