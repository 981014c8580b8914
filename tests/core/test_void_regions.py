"""Regions that are ignored or background: no object and no segment, in no task."""

from __future__ import annotations

import pytest
from labelme_files import SQUARE, shape, write

import segcore
from segcore.ontology import LabelClass, Ontology

RIGHT = [[12, 2], [18, 2], [18, 8], [12, 8]]
LOW = [[0, 8], [20, 8], [20, 10], [0, 10]]

ONTOLOGY = Ontology(
    (LabelClass(id=1, name="car", thing=True), LabelClass(id=2, name="sky", thing=False))
)


@pytest.fixture
def gold(tmp_path):
    ignored, background = shape("__ignore__", RIGHT), shape("_background_", LOW)
    return write(tmp_path / "gold", shape(), ignored, background)


def test_pixels_the_gold_ignores_are_void_to_the_panoptic_task(gold, tmp_path):
    delivery = write(tmp_path / "delivery", shape(), shape("car", RIGHT), shape("car", LOW))

    car, sky = segcore.evaluate(gold, delivery, task="panoptic", ontology=ONTOLOGY).classes

    # What is drawn over ignored pixels and over pixels nobody claimed lies in void alike.
    assert (car.tp, car.fn, car.fp, car.ignored) == (1, 0, 0, 2)
    assert sky.pq is None


def test_a_delivery_that_ignores_an_object_has_missed_it(gold, tmp_path):
    delivery = write(tmp_path / "delivery", shape("__ignore__", SQUARE), shape("_background_", LOW))

    for task in ("panoptic", "instance"):
        found = segcore.evaluate(gold, delivery, task=task, ontology=ONTOLOGY)
        missed = {
            kind["name"]: kind.get("fn", kind.get("missed")) for kind in found.to_json()["classes"]
        }
        assert missed == {"car": 1, "sky": 0}


def test_an_object_drawn_over_ignored_pixels_is_a_segment_like_any_other(tmp_path):
    over = write(tmp_path / "gold", shape("__ignore__", RIGHT), shape("car", RIGHT))
    alone = write(tmp_path / "delivery", shape("car", RIGHT))

    car, _ = segcore.evaluate(over, alone, task="panoptic", ontology=ONTOLOGY).classes

    assert (car.tp, car.fn, car.fp, car.pq) == (1, 0, 0, 1.0)
