"""What became of every object, written on its label: ``segcore push fiftyone --task instance``."""

from __future__ import annotations

import numpy as np
import pytest
import scenes
from snapshots import snapshot

import segcore
from segcore.errors import UsageError
from segcore_fiftyone.cli.push import push
from segcore_fiftyone.injection import load_scores
from segcore_fiftyone.marks import marks_of
from segcore_fiftyone.source import FiftyOneSource

HEIGHT, WIDTH = 8, 16
SIDES = {
    "gold": "fiftyone:street/truth?key=id",
    "delivery": "fiftyone:street/guess?key=id",
    "task": "instance",
}


@pytest.fixture
def detection(fo):
    """A function: a filled box of left, top, width and height in pixels."""

    def make(label, left, top, width, height, **options):
        box = [left / WIDTH, top / HEIGHT, width / WIDTH, height / HEIGHT]
        mask = np.ones((height, width), np.bool_)
        return fo.Detection(label=label, bounding_box=box, mask=mask, **options)

    return make


@pytest.fixture
def street(fo, dataset, tmp_path, detection):
    """Two images.

    ``a``: a car of 4 x 4 delivered as its left 4 x 3: IoU 12 / 16; a person of 2 x 4 delivered as its
    left 2 x 1 and so missed, and extra; a crowd of persons with a person in it, which is not counted.
    ``b``: a car that was not delivered, as nothing was.
    """
    made = dataset("street")
    truth = [
        detection("car", 0, 0, 4, 4, tags=["night", "checked"]),
        detection("person", 6, 0, 2, 4),
        detection("person", 10, 0, 6, 6, iscrowd=1, tags=["many"]),
    ]
    guess = [
        detection("person", 6, 0, 2, 1, tags=["new"]),
        detection("person", 11, 1, 2, 2),
        detection("car", 0, 0, 4, 3),
    ]
    labels = {
        "a": {
            "truth": fo.Detections(detections=truth),
            "guess": fo.Detections(detections=guess),
        },
        "b": {"truth": fo.Detections(detections=[detection("car", 1, 1, 2, 2)])},
        "c": {},
    }
    scenes.add_samples(fo, made, tmp_path, labels, (HEIGHT, WIDTH))
    return made


def marks(dataset, field, key="segcore"):
    """IoU and tags of the labels of every sample, as FiftyOne reads them."""
    dataset.reload()
    paths = [f"{field}.detections.{name}" for name in (f"{key}_iou", "tags")]
    ious, tags = dataset.values(paths)
    return [
        [] if of_sample is None else list(zip(of_sample, of_tags, strict=True))
        for of_sample, of_tags in zip(ious, tags, strict=True)
    ]


def test_labels_say_what_became_of_their_objects(street, capsys):
    assert push(dataset="street", **SIDES) == 0

    matched, missed, extra = ([f"segcore:segcore:{what}"] for what in ("matched", "missed", "extra"))
    assert marks(street, "truth") == [
        [(0.75, ["night", "checked", *matched]), (None, missed), (None, ["many"])],
        [(None, missed)],
        [],
    ]
    assert marks(street, "guess") == [[(None, ["new", *extra]), (None, []), (0.75, matched)], [], []]
    out = capsys.readouterr().out
    assert out.startswith("dataset street: objects: 1 matched, 2 missed, 1 extra; 5 writes done (")
    car, person, crowd = street.first().truth.detections
    assert (car.segcore_iou, person.segcore_iou) == (0.75, None)
    assert "segcore_iou" not in crowd.to_mongo()


def test_the_app_filters_by_what_is_written(street):
    from fiftyone import ViewField

    push(dataset="street", key="k", **SIDES)

    street.reload()
    assert street.count_label_tags("truth") == {
        "night": 1, "checked": 1, "many": 1, "segcore:k:matched": 1, "segcore:k:missed": 2,
    }  # fmt: skip
    assert street.filter_labels("guess", ViewField("k_iou") > 0.7).count("guess.detections") == 1
    assert "truth.detections.k_iou" in street.get_field_schema(flat=True)


def test_a_second_push_writes_nothing(street, capsys):
    push(dataset="street", **SIDES)
    before = snapshot(street)
    capsys.readouterr()

    push(dataset="street", **SIDES)

    assert capsys.readouterr().out.endswith("1 extra; nothing to write\n")
    assert snapshot(street) == before


def test_a_dry_run_lists_and_writes_nothing(street, capsys):
    before = snapshot(street)

    push(dataset="street", dry_run=True, **SIDES)

    said = capsys.readouterr().out.splitlines()
    assert "would write 'segcore_iou' and a tag of 3 labels in 'truth'" in said
    assert "would write 'segcore_iou' and a tag of 2 labels in 'guess'" in said
    assert "would be done" in said[-1]
    assert snapshot(street) == before


def test_remove_leaves_the_dataset_as_it_was(street, capsys):
    before = snapshot(street)
    push(dataset="street", **SIDES)

    push(dataset="street", remove=True, dry_run=True)
    assert marks(street, "guess")[0][2] == (0.75, ["segcore:segcore:matched"])
    push(dataset="street", remove=True)
    assert snapshot(street) == before
    push(dataset="street", remove=True)

    said = capsys.readouterr().out.splitlines()
    assert "would delete 'guess.detections.segcore_iou'" in said
    assert said[-1] == "dataset street: nothing was pushed under the key 'segcore'"


