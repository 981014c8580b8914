"""``evaluate(task="instance")`` and ``score --task instance``, from files to the report."""

from __future__ import annotations

import csv
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from instance_scenes import dataset, save, segmentation

import segcore
from segcore.annotation import ImageAnnotation, LabelMap, Region, Regions, RunMask
from segcore.cli import main
from segcore.errors import InvalidInputError, UsageError
from segcore.faults import FaultLog
from segcore.ontology import LabelClass, Ontology
from segcore.sources import Source

SAMPLE = Path(__file__).resolve().parents[2] / "gates" / "segcore_gates" / "sample"
LEFT, RIGHT, BELOW = (0, 0, 20, 20), (40, 0, 20, 20), (0, 50, 10, 20)


def entry(number: int, box: tuple[int, int, int, int], *, image: int = 1, category: int = 1, **extra):
    return {
        "id": number, "image_id": image, "category_id": category, "iscrowd": 0,
        "area": box[2] * box[3], "segmentation": segmentation(box),
    } | extra  # fmt: skip


@pytest.fixture
def batch(tmp_path):
    """Two images, of which the second was not delivered.

    Class 1: LEFT is found with IoU 300/400, RIGHT is missed, BELOW of image 2 is not delivered.
    Class 2: RIGHT is extra.  Class 3 is on neither side.
    """
    gold = dataset([entry(1, LEFT), entry(2, RIGHT), entry(3, BELOW, image=2)], 2)
    delivery = dataset([entry(7, (0, 0, 15, 20)), entry(8, RIGHT, category=2)], 2)
    delivery["images"].pop()
    return save(tmp_path, gold, delivery)


def test_counts_and_scores_of_a_batch_are_those_counted_by_hand(batch):
    found = segcore.evaluate(*batch, task="instance")

    assert found.task == "instance"
    one, two, three = found.classes
    assert (one.at50.matched, one.at50.missed, one.at50.extra) == (1, 2, 0)
    assert (one.at75.matched, one.at75.missed, one.at75.extra) == (1, 2, 0)
    assert (one.at50.precision, one.at50.recall, one.at50.f1) == (1.0, 1 / 3, 0.5)
    assert (one.mean_iou, one.support_images, one.support_instances) == (0.75, 2, 3)
    assert (two.at50.matched, two.at50.missed, two.at50.extra, two.at50.f1) == (0, 0, 1, 0.0)
    assert (two.at50.recall, two.mean_iou) == (None, None)
    assert (three.at50.f1, three.at50.precision, three.at50.recall) == (None, None, None)
    assert found.overall.at50.f1 == 2 * 1 / (2 * 1 + 2 + 1)
    assert found.images.missing_in_delivery == ("002",)
    assert [fault.code for fault in found.faults] == ["delivery.missing_image"]


def test_the_document_has_the_names_of_the_contract(batch):
    document = segcore.evaluate(*batch, task="instance", scores="equal").to_json()

    first = document["classes"][0]
    assert (document["task"], document["schema"], document["outcome"]) == ("instance", 1, "scored")
    names = {"ap", "ap50", "ap75", "ar", "f1", "missed", "extra"}
    assert names <= {*first} & {*document["overall"]}
    assert first["f1"] == {"0.5": 0.5, "0.75": 0.5}
    assert (first["missed"], first["extra"], first["support"]) == (2, 0, {"images": 2, "instances": 3})
    # one of three found, nothing wrong: precision 1 at the recalls 0 to .33, at six thresholds of ten
    assert first["ap50"] == pytest.approx(34 / 101)
    assert first["ap"] == pytest.approx(34 / 101 * 6 / 10)
    assert document["classes"][1]["ap"] is None  # gold has none: COCO leaves the class out
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document["counts"]["delivery"] == {
        "annotations_read": 2, "used": 2, "rejected": 0, "ignored": {}
    }  # fmt: skip


def test_the_table_has_a_row_for_every_class_an_image_holds(batch):
    table = segcore.evaluate(*batch, task="instance").table()

    assert table == {
        "image": ["001", "001", "002"],
        "class": ["class 1", "class 2", "class 1"],
        "gold_objects": [2, 0, 1],
        "delivery_objects": [1, 1, 0],
        "matched": [1, 0, 0],
        "missed": [1, 0, 1],
        "extra": [0, 1, 0],
        "merged": [0, 0, 0],
        "split": [0, 0, 0],
        "f1": [2 / 3, 0.0, 0.0],
        "mean_matched_iou": [0.75, None, None],
    }


