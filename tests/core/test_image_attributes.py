"""What sources say of an image beside its masks: annotators, tags, and any attribute."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import coco_files
import cvat_scenes
import datumaro_scenes
import labelme_files
import numpy as np
import panoptic_scenes
import pytest
from drawn_sources import drawn
from PIL import Image

import segcore
from segcore.image_attributes import attributes_in, merged, text_values
from segcore.sources.spec import Spec
from segcore_labelstudio.export import open_source as open_export


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        ("night", ("night",)),
        ("  night ", ("night",)),
        (["rain", "fog", "rain"], ("fog", "rain")),
        (True, ("true",)),
        (7, ("7",)),
        (7.0, ("7",)),
        (0.25, ("0.25",)),
        ("", ()),
        (None, ()),
        (float("nan"), ()),
        ({"id": 7}, ()),
        ([["nested"], "plain"], ("plain",)),
    ],
)
def test_plain_values_become_texts_and_everything_else_nothing(value, texts):
    assert text_values(value) == texts


def test_what_a_terminal_could_act_on_is_escaped_and_what_is_endless_is_cut():
    hostile, endless = text_values("\x1b[31mred\u202e"), text_values("x" * 10_000)

    assert hostile == (r"\x1b[31mred\u202e",)
    assert endless == ("x" * 197 + "...",)


def test_composed_and_decomposed_letters_are_one_value():
    assert text_values(["Zu\u0308rich", "Z\u00fcrich"]) == ("Z\u00fcrich",)


def test_a_number_of_ten_thousand_digits_is_no_value():
    assert text_values(10**10_000) == ()


def test_tags_have_one_name_and_nested_attributes_stand_beside_the_others():
    entry = {"tags": ["night"], "attributes": {"tags": "rain", "scene": "urban"}, "batch": 3}

    found = merged(attributes_in(entry))

    assert found == {"batch": ("3",), "scene": ("urban",), "tag": ("night", "rain")}


# ---- formats


def coco(tmp_path: Path, document: dict[str, object], name: str = "a.json") -> segcore.sources.Source:
    path = tmp_path / name
    path.write_text(json.dumps(document))
    return segcore.open(f"coco:{path}")


@pytest.mark.usefixtures("either_kind")
def test_coco_says_what_stands_beside_its_own_keys_and_who_drew(tmp_path):
    document = coco_files.dataset()
    document["images"][0] |= {"scene": "urban", "tags": ["night", "rain"], "license": 4}
    document["images"][1] |= {"attributes": {"weather": "fog", "batch": 3}}
    document["annotations"][0]["annotator"] = "bob"
    document["annotations"][1]["attributes"] = {"annotator": "alice", "occluded": True}

    source = coco(tmp_path, document)

    assert source.attributes("a") == {
        "annotator": ("alice", "bob"),
        "folder": ("street",),
        "scene": ("urban",),
        "tag": ("night", "rain"),
    }
    assert source.attributes("b") == {"batch": ("3",), "weather": ("fog",)}
    assert (source.annotators("a"), source.annotators("b")) == (("alice", "bob"), ())


def test_a_coco_file_without_any_has_none(tmp_path):
    document = coco_files.dataset()
    document["images"][0]["file_name"] = "a.jpg"

    source = coco(tmp_path, document)

    assert [source.attributes(key) for key in ("a", "b")] == [{}, {}]


def test_images_with_a_fault_elsewhere_in_the_list_keep_their_attributes(tmp_path):
    document = coco_files.dataset()
    document["images"][1]["scene"] = "urban"
    document["images"].append({"id": "x", "file_name": "c.png", "height": 1, "width": 1})

    source = coco(tmp_path, document)

    assert source.attributes("b") == {"scene": ("urban",)}


@pytest.mark.usefixtures("either_kind")
def test_detections_say_who_made_them_and_leave_the_images_to_the_gold(tmp_path):
    document = coco_files.dataset()
    document["images"][1] |= {"scene": "urban", "annotator": "the gold's"}
    gold = coco(tmp_path, document)
    found = {"image_id": 3, "category_id": 2, "score": 0.5, "segmentation": [[0, 0, 3, 0, 3, 3]]}
    (tmp_path / "r.json").write_text(json.dumps([found | {"annotator": "model 7"}]))

    delivery = segcore.open(f"coco:{tmp_path}/r.json").resolve(ontology=None, gold=gold)

    assert gold.attributes("b") == {"annotator": ("the gold's",), "scene": ("urban",)}
    assert delivery.attributes("b") == {"annotator": ("model 7",)}
    assert delivery.attributes("a") == {}


def test_panoptic_documents_say_the_same_of_their_images_and_masks(tmp_path):
    gold, delivery = panoptic_scenes.two_images(tmp_path)
    path = tmp_path / "delivery.json"
    document = json.loads(path.read_text())
    document["images"][0]["scene"] = "urban"
    document["annotations"][0]["annotator"] = "bob"
    path.write_text(json.dumps(document))

    source = segcore.open(delivery)

    assert source.attributes("one") == {"annotator": ("bob",), "scene": ("urban",)}
    assert segcore.open(gold).attributes("one") == {}


def test_a_panoptic_delivery_does_not_pass_on_the_images_of_its_gold(tmp_path):
    gold, delivery = panoptic_scenes.two_images(tmp_path)
    path = tmp_path / "delivery.json"
    document = json.loads(path.read_text())
    del document["images"]
    path.write_text(json.dumps(document))
    trusted = json.loads((tmp_path / "gold.json").read_text())
    trusted["images"][0]["annotator"] = "the gold's"
    (tmp_path / "gold.json").write_text(json.dumps(trusted))

    source = segcore.open(delivery).resolve(ontology=None, gold=segcore.open(gold))

    assert source.attributes("one") == {}


def test_cvat_says_tags_their_attributes_the_subset_and_the_assignee(tmp_path):
    tag = cvat_scenes.shape("tag", label="night", inner='<attribute name="weather">rain</attribute>')
    assignee = "<assignee><username>bob</username><email>b@x.example</email></assignee>"
    text = cvat_scenes.document(
        cvat_scenes.image(cvat_scenes.polygon(), tag, extra=' subset="val"'), meta=assignee
    )

    source = segcore.open(f"cvat:{cvat_scenes.written(tmp_path, text)}")

    assert source.attributes("a") == {
        "annotator": ("bob",),
        "subset": ("val",),
        "tag": ("night",),
        "weather": ("rain",),
    }


def test_in_a_cvat_project_each_task_has_its_own_assignee(tmp_path):
    tasks = "".join(
        f"<task><id>{n}</id><assignee><username>{who}</username></assignee></task>"
        for n, who in ((4, "bob"), (5, "alice"))
    )
    images = [
        cvat_scenes.image(cvat_scenes.polygon(), name=f"{n}.jpg", extra=f' task_id="{n}"')
        for n in (4, 5)
    ]
    text = cvat_scenes.document(*images).replace("<task>", "<project>", 1)
    text = text.replace("</task>", f"<tasks>{tasks}</tasks></project>", 1)

    source = segcore.open(f"cvat:{cvat_scenes.written(tmp_path, text)}")

    assert [source.annotators(key) for key in ("4", "5")] == [("bob",), ("alice",)]
    assert source.attributes("4")["task"] == ("4",)


def test_labelme_flags_are_attributes_and_the_true_ones_tags(tmp_path):
    spec = labelme_files.write(
        tmp_path / "day" / "street", labelme_files.shape(), flags={"night": False, "rain": True}
    )

    source = segcore.open(spec.replace("/day/street", ""))

    assert source.attributes("a") == {
        "folder": ("day", "street"),
        "night": ("false",),
        "rain": ("true",),
        "tag": ("rain",),
    }


def test_masks_in_folders_say_the_folders(tmp_path):
    for folder in ("night/berlin", "day"):
        (tmp_path / folder).mkdir(parents=True)
        name = folder.replace("/", "_")
        Image.fromarray(np.zeros((2, 2), np.uint8)).save(tmp_path / folder / f"{name}.png")

    source = segcore.open(f"png:{tmp_path}")

    assert source.attributes("night_berlin") == {"folder": ("berlin", "night")}
    assert source.attributes("day") == {"folder": ("day",)}


def test_datumaro_says_subset_and_item_attributes(tmp_path, monkeypatch):
    item = datumaro_scenes.item(datumaro_scenes.annotation(), attributes={"weather": "rain", "n": [1]})
    data = datumaro_scenes.answers(tmp_path, monkeypatch, datumaro_scenes.LABELS, item, {"end": 1})

    source = segcore.open(f"datumaro:{data}?format=coco")

    assert source.attributes("a") == {"n": ("1",), "subset": ("default",), "weather": ("rain",)}


def task(number, by, **more):
    annotation = {"id": 10 * number, "completed_by": by, "result": []}
    return {"id": number, "data": {"image": f"/d/{number}.png"}, "annotations": [annotation]} | more


def test_label_studio_says_who_drew_and_what_the_task_holds(tmp_path):
    path = tmp_path / "e.json"
    data = {"image": "/d/2.png", "weather": "rain", "tags": ["night"], "annotator": "somebody else"}
    tasks = [
        task(1, 7),
        task(2, {"id": 7, "email": "bob@x.example"}, data=data, meta={"batch": 3, "deep": {"a": 1}}),
    ]
    path.write_text(json.dumps(tasks))

    source = open_export(Spec.parse(f"label-studio-export:{path}"))

    assert [source.annotators(key) for key in ("1", "2")] == [("7",), ("bob@x.example",)]
    assert source.attributes("2") == {
        "annotator": ("bob@x.example",),
        "batch": ("3",),
        "image": ("/d/2.png",),
        "tag": ("night",),
        "weather": ("rain",),
    }


def test_a_source_that_says_nothing_has_no_attributes():
    source = drawn(a="s")

    assert source.attributes("a") == {}
    assert source.annotators("a") == ()


# ---- an evaluation


class Signed(type(drawn())):
    """A source whose images are signed."""

    def attributes(self, key):
        return {"annotator": ("bob",)} if key != "b" else {}


def test_an_evaluation_knows_who_drew_what_was_delivered_also_in_another_process():
    delivery = Signed(drawn(a="s", b="s", extra="s").images)
    gold = Signed(drawn(a="s", b="s", c="s").images)

    found = segcore.evaluate(gold, delivery, keep_cells=True)

    assert found.annotators == {"a": ("bob",)}
    assert pickle.loads(pickle.dumps(found)).annotators == found.annotators
    assert found.restricted_to(["b"]).annotators == {}
