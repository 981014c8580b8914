"""Regions in an evaluation: overlap, crowds, and the same counts as label maps."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_sources import Drawn, drawn, mask, regions
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import segcore
from segcore.errors import InvalidInputError

BIG, SMALL = "#### #### ####", ".... .##. ...."


@pytest.mark.parametrize(
    ("rule", "order", "cars"),
    [
        ("smallest", "big first", 2),
        ("smallest", "small first", 2),
        ("last", "big first", 2),
        ("last", "small first", 0),
    ],
)
def test_the_overlap_rule_says_who_owns_a_contested_pixel(rule, order, cars):
    pairs = [(0, mask(BIG)), (1, mask(SMALL))]
    held = regions(*(pairs if order == "big first" else pairs[::-1]), shape=(3, 4))

    found = segcore.evaluate(drawn(a="ssss sccs ssss"), Drawn({"a": held}), overlap=rule)

    assert found.classes[1].delivery_pixels == cars
    assert found.classes[0].delivery_pixels == 12 - cars


def test_the_overlap_rule_error_names_image_pixel_and_annotations():
    held = regions((0, mask(BIG)), (1, mask(SMALL)), shape=(3, 4))

    with pytest.raises(InvalidInputError) as refused:
        segcore.evaluate(drawn(a="ssss sccs ssss"), Drawn({"a": held}), overlap="error")

    (fault,) = refused.value.faults
    assert (fault.code, fault.image) == ("semantic.overlap", "a")
    assert fault.got == "2 px shared, first at x=1 y=1 by annotations [1, 2]"


def test_the_overlap_rule_error_sees_a_class_hidden_between_two_of_another():
    held = regions((1, mask("##")), (0, mask("#.")), (1, mask("##")), shape=(1, 2))

    with pytest.raises(InvalidInputError, match="1 px shared"):
        segcore.evaluate(drawn(a="cc"), Drawn({"a": held}), overlap="error")


def test_regions_of_one_class_may_overlap_under_any_rule():
    held = regions((0, mask(BIG)), (0, mask(SMALL)), shape=(3, 4))

    found = segcore.evaluate(drawn(a="ssss ssss ssss"), Drawn({"a": held}), overlap="error")

    assert found.classes[0].iou == 1.0


def test_gold_crowd_is_ignored_but_where_an_ordinary_region_covers_it():
    gold = Drawn({"a": regions((1, mask("###.")), (1, mask("#...")), shape=(1, 4), crowd={0})})
    delivery = drawn(a="ccs.")

    ignored = segcore.evaluate(gold, delivery)
    counted = segcore.evaluate(gold, delivery, crowd="class")

    assert ignored.confusion.tolist() == [[0, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert counted.confusion.tolist() == [[0, 0, 0], [1, 2, 0], [0, 0, 1]]
    assert ignored.counts["gold"].ignored == {"crowd region": 1}
    assert ignored.classes[1].support_instances == 1


@given(
    hnp.arrays(np.uint8, (5, 4), elements=st.sampled_from([0, 1, 254])),
    hnp.arrays(np.uint8, (5, 4), elements=st.sampled_from([0, 1, 254])),
)
@settings(max_examples=60, deadline=None)
def test_dense_and_region_inputs_in_any_mix_give_the_same_confusion(gold, delivery):
    def as_regions(values):
        return regions(*((c, values == c) for c in (0, 1)), shape=values.shape)

    dense = segcore.evaluate(Drawn({"a": gold}), Drawn({"a": delivery})).confusion

    expected = np.zeros((3, 3), np.int64)
    np.add.at(expected, (np.minimum(gold, 2).ravel(), np.minimum(delivery, 2).ravel()), 1)
    assert np.array_equal(dense, expected)
    for g in (gold, as_regions(gold)):
        for d in (delivery, as_regions(delivery)):
            assert np.array_equal(segcore.evaluate(Drawn({"a": g}), Drawn({"a": d})).confusion, expected)