def test_every_object_is_listed_with_its_id_and_what_became_of_it(batch):
    objects = segcore.evaluate(*batch, task="instance").objects()

    rows = list(zip(*objects.values(), strict=True))
    assert list(objects) == [
        "image", "kind", "gold_class", "gold_id", "gold_px",
        "delivery_class", "delivery_id", "delivery_px", "iou",
    ]  # fmt: skip
    assert rows == [
        ("001", "matched", "class 1", 1, 400, "class 1", 7, 300, 0.75),
        ("001", "missed", "class 1", 2, 400, None, None, None, None),
        ("001", "extra", None, None, None, "class 2", 8, 400, None),
        ("001", "confused", "class 1", 2, 400, "class 2", 8, 400, 1.0),
        ("002", "missed", "class 1", 3, 200, None, None, None, None),
    ]


def test_crowds_are_counted_as_ignored_unless_they_are_objects(tmp_path):
    gold = dataset([entry(1, LEFT), entry(2, RIGHT, iscrowd=1)], 1)
    specs = save(tmp_path, gold, dataset([entry(7, LEFT), entry(8, (42, 0, 5, 20))], 1))

    ignored = segcore.evaluate(*specs, task="instance")
    counted = segcore.evaluate(*specs, task="instance", crowd="class")

    assert ignored.counts["gold"].ignored == {"crowd region": 1}
    assert (ignored.overall.at50.missed, ignored.overall.at50.extra) == (0, 0)
    assert counted.counts["gold"].ignored == {}
    assert (counted.overall.at50.missed, counted.overall.at50.extra) == (1, 1)


def test_the_result_does_not_depend_on_the_number_of_jobs_and_survives_pickling():
    specs = f"coco:{SAMPLE}/gold.json", f"coco:{SAMPLE}/delivery.json"

    alone = segcore.evaluate(*specs, task="instance", scores="area")
    shared = segcore.evaluate(*specs, task="instance", scores="area", jobs=2)

    document = alone.to_json()
    assert document == shared.to_json()
    assert alone.objects() == shared.objects()
    assert pickle.loads(pickle.dumps(alone)).to_json() == document


# ------------------------------------------------------------------------------ what is refused

ONTOLOGY = Ontology((LabelClass(id=0, name="sky"), LabelClass(id=1, name="car")))


class Held(Source):
    """One image held in memory."""

    def __init__(self, content: LabelMap | Regions, *, size: tuple[int, int] = (4, 4)) -> None:
        self.content, self.size, self.name, self.faults = content, size, "held:", FaultLog()

    @property
    def ontology(self):
        return ONTOLOGY

    def keys(self):
        return ("a",)

    def read(self, key):
        height, width = self.size
        return ImageAnnotation(key=key, height=height, width=width, content=self.content)

    def annotation_count(self, key):
        return 1

    def digest(self):
        return repr(id(self))


def square(*, score: float | None = None, size: int = 4) -> Regions:
    mask = RunMask.from_array(np.ones((size, size), np.bool_))
    region = Region(class_index=1, mask=mask, score=score, id=3)
    return Regions.from_regions([region], height=size, width=size)


def test_a_label_map_is_refused_by_name_since_it_tells_no_objects_apart():
    labels = LabelMap(values=np.ones((4, 4), np.uint8), lookup=ONTOLOGY.lookup(256))

    with pytest.raises(
        UsageError,
        match=r"held:: image 'a' is a label map.*does not tell objects apart.*coco-panoptic:.*cvat:",
    ):
        segcore.evaluate(Held(square()), Held(labels), task="instance")


@pytest.mark.parametrize(
    ("gold", "delivery", "code"),
    [
        (Held(square()), Held(square(score=float("nan"))), "results.bad_score"),
        (Held(square()), Held(square(size=3), size=(3, 3)), "delivery.size_mismatch"),
    ],
)
def test_objects_that_cannot_be_scored_are_faults(gold, delivery, code):
    with pytest.raises(InvalidInputError) as caught:
        segcore.evaluate(gold, delivery, task="instance")

    (fault,) = caught.value.faults
    assert fault.code == code
    assert caught.value.counts["delivery"].rejected == 1


