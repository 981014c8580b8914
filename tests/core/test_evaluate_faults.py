"""What an evaluation refuses or reports: images, sizes, values, classes, options."""

from __future__ import annotations

import json

import numpy as np
import pytest
from drawn_sources import ONTOLOGY, Drawn, drawn, labels, mask, regions
from PIL import Image

import segcore
from segcore.errors import InvalidInputError, OntologyError, UsageError
from segcore.ontology import LabelClass, Ontology


def test_gold_that_is_delivered_again_is_said_aloud():
    found = segcore.evaluate(drawn(a="sc", b="cc"), drawn(a="sc", b="cc"))

    assert [(f.code, f.severity.value) for f in found.faults] == [("delivery.same_as_gold", "warning")]
    assert segcore.evaluate(drawn(a="sc"), drawn(a="ss")).faults == ()


def test_a_gold_image_that_was_not_delivered_counts_as_missed_and_is_named():
    found = segcore.evaluate(drawn(a="sc", b="cc"), drawn(a="sc"))

    assert found.images.missing_in_delivery == ("b",)
    assert found.confusion.tolist() == [[1, 0, 0], [0, 1, 2], [0, 0, 0]]
    assert [(f.code, f.image) for f in found.faults] == [("delivery.missing_image", "b")]


def test_a_missing_image_given_as_regions_counts_as_missed_too():
    gold = Drawn(
        {"a": regions((0, mask("#. ..")), shape=(2, 2)), "b": regions((1, mask("## ..")), shape=(2, 2))}
    )

    found = segcore.evaluate(gold, Drawn({"a": gold.images["a"]}))

    assert found.confusion.tolist() == [[1, 0, 0], [0, 0, 2], [0, 0, 5]]


def test_an_image_the_gold_does_not_hold_is_reported_and_not_scored():
    found = segcore.evaluate(drawn(a="s"), drawn(a="s", z="c"))

    assert found.images.extra_in_delivery == ("z",)
    assert found.confusion.sum() == 1
    assert found.counts["delivery"].ignored == {"image not in gold": 1}


def test_a_delivery_of_other_images_is_refused_and_not_scored_as_zero():
    with pytest.raises(InvalidInputError) as refused:
        segcore.evaluate(drawn(a="s"), drawn(b="s"))

    assert [f.code for f in refused.value.faults if f.severity == "error"] == ["delivery.image_match"]


def test_a_size_mismatch_is_a_named_fault_and_not_a_resize():
    with pytest.raises(InvalidInputError) as refused:
        segcore.evaluate(drawn(a="ss ss", b="s"), drawn(a="s s", b="s"))

    (fault,) = refused.value.faults
    assert (fault.code, fault.image) == ("delivery.size_mismatch", "a")
    assert (fault.expected, fault.got) == ("2 x 2", "1 x 2")


def test_ignore_in_a_delivery_over_counted_gold_is_wrong_and_said_aloud():
    found = segcore.evaluate(drawn(a="ss?"), drawn(a="s??"))

    assert found.classes[0].iou == 0.5
    assert [(f.code, f.got) for f in found.faults] == [("mask.vendor_void", "1 px of ignore")]


@pytest.mark.parametrize("side", ["gold", "delivery"])
def test_a_value_nobody_declared_refuses_the_input(side):
    good, bad = drawn(a="ss"), drawn(a="s!")

    with pytest.raises(InvalidInputError) as refused:
        segcore.evaluate(*((bad, good) if side == "gold" else (good, bad)))

    (fault,) = refused.value.faults
    assert (fault.code, fault.image) == ("mask.unknown_value", "a")
    assert "77" in fault.got


def test_a_delivered_class_the_ontology_does_not_have_names_the_annotation():
    vendor = Ontology((LabelClass(id=7, name="carr"),))
    delivery = Drawn({"a": regions((0, mask(".#")), shape=(1, 2))}, ontology=vendor)

    with pytest.raises(InvalidInputError) as refused:
        segcore.evaluate(drawn(a="sc"), delivery)

    (fault,) = refused.value.faults
    assert (fault.code, fault.image, fault.annotation) == ("coco.unknown_class_name", "a", 1)
    assert "did you mean 'car'" in fault.got


