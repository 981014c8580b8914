"""A batch from end to end: the counts, the scores and the table, by hand."""

from __future__ import annotations

import gc
import json
import weakref
from pathlib import Path

import numpy as np
import pytest
from drawn_sources import Drawn, drawn, mask, regions

import segcore
from segcore.ontology import LabelClass, Ontology


def test_the_confusion_counts_every_pixel_the_gold_does_not_ignore():
    gold = drawn(a="sscc ss.? cc??")
    delivery = drawn(a="sccc ss.s .c?c")

    found = segcore.evaluate(gold, delivery)

    #           delivered: sky car other
    assert found.confusion.tolist() == [[3, 1, 0], [0, 3, 1], [0, 0, 1]]


def test_scores_follow_from_the_confusion_by_hand():
    found = segcore.evaluate(drawn(a="ssss cc.."), drawn(a="sscc c.c."))

    sky, car = found.classes
    assert (sky.intersection, sky.union, sky.iou) == (2, 4, 0.5)
    assert (car.intersection, car.union, car.iou) == (1, 5, 0.2)
    assert (sky.precision, sky.recall, sky.dice) == (1.0, 0.5, 4 / 6)
    assert (car.precision, car.recall, car.dice) == (1 / 4, 1 / 2, 2 / 6)
    assert found.mean_iou == pytest.approx(0.35, abs=1e-15)
    assert found.pixel_accuracy == 3 / 6
    assert found.frequency_weighted_iou == pytest.approx((4 * 0.5 + 2 * 0.2) / 6, abs=1e-15)


def test_a_class_neither_side_holds_is_undefined_and_left_out_of_the_mean():
    found = segcore.evaluate(drawn(a="ss"), drawn(a="ss"))

    sky, car = found.classes
    assert (car.iou, car.dice, car.precision, car.recall, car.mean_image_iou) == (None,) * 5
    assert found.mean_iou == sky.iou == 1.0
    assert found.to_json()["mean"] == {"iou": 1.0, "classes": 1}


def test_a_class_only_the_delivery_holds_scores_zero():
    found = segcore.evaluate(drawn(a="ss"), drawn(a="sc"))

    assert found.classes[1].iou == 0.0
    assert found.classes[1].support_images == 0


def test_classes_are_matched_by_name_and_never_by_id():
    swapped = Ontology((LabelClass(id=0, name="car"), LabelClass(id=1, name="sky")))
    delivery = Drawn({"a": np.array([[1, 0]], np.uint8)}, ontology=swapped)

    found = segcore.evaluate(drawn(a="sc"), delivery)

    assert found.confusion.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 0]]


def test_a_class_may_be_delivered_under_an_alias():
    target = Ontology((LabelClass(id=0, name="sky"), LabelClass(id=1, name="car", aliases=("auto",))))
    vendor = Ontology((LabelClass(id=7, name="auto"),))
    delivery = Drawn({"a": regions((0, mask(".#")), shape=(1, 2))}, ontology=vendor)

    found = segcore.evaluate(drawn(a="sc"), delivery, ontology=target)

    assert found.confusion.tolist() == [[0, 0, 1], [0, 1, 0], [0, 0, 0]]


def batch(n=40):
    rng = np.random.default_rng(3)
    gold = {f"i{i:02d}": rng.choice(np.array([0, 1, 254, 255], np.uint8), (6, 7)) for i in range(n)}
    delivery = {
        key: np.where(rng.random((6, 7)) < 0.8, v, np.uint8(1)).astype(np.uint8)
        for key, v in gold.items()
    }
    return gold, delivery


def test_the_same_bytes_come_out_for_any_number_of_jobs_and_any_order():
    gold, delivery = batch()
    shuffled = {key: delivery[key] for key in reversed(delivery)}

    alone = segcore.evaluate(Drawn(gold), Drawn(delivery))
    together = segcore.evaluate(Drawn(gold), Drawn(shuffled), jobs=2, backend="threading")

    assert json.dumps(alone.to_json()) == json.dumps(together.to_json())


SAMPLE = Path(__file__).parent.parent / "data" / "coco_val2014_6"


def test_worker_processes_give_the_same_bytes(tmp_path):
    gold = f"coco:{next(SAMPLE.glob('instances*.json'))}"

    alone = segcore.evaluate(gold, gold)
    together = segcore.evaluate(gold, gold, jobs=2)

    assert alone.mean_iou == 1.0
    assert json.dumps(alone.to_json()) == json.dumps(together.to_json())


def test_the_order_of_images_and_annotations_in_a_file_does_not_matter(tmp_path):
    document = json.loads(next(SAMPLE.glob("instances*.json")).read_text())
    shuffled = {key: value[::-1] for key, value in document.items() if isinstance(value, list)}
    (tmp_path / "gold.json").write_text(json.dumps(document))
    (tmp_path / "shuffled.json").write_text(json.dumps(shuffled))
    keep = [a for a in document["annotations"] if a["id"] % 3]
    (tmp_path / "delivery.json").write_text(json.dumps(document | {"annotations": keep}))
    (tmp_path / "reversed.json").write_text(json.dumps(shuffled | {"annotations": keep[::-1]}))

    one = segcore.evaluate(f"coco:{tmp_path}/gold.json", f"coco:{tmp_path}/delivery.json").to_json()
    two = segcore.evaluate(f"coco:{tmp_path}/shuffled.json", f"coco:{tmp_path}/reversed.json").to_json()

    assert one.pop("inputs") != two.pop("inputs")  # they are other files
    assert one == two
    assert 0 < one["mean"]["iou"] < 1


def test_progress_counts_up_to_all_images():
    gold, delivery = batch()
    seen = []

    segcore.evaluate(
        Drawn(gold), Drawn(delivery), progress=lambda done, total: seen.append((done, total))
    )

    assert seen == [(16, 40), (32, 40), (40, 40)]


def test_the_table_has_a_row_for_every_class_an_image_holds():
    found = segcore.evaluate(drawn(a="sc", b="ss"), drawn(a="ss", b="ss"))

    assert found.table() == {
        "image": ["a", "a", "b"],
        "class": ["sky", "car", "sky"],
        "intersection": [1, 0, 2],
        "union": [2, 1, 2],
        "gold_pixels": [1, 1, 2],
        "delivery_pixels": [2, 0, 2],
        "iou": [0.5, 0.0, 1.0],
        "dice": [2 / 3, 0.0, 1.0],
        "precision": [0.5, None, 1.0],
        "recall": [1.0, 0.0, 1.0],
    }


def test_the_pooled_score_and_the_mean_over_images_are_told_apart():
    found = segcore.evaluate(drawn(a="cccc", b="c..."), drawn(a="cccc", b="...."))

    car = found.classes[1]
    assert car.iou == 4 / 5
    assert car.mean_image_iou == 0.5


def test_an_evaluation_in_this_process_does_not_keep_its_sources():
    gold = drawn(a="s")
    held = weakref.ref(gold)

    segcore.evaluate(gold, drawn(a="s"))
    del gold
    gc.collect()

    assert held() is None
