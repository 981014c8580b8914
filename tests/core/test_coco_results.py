"""COCO results as a source, beside the data set they belong to."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
from coco_files import Opened, change, codes, dataset, detections, read

from segcore.errors import SpecError

pytestmark = pytest.mark.usefixtures("either_kind")  # numba finds rows in the text


def test_results_take_images_and_classes_from_the_gold_they_are_resolved_with(opened: Opened) -> None:
    gold = opened(dataset(), "gold.json")

    source = opened(detections()).resolve(ontology=None, gold=gold)

    assert source.keys() == ("a", "b")
    assert source.ontology == gold.ontology
    assert read(source, "a").classes.tolist() == [0, 1]
    assert read(source, "a").scores.tolist() == [0.25, 1.0]
    assert read(source, "a").ids == (0, 1)
    assert len(source.faults) == 0


def test_results_take_images_and_classes_from_the_file_the_spec_names(opened: Opened) -> None:
    gold = opened(dataset(), "gold.json")

    source = opened(detections(), gt=gold.name.removeprefix("coco:"))

    assert source.keys() == ("a", "b")
    assert read(pickle.loads(pickle.dumps(source)), "a").ids == (0, 1)


def test_faults_of_the_file_the_spec_names_are_reported(opened: Opened) -> None:
    gold = opened(change(["annotations", 0, "iscrowd"], 5), "gold.json")

    source = opened(detections(), gt=gold.name.removeprefix("coco:"))
    source.keys()

    assert [(fault.code, Path(fault.file).name) for fault in source.faults] == [
        ("coco.iscrowd", "gold.json")
    ]


def test_results_without_a_gold_are_an_error_that_says_what_to_add(opened: Opened) -> None:
    with pytest.raises(SpecError, match=r"\?gt="):
        opened(detections()).keys()


def test_results_beside_a_gold_that_is_no_data_set_are_an_error(opened: Opened) -> None:
    other = opened(detections(), "other.json")

    with pytest.raises(SpecError, match=r"\?gt="):
        opened(detections()).resolve(ontology=None, gold=other)


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("image_id", 8, "results.inconsistent"),
        ("category_id", 8, "results.inconsistent"),
        ("image_id", "7", "coco.bad_type"),
        ("category_id", ..., "coco.missing_field"),
        ("segmentation", ..., "seg.missing"),
        ("score", ..., "results.missing_score"),
        ("score", True, "results.bad_score"),
        ("score", 10**400, "results.bad_score"),
    ],
)
def test_a_faulty_detection_is_named_by_its_position(
    opened: Opened, field: str, value: Any, code: str
) -> None:
    entries = detections()
    if value is ...:
        del entries[1][field]
    else:
        entries[1][field] = value

    source = opened(entries).resolve(ontology=None, gold=opened(dataset(), "gold.json"))

    assert codes(source) == [code]
    assert [fault.annotation for fault in source.faults] == [1]


def test_a_broken_gold_does_not_put_the_blame_on_every_detection(opened: Opened) -> None:
    gold = opened("", "gold.json")

    source = opened(detections()).resolve(ontology=None, gold=gold)

    assert source.keys() == ()
    assert source.unplaced == 2
    assert len(source.faults) == 0
    assert [fault.code for fault in gold.faults] == ["json.syntax"]


def test_an_empty_list_of_results_delivers_every_image_with_nothing_found(opened: Opened) -> None:
    source = opened([]).resolve(ontology=None, gold=opened(dataset(), "gold.json"))

    assert source.keys() == ("a", "b")
    assert len(read(source, "a")) == 0