def test_a_value_of_a_class_the_evaluation_does_not_have_is_refused_too():
    vendor = Ontology((LabelClass(id=0, name="sky"), LabelClass(id=1, name="tram")))
    delivery = Drawn({"a": np.array([[0, 1]], np.uint8)}, ontology=vendor)

    with pytest.raises(InvalidInputError) as refused:
        segcore.evaluate(drawn(a="sc"), delivery)

    (fault,) = refused.value.faults
    assert (fault.code, fault.image) == ("mask.unknown_value", "a")
    assert "1 (1 px)" in fault.got


def test_every_fault_of_both_inputs_is_reported_in_one_run():
    with pytest.raises(InvalidInputError) as refused:
        segcore.evaluate(drawn(a="s!", b="ss", c="!!"), drawn(a="ss", b="s", c="ss"))

    found = [(f.code, f.image) for f in refused.value.faults]
    assert found == [
        ("mask.unknown_value", "a"),
        ("delivery.size_mismatch", "b"),
        ("mask.unknown_value", "c"),
    ]


def test_an_invalid_input_has_the_document_of_the_contract():
    with pytest.raises(InvalidInputError) as refused:
        segcore.evaluate(drawn(a="s!"), drawn(a="ss"))

    found = json.loads(json.dumps(refused.value.to_json()))
    assert (found["schema"], found["outcome"]) == (1, "invalid")
    assert [i["role"] for i in found["inputs"]] == ["gold", "delivery"]
    refused_one = {"annotations_read": 1, "used": 0, "rejected": 1, "ignored": {}}
    assert found["counts"]["gold"] == refused_one
    assert found["counts"]["delivery"] == refused_one | {"used": 1, "rejected": 0}
    assert found["faults"][0]["code"] == "mask.unknown_value"


def test_what_only_the_pair_shows_to_be_wrong_is_rejected_and_not_used():
    vendor = Ontology((LabelClass(id=0, name="sky"), LabelClass(id=1, name="tram")))
    two = regions((1, mask(".#")), (0, mask("#.")), shape=(1, 2))
    delivery = Drawn({"a": two, "b": two}, ontology=vendor)

    with pytest.raises(InvalidInputError) as refused:
        segcore.evaluate(drawn(a="sc", b="scs"), delivery)

    # of image a one region is no class; image b has the wrong size with both its regions
    assert [(f.code, f.image) for f in refused.value.faults] == [
        ("coco.unknown_class_name", "a"),
        ("delivery.size_mismatch", "b"),
    ]
    counts = refused.value.counts["delivery"]
    assert (counts.read, counts.used, counts.rejected) == (4, 1, 3)


def test_a_fault_names_the_file_and_not_the_folder(tmp_path):
    for side, value in (("gold", 0), ("delivery", 77)):
        folder = tmp_path / side / "city"
        folder.mkdir(parents=True)
        Image.fromarray(np.full((2, 2), value, np.uint8)).save(folder / "a.png")

    with pytest.raises(InvalidInputError) as refused:
        segcore.evaluate(f"png:{tmp_path}/gold", f"png:{tmp_path}/delivery", ontology=ONTOLOGY)
    checked = segcore.check(f"png:{tmp_path}/delivery", ontology=ONTOLOGY)

    for faults in (refused.value.faults, checked.faults):
        assert [f.file for f in faults] == [str(tmp_path / "delivery" / "city" / "a.png")]


def test_a_document_that_cannot_be_read_is_one_fault_and_not_one_for_each_image(tmp_path):
    (tmp_path / "broken.json").write_text("{")

    with pytest.raises(InvalidInputError) as refused:
        segcore.evaluate(drawn(a="s", b="s", c="s"), f"coco:{tmp_path}/broken.json")

    assert [f.code for f in refused.value.faults] == ["json.syntax"]


def test_masks_without_classes_ask_for_an_ontology():
    with pytest.raises(OntologyError, match=r"names no classes.*ontology"):
        segcore.evaluate(Drawn({"a": labels("s")}, ontology=None), drawn(a="s"))


@pytest.mark.parametrize(
    "options", [{"task": "semantics"}, {"jobs": 0}, {"overlap": "first"}, {"crowd": "count"}]
)
def test_an_option_out_of_range_is_a_usage_error(options):
    with pytest.raises(UsageError):
        segcore.evaluate(drawn(a="s"), drawn(a="s"), **options)


def test_check_names_undeclared_values_and_counts_what_it_read():
    found = segcore.check(drawn(a="s!", b="ss"))

    assert [(f.code, f.image) for f in found.faults] == [("mask.unknown_value", "a")]
    assert (found.counts.read, found.counts.used, found.counts.rejected) == (2, 1, 1)
