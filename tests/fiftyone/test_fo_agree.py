"""Annotators whose work lies in several fields of a dataset."""

from __future__ import annotations

from mask_labels import FOUND, GOLD, NAMES
from object_labels import square

from segcore.agreement import agree
from segcore_fiftyone.source import FiftyOneSource


def test_fields_of_a_dataset_are_annotators(streets, on_disk):
    """By hand: of sky they share 3 of 6 pixels, of car 4 of 7, of road 2 of 2."""
    masks = {"maria": on_disk(GOLD), "li": on_disk(FOUND), "tom": on_disk(GOLD)}
    made = streets({"a": masks})

    found = agree({name: FiftyOneSource.of(made, name) for name in masks})

    assert found.names == ("maria", "li", "tom")
    assert found.ontology.names == NAMES
    by_class = {c.name: c.pair_iou for c in found.classes}
    assert by_class == {
        "sky": (3 / 6, 1.0, 3 / 6),
        "car": (4 / 7, 1.0, 4 / 7),
        "road": (1.0, 1.0, 1.0),
    }


def test_classes_that_only_one_field_names_are_compared_too(street, polylines):
    car, bus = ("car", square(0, 0, 3)), ("bus", square(5, 2, 3))
    made = street(maria=polylines(car), li=polylines(car, bus))

    found = agree({name: FiftyOneSource.of(made, name) for name in ("maria", "li")})

    assert sorted(found.ontology.names) == ["bus", "car"]
    assert {c.name: c.pair_iou for c in found.classes} == {"car": (1.0,), "bus": (0.0,)}
    assert found.objects is not None
    (pair,) = found.objects
    assert {name: one.f1 for name, one in zip(found.ontology.names, pair, strict=True)} == {
        "car": 1.0,
        "bus": 0.0,
    }
