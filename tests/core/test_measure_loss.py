"""Two sources of the same images, compared object by object."""

from __future__ import annotations

import json

import numpy as np
import pytest
from convert_scenes import CAR, PERSON, coco_document

import segcore
from segcore.errors import InvalidInputError, UsageError
from segcore.loss import Kind, measure_loss


def source(folder, name, masks, *, file_names=("a.jpg",)):
    """The same masks in every image."""
    document = coco_document(masks)
    (image,), entries = document["images"], document["annotations"]
    document["images"] = [image | {"id": i, "file_name": f} for i, f in enumerate(file_names, 1)]
    document["annotations"] = [
        entry | {"id": 100 * i + entry["id"], "image_id": i}
        for i in range(1, len(file_names) + 1)
        for entry in entries
    ]
    (folder / name).write_text(json.dumps(document))
    return segcore.open(f"coco:{folder / name}")


def boxed(left, top, right, bottom):
    mask = np.zeros((12, 12), bool)
    mask[top:bottom, left:right] = True
    return mask


def test_an_object_in_two_pieces_is_split(tmp_path):
    before = source(tmp_path, "before.json", [("car", boxed(0, 0, 8, 2), False)])
    halves = [("car", boxed(0, 0, 5, 2), False), ("car", boxed(5, 0, 8, 2), False)]

    loss = measure_loss(before, source(tmp_path, "after.json", halves))

    total = loss.total()
    assert (total.split, total.lost, total.merged, total.ious) == (1, 0, 0, [10 / 16])
    assert loss.counts["objects_added"] == 0


def test_an_object_of_another_class_is_lost_and_that_one_is_added(tmp_path):
    before = source(tmp_path, "before.json", [("car", CAR, False)])

    loss = measure_loss(before, source(tmp_path, "after.json", [("person", CAR, False)]))

    assert (loss.total().lost, loss.counts["objects_added"]) == (1, 1)
    assert loss.by_class()[0].ious == [0.0]


def test_one_of_two_equal_objects_is_lost_where_only_one_is_left(tmp_path):
    before = source(tmp_path, "before.json", [("car", CAR, False), ("car", CAR, False)])

    loss = measure_loss(before, source(tmp_path, "after.json", [("car", CAR, False)]))

    assert (loss.total().exact, loss.total().lost) == (1, 1)


def test_a_filled_hole_is_one_and_a_smaller_one_is_none(tmp_path):
    before = source(tmp_path, "before.json", [("car", CAR, False)])
    smaller = CAR.copy()
    smaller[2, 2] = True

    filled = measure_loss(before, source(tmp_path, "a.json", [("car", boxed(0, 0, 6, 6), False)]))
    kept = measure_loss(before, source(tmp_path, "b.json", [("car", smaller, False)]))

    assert (filled.total().holes_filled, filled.total().ious) == (1, [32 / 36])
    assert (kept.total().holes_filled, kept.total().ious) == (0, [32 / 33])


def test_an_image_that_is_gone_takes_its_objects_along(tmp_path):
    masks = [("car", CAR, False), ("person", PERSON, False)]
    before = source(tmp_path, "before.json", masks, file_names=("a.jpg", "b.jpg"))

    loss = measure_loss(before, source(tmp_path, "after.json", masks))

    assert (loss.counts["images_lost"], loss.total().lost, loss.total().exact) == (1, 2, 2)
    assert loss.kind is Kind.LOSSY


@pytest.mark.parametrize(
    ("side", "size"), [(31, "small"), (32, "medium"), (95, "medium"), (96, "large")]
)
def test_sizes_are_those_of_coco(tmp_path, side, size):
    mask = np.zeros((100, 100), bool)
    mask[:side, :side] = True
    before = source(tmp_path, "before.json", [("car", mask, False)])

    loss = measure_loss(before, before)

    assert [(index, str(band)) for index, band in loss.rows] == [(0, size)]


def test_the_loss_does_not_depend_on_the_number_of_processes(tmp_path):
    names = tuple(f"{i}.jpg" for i in range(9))
    masks = [("car", CAR, False), ("person", PERSON, False)]
    before = source(tmp_path, "before.json", masks, file_names=names)
    after = source(tmp_path, "after.json", [("car", CAR & ~PERSON, False)], file_names=names[:8])

    one, two = (measure_loss(before, after, jobs=jobs).to_json() for jobs in (1, 2))

    assert one == two
    assert one["total"]["lost"] == 10


def test_faults_of_either_side_are_named(tmp_path):
    good = source(tmp_path, "good.json", [("car", CAR, False)])
    document = coco_document([("car", CAR, False)])
    document["annotations"][0]["segmentation"]["counts"][0] += 1
    (tmp_path / "bad.json").write_text(json.dumps(document))

    for sides in (("good", "bad"), ("bad", "good")):
        before, after = (segcore.open(f"coco:{tmp_path}/{name}.json") for name in sides)
        with pytest.raises(InvalidInputError, match=r"rle\.sum_mismatch"):
            measure_loss(before, after)
    with pytest.raises(UsageError, match="jobs must be 1 or more"):
        measure_loss(good, good, jobs=0)