def test_a_class_the_evaluation_does_not_know_is_a_fault(tmp_path):
    delivery = dataset([entry(7, LEFT)], 1)
    delivery["categories"][0]["name"] = "clas 1"
    specs = save(tmp_path, dataset([entry(1, LEFT)], 1), delivery)

    with pytest.raises(InvalidInputError) as caught:
        segcore.evaluate(*specs, task="instance")

    assert [(f.code, f.annotation) for f in caught.value.faults] == [("coco.unknown_class_name", 7)]


@pytest.mark.parametrize(("limit", "refused"), [(3, True), (4, False)])
def test_more_objects_on_top_of_each_other_than_can_be_compared_are_a_fault(
    tmp_path, monkeypatch, limit, refused
):
    """Two gold and three delivered objects, of which two pairs lie in columns of their own."""
    monkeypatch.setattr("segcore.limits.MAX_OBJECT_PAIRS", limit)
    gold = dataset([entry(1, LEFT), entry(2, RIGHT)], 1)
    delivery = dataset([entry(1, LEFT), entry(2, (5, 0, 5, 5)), entry(3, (5, 5, 60, 5))], 1)
    specs = save(tmp_path, gold, delivery)

    if not refused:
        assert segcore.evaluate(*specs, task="instance").overall.at50.matched == 1
        return
    with pytest.raises(InvalidInputError) as caught:
        segcore.evaluate(*specs, task="instance")

    (fault,) = caught.value.faults
    assert (fault.code, fault.image) == ("limits.annotations", "001")
    assert fault.got == "2 gold and 3 delivered objects, 4 pairs"
    assert caught.value.counts["delivery"].rejected == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "instance", "overlap": "last"}, "no use for overlap"),
        ({"task": "instance", "keep_cells": True}, "no use for keep_cells"),
        ({"task": "semantic", "scores": "equal"}, "no use for scores"),
        ({"task": "instance", "scores": "random"}, "scores must be one of equal, area"),
        ({"task": "panoptical"}, "known: semantic, instance"),
    ],
)
def test_options_that_mean_nothing_to_a_task_are_refused(options, message):
    with pytest.raises(UsageError, match=message):
        segcore.evaluate(Held(square()), Held(square()), **options)


# ------------------------------------------------------------------------------ the command


def test_the_table_of_the_command_shows_the_worst_class_first(batch, capsys):
    assert main(["score", *batch, "--task", "instance", "--scores", "equal"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split("  ")[0] == "class"
    assert lines[0].split()[1:] == [
        "AP",
        "AP50",
        "AP75",
        "F1@.5",
        "F1@.75",
        "missed",
        "extra",
        "gold",
        "objects",
    ]
    assert lines[2].split() == ["class", "2", "-", "-", "-", "0.0000", "0.0000", "0", "1", "0"]
    assert lines[3].split() == [
        "class",
        "1",
        "0.2020",
        "0.3366",
        "0.3366",
        "0.5000",
        "0.5000",
        "2",
        "0",
        "3",
    ]
    assert "objects: 1 matched, 2 missed, 1 extra, 0 merged, 0 split" in lines


def test_the_command_says_that_ap_is_undefined_without_scores(batch, capsys):
    assert main(["score", *batch, "--task", "instance"]) == 0

    assert "AP and AR undefined: the delivery has no scores" in capsys.readouterr().out


def test_the_command_writes_the_same_numbers_as_json_and_csv(batch, tmp_path):
    json_file, csv_file = tmp_path / "scores.json", tmp_path / "scores.csv"

    options = [
        "--task",
        "instance",
        "--scores",
        "equal",
        "--json",
        str(json_file),
        "--csv",
        str(csv_file),
    ]
    assert main(["score", *batch, *options]) == 0

    document = json.loads(json_file.read_text())
    row = next(csv.DictReader(csv_file.read_text().splitlines()))
    first = document["classes"][0]
    assert document == segcore.evaluate(*batch, task="instance", scores="equal").to_json()
    assert float(row["ap50"]) == first["ap50"]
    assert float(row["f1_0.75"]) == first["f1"]["0.75"]
    assert (row["missed"], row["ap_large"], row["support_instances"]) == ("2", "", "3")