def test_a_new_delivery_changes_what_it_must(street, detection, capsys):
    push(dataset="street", **SIDES)
    sample = street.first()
    sample.guess.detections[0] = detection("person", 6, 0, 2, 4)
    sample.guess.detections[2] = detection("person", 0, 0, 4, 3)
    sample.truth.detections[2].iscrowd = 0
    sample.truth.detections[0].iscrowd = 1
    sample.save()
    capsys.readouterr()

    push(dataset="street", **SIDES)

    matched, missed, extra = ([f"segcore:segcore:{what}"] for what in ("matched", "missed", "extra"))
    assert marks(street, "truth")[0] == [
        (None, ["night", "checked"]),
        (1.0, matched),
        (None, ["many", *missed]),
    ]
    assert marks(street, "guess")[0] == [(1.0, matched), (None, extra), (None, extra)]


def test_scores_of_pixels_and_marks_share_a_key(street):
    before = snapshot(street)
    push(dataset="street", **SIDES)
    push(dataset="street", **SIDES | {"task": "semantic"})

    assert load_scores(street, "segcore").mean_iou is not None
    assert marks(street, "guess")[0][2] == (0.75, ["segcore:segcore:matched"])
    push(dataset="street", remove=True)
    assert snapshot(street) == before


def test_a_gold_of_another_place_marks_the_delivery_alone(street, fo, dataset, tmp_path):
    other = dataset("other")
    scenes.add_samples(fo, other, tmp_path, {"a": {"truth": street.first().truth.copy()}}, (8, 16))

    sides = {"gold": "fiftyone:other/truth", "delivery": "fiftyone:street/guess"}
    push(dataset="street", task="instance", **sides)

    assert marks(street, "guess")[0][2] == (0.75, ["segcore:segcore:matched"])
    assert not street.has_field("truth.detections.segcore_iou")
    # Afterwards with both fields, then with the delivery alone again.
    push(dataset="street", **SIDES)
    assert marks(street, "truth")[1] == [(None, ["segcore:segcore:missed"])]
    push(dataset="street", task="instance", **sides)
    street.reload()
    assert not street.has_field("truth.detections.segcore_iou")
    assert street.count_label_tags("truth") == {"night": 1, "checked": 1, "many": 1}


def test_polylines_and_single_labels_are_marked(fo, dataset, tmp_path, detection):
    made = dataset("street")
    corners = [[(0, 0), (0.25, 0), (0.25, 0.5), (0, 0.5)]]
    line = fo.Polyline(label="car", points=corners, closed=True, filled=True)
    labels = {"a": {"truth": fo.Polylines(polylines=[line]), "guess": detection("car", 0, 0, 4, 3)}}
    scenes.add_samples(fo, made, tmp_path, labels, (HEIGHT, WIDTH))
    before = snapshot(made)

    push(dataset="street", **SIDES)

    made.reload()
    assert made.values("truth.polylines.segcore_iou") == [[0.75]]
    assert made.values("guess.segcore_iou") == [0.75]
    assert made.values("guess.tags") == [["segcore:segcore:matched"]]
    push(dataset="street", remove=True)
    assert snapshot(made) == before


def test_what_is_somebody_elses_is_not_written_over(street, fo):
    sample = street.first()
    sample.guess.detections[0].tags.append("segcore:k:extra")
    sample.save()
    street.add_sample_field("truth.detections.mine_iou", fo.FloatField)
    before = snapshot(street)

    with pytest.raises(UsageError, match="the label tag 'segcore:k:extra', not made by"):
        push(dataset="street", key="k", **SIDES)
    with pytest.raises(UsageError, match=r"the attribute 'truth\.detections\.mine_iou', not made by"):
        push(dataset="street", key="mine", **SIDES)
    assert snapshot(street) == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"below": 0.5}, "leave --below out", id="limit"),
        pytest.param({"task": "panoptic"}, "--task is semantic or instance", id="task"),
        pytest.param({"delivery": SIDES["gold"]}, "are the same field", id="same field"),
        pytest.param({"dataset": "other"}, "neither gold nor delivery is a field", id="elsewhere"),
    ],
)
def test_what_cannot_be_marked_is_refused(street, dataset, options, message):
    dataset("other")
    before = snapshot(street)

    with pytest.raises(UsageError, match=message):
        push(**{"dataset": "street", **SIDES, **options})
    assert snapshot(street) == before


def test_a_gold_object_is_matched_where_one_of_several_annotations_matches(
    street, fo, dataset, tmp_path, detection, monkeypatch
):
    other = dataset("other")
    image = street.first().id
    scenes.add_samples(
        fo,
        other,
        tmp_path,
        {
            "one": {
                "name": f"{image}#1",
                "guess": fo.Detections(
                    detections=[detection("car", 0, 0, 4, 2), detection("person", 6, 0, 2, 3)]
                ),
            },
            "two": {
                "name": f"{image}#2",
                "guess": fo.Detections(detections=[detection("car", 0, 0, 4, 3)]),
            },
        },
        (HEIGHT, WIDTH),
    )
    gold = FiftyOneSource.of(street, "truth")
    delivery = FiftyOneSource.of(other, "guess", key="name")
    monkeypatch.setattr(FiftyOneSource, "image_of", lambda _, key: key.partition("#")[0])

    evaluation = segcore.evaluate(gold, delivery, task="instance")
    found = marks_of(evaluation, dataset="street", gold=gold, delivery=delivery)

    car, person, _ = (label.id for label in street.first().truth.detections)
    (far,) = (label.id for label in street.skip(1).first().truth.detections)
    assert list(found) == ["truth"]
    assert {label: mark for (_, label), mark in found["truth"].items()} == {
        car: ("matched", 0.75),  # the other one: 8 / 16
        person: ("matched", 0.75),  # the other one: missed
        far: ("missed", None),
    }
