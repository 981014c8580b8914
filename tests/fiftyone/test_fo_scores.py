"""What is kept of an evaluation: by sample, by class, and through JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest

from segcore.errors import UsageError
from segcore.evaluation import Evaluation, Images
from segcore.ontology import LabelClass, Ontology
from segcore.tally import Tally, TallyTable
from segcore_fiftyone.limits import ClassVerdict, Limits
from segcore_fiftyone.samples import Places
from segcore_fiftyone.scores import Scores

CLASSES = Ontology(tuple(LabelClass(id=i, name=name) for i, name in enumerate(("sky", "car", "pole"))))

TABLES = {
    "a": [[8, 2, 0, 0], [0, 4, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]],
    "b": [[1, 0, 0, 3], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]],
    "c": [[0, 0, 0, 5], [0, 0, 0, 5], [0, 0, 0, 0], [0, 0, 0, 0]],
}
"""Gold in rows: c was not delivered."""


def evaluation(tables=TABLES, missing=("c",)):
    tallies = [(key, Tally.from_table(np.array(table, np.int64))) for key, table in tables.items()]
    return Evaluation(
        ontology=CLASSES,
        images=Images(
            gold=len(tables),
            paired=tuple(sorted(set(tables) - set(missing))),
            missing_in_delivery=tuple(missing),
            extra_in_delivery=(),
        ),
        tallies=TallyTable.from_tallies(tallies, num_classes=3),
        inputs=(),
        counts={},
        faults=(),
        conventions={},
    )


def kept(limits=None, samples=None, **options):
    found = evaluation(**options)
    ids = {key: f"id-{key}" for key in "abc"} if samples is None else samples
    return Scores.of(
        found, Places.of(found, ids, image_of=lambda key: key[0]), key="eval", limits=limits
    )


def rows(scores):
    return {id_: dict(zip(classes, ious, strict=True)) for id_, classes, ious in scores.table.rows()}


def test_a_sample_has_the_iou_of_every_class_it_holds_on_either_side():
    assert rows(kept()) == {
        "id-a": {0: 8 / 10, 1: 4 / 6},
        "id-b": {0: 1 / 4},
        "id-c": {0: 0.0, 1: 0.0},
    }


def test_classes_are_pooled_over_all_images():
    sky, car, pole = kept().classes

    assert (sky.iou, car.iou, pole.iou) == (9 / 19, 4 / 11, None)
    assert (sky.support_images, car.support_images, pole.support_images) == (3, 2, 0)
    assert kept().mean_iou == (9 / 19 + 4 / 11) / 2


def test_a_subset_is_pooled_anew_from_its_counts():
    sky, car, pole = kept().pooled(["id-b", "id-c", "unknown"])

    assert (sky.intersection, sky.union, sky.support_images) == (1, 9, 2)
    assert (car.iou, pole.iou) == (0.0, None)


def test_a_subset_of_nothing_has_no_iou():
    assert [c.iou for c in kept().pooled([])] == [None, None, None]


def test_samples_fail_where_a_class_is_below_its_limit_in_them():
    scores = kept(Limits(image={"sky": 0.5}))

    assert scores.failing == ("id-b", "id-c")
    assert kept(Limits(image={"sky": 0.25})).failing == ("id-c",)
    assert kept(Limits(image={"pole": 1.0})).failing == ()
    assert kept().failing == ()


def test_what_was_not_delivered_fails_where_it_had_to_be():
    assert kept(Limits(missing_fail=True)).failing == ("id-c",)


def test_several_annotations_of_one_image_are_one_sample():
    tables = {"a@1": TABLES["a"], "a@2": TABLES["b"]}

    scores = kept(Limits(image={"sky": 0.5}), tables=tables, missing=())

    assert rows(scores) == {"id-a": {0: 9 / 14, 1: 4 / 6}}
    assert scores.failing == ("id-a",)  # by the second of them


def test_images_that_are_in_no_sample_or_in_several_are_counted_but_not_placed():
    scores = kept(samples={"a": "id-a", "b": None})

    assert scores.table.ids == ("id-a",)
    assert scores.homeless == 2
    assert scores.classes[0].iou == 9 / 19


def test_a_dataset_of_other_images_is_refused_with_an_example_of_both():
    with pytest.raises(UsageError, match=r"such as 'a': its samples have keys such as '0001'"):
        kept(samples={"0001": "x"})


def test_classes_that_fail_come_first_then_the_lowest():
    verdicts = {"sky": ClassVerdict(verdict="FAIL", floor=0.9)}

    names = [c.name for c in kept(Limits(verdicts=verdicts)).worst_first()]

    assert [c.name for c in kept().worst_first()] == ["car", "sky"]
    assert names == ["sky", "car"]


def test_json_gives_back_what_was_kept():
    limits = Limits(image={"sky": 0.5}, verdicts={"sky": ClassVerdict(verdict="FAIL", floor=0.6)})
    scores = kept(limits)
    text = json.dumps(scores.to_json())

    again = Scores.from_json(json.loads(text))

    assert json.dumps(again.to_json()) == text
    assert again.classes == scores.classes
    assert again.failing == scores.failing
    assert again.classes[0].floor == 0.6
    assert rows(again) == rows(scores)
    assert again.confusion.tolist() == scores.confusion.tolist()


@pytest.mark.parametrize(
    "damage",
    [
        {"schema": 2},
        {"classes": [{}]},
        {"samples": {}},
        {"samples": dict.fromkeys(("ids", "images", "offsets", "classes"), "!")},
    ],
)
def test_a_document_of_another_version_is_refused(damage):
    document = kept().to_json() | damage

    with pytest.raises(UsageError, match="push them again"):
        Scores.from_json(document)


@pytest.mark.parametrize("iou", [0.0, -0.1, 1.1, float("nan")])
def test_a_limit_is_a_share(iou):
    with pytest.raises(UsageError, match="above 0 and up to 1"):
        Limits.below(iou, ["car"])
