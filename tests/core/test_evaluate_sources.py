"""What a source says of itself, annotations of nothing, and several of one image."""

from __future__ import annotations

import pytest
from drawn_sources import ONTOLOGY, Drawn, drawn, labels, mask, regions

import segcore
from segcore.errors import InvalidInputError
from segcore.ontology import LabelClass, Ontology


class Annotated(Drawn):
    """A source that leaves annotations out and has conventions of its own."""

    alpha = 128

    @property
    def left_out(self):
        return {"draft": 2, "none of these": 0}

    @property
    def conventions(self):
        return {"brush": f"alpha from {self.alpha}"}


def test_what_a_source_leaves_out_is_read_and_ignored():
    images = {"a": labels("sc")}

    found = segcore.evaluate(drawn(a="sc"), Annotated(images))

    assert found.counts["delivery"].to_json() == {
        "annotations_read": 3,
        "used": 1,
        "rejected": 0,
        "ignored": {"draft": 2},
    }
    assert found.counts["gold"].read == 1


def test_the_conventions_of_a_source_are_reported_with_its_side():
    images = {"a": labels("sc")}
    other = Annotated(images, name="other:")
    other.alpha = 1

    one = segcore.evaluate(drawn(a="ss"), Annotated(images)).conventions
    same = segcore.evaluate(Annotated(images), Annotated(images)).conventions
    two = segcore.evaluate(Annotated(images), other).conventions

    assert one["brush"] == "delivery: alpha from 128"
    assert same["brush"] == "alpha from 128"
    assert two["brush"] == "gold: alpha from 128; delivery: alpha from 1"
    assert {"iou", "mean", "unlabeled"} <= set(one)


NOTHING = regions(shape=(0, 0))


def test_an_annotation_of_nothing_has_the_size_of_the_other_side():
    square = regions((1, mask("##. ##.")), shape=(2, 3))

    empty_delivery = segcore.evaluate(Drawn({"a": square}), Drawn({"a": NOTHING}))
    empty_gold = segcore.evaluate(Drawn({"a": NOTHING}), Drawn({"a": square}))
    label_map = segcore.evaluate(drawn(a="scc s.c"), Drawn({"a": NOTHING}))

    #                                          delivered: sky car other
    assert empty_delivery.confusion.tolist() == [[0, 0, 0], [0, 0, 4], [0, 0, 2]]
    assert empty_gold.confusion.tolist() == [[0, 0, 0], [0, 0, 0], [0, 4, 2]]
    assert label_map.confusion.tolist() == [[0, 0, 2], [0, 0, 3], [0, 0, 1]]


def test_two_annotations_of_nothing_agree_on_no_pixel():
    found = segcore.evaluate(
        Drawn({"a": NOTHING, "b": regions((0, mask("#")), shape=(1, 1))}),
        Drawn({"a": NOTHING, "b": regions((0, mask("#")), shape=(1, 1))}),
    )

    assert found.confusion.tolist() == [[1, 0, 0], [0, 0, 0], [0, 0, 0]]
    assert found.images.paired == ("a", "b")


def test_regions_of_another_size_are_still_refused():
    with pytest.raises(InvalidInputError) as caught:
        segcore.evaluate(
            Drawn({"a": regions((0, mask("#")), shape=(1, 1))}),
            Drawn({"a": regions((0, mask("##")), shape=(1, 2))}),
        )

    assert [f.code for f in caught.value.faults] == ["delivery.size_mismatch"]


class ByAnnotator(Drawn):
    """Keys such as ``a@2``: the image a as annotator 2 saw it."""

    def image_of(self, key):
        return key.partition("@")[0]


def test_several_annotations_of_one_image_count_each_against_its_gold():
    gold = drawn(a="sc", b="cc", c="ss")
    delivery = ByAnnotator({"a@1": labels("sc"), "a@2": labels("ss"), "c@2": labels("sc")})

    found = segcore.evaluate(gold, delivery)

    #                                  delivered: sky car other
    assert found.confusion.tolist() == [[3, 1, 0], [1, 1, 2], [0, 0, 0]]
    assert found.images.gold == 3
    assert found.images.paired == ("a@1", "a@2", "c@2")
    assert found.images.missing_in_delivery == ("b",)
    assert found.counts["gold"].used == 3
    assert found.counts["delivery"].used == 3
    assert found.inputs[0].sha256 == segcore.evaluate(gold, gold).inputs[0].sha256


def test_gold_crowds_and_faults_count_once_however_often_the_gold_is_used():
    square = mask("##")
    gold = Drawn({"a": regions((0, square), (1, square), shape=(1, 2), crowd={1})})
    ghost = Ontology((*ONTOLOGY.classes, LabelClass(id=2, name="ghost")))
    bad = Drawn({"a": regions((2, square), (1, square), shape=(1, 2))}, ontology=ghost)
    twice = ByAnnotator({"a@1": labels("ss"), "a@2": labels("ss")})

    crowd = segcore.evaluate(gold, twice)
    with pytest.raises(InvalidInputError) as caught:
        segcore.evaluate(bad, twice, ontology=ONTOLOGY)

    assert crowd.counts["gold"].to_json()["ignored"] == {"crowd region": 1}
    assert [f.code for f in caught.value.faults] == ["coco.unknown_class_name"]
    assert caught.value.counts["gold"].rejected == 1


def test_an_annotation_of_an_image_the_gold_does_not_hold_is_extra():
    found = segcore.evaluate(
        drawn(a="sc"), ByAnnotator({"a@1": labels("sc"), "x@1": labels("sc"), "x@2": labels("sc")})
    )

    assert found.images.extra_in_delivery == ("x@1", "x@2")
    assert found.counts["delivery"].to_json()["ignored"] == {"image not in gold": 2}
