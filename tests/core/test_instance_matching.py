"""Objects matched one to one without scores, on drawings small enough to count by hand."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from segcore.annotation import ImageAnnotation, Region, Regions, RunMask
from segcore.instance_matching import ObjectMatching, match_objects
from segcore.instance_records import object_columns
from segcore.measures.class_map import ClassMap
from segcore.measures.instance import InstanceMeasure
from segcore.measures.instance_rows import tabulated
from segcore.ontology import Crowd, LabelClass, Ontology

ONTOLOGY = Ontology((LabelClass(id=0, name="car"), LabelClass(id=1, name="dog")))


def drawn(text: str) -> dict[str, np.ndarray]:
    """A mask for every letter of a drawing; ``.`` is nothing."""
    letters = np.array([list(line) for line in text.split()])
    return {letter: letters == letter for letter in sorted({*letters.ravel()} - {"."})}


def annotation(masks: dict[str, np.ndarray], *, size: tuple[int, int]) -> ImageAnnotation:
    """Lower case letters are cars, upper case ones dogs, ``x`` and ``X`` crowds."""
    regions = [
        Region(
            class_index=int(letter.isupper()),
            mask=RunMask.from_array(mask),
            crowd=letter in "xX",
            id=letter,
        )
        for letter, mask in masks.items()
    ]
    content = Regions.from_regions(regions, height=size[0], width=size[1])
    return ImageAnnotation(key="image", height=size[0], width=size[1], content=content)


def matched(gold: Any, delivery: Any) -> ObjectMatching:
    """Two drawings, or masks by letter, matched."""
    sides = [drawn(side) if isinstance(side, str) else side for side in (gold, delivery)]
    size = next(mask.shape for masks in sides for mask in masks.values())
    same = ClassMap(target=ONTOLOGY, source=ONTOLOGY, file="drawn")
    measure = InstanceMeasure(gold=same, delivery=same, crowd=Crowd.IGNORE)
    pair = measure(*(annotation(masks, size=size) for masks in sides)).tally
    return match_objects(tabulated([("image", pair)]))


def told(matching: ObjectMatching) -> set[tuple[Any, ...]]:
    """Kind, gold and delivered object of every row."""
    columns = object_columns(matching, ONTOLOGY.names)
    return {*zip(columns["kind"], columns["gold_id"], columns["delivery_id"], strict=True)}


def test_an_object_that_overlaps_by_half_is_found():
    found = matched("aaaa..", "..aaaa")
    assert told(found) == {("missed", "a", None), ("extra", None, "a"), ("near", "a", "a")}

    found = matched("aaa...", ".aaa..")
    assert told(found) == {("matched", "a", "a")}
    assert found.pairs.iou.tolist() == [0.5]


def test_objects_of_another_class_do_not_match_but_are_named():
    found = matched("aaa...", "AAA...")

    assert told(found) == {("missed", "a", None), ("extra", None, "A"), ("confused", "a", "A")}
    assert [(c.matched, c.missed, c.extra, c.f1) for c in found.counts(2)] == [
        (0, 1, 0, 0.0),
        (0, 0, 1, 0.0),
    ]


def test_one_delivered_object_over_two_gold_ones_is_merged():
    found = matched("aabbb.", "ccccc.")

    # c shares 3 of 5 pixels with b: found; a is missed, and lies in c
    assert told(found) == {
        ("matched", "b", "c"), ("missed", "a", None), ("merged", "a", "c"), ("merged", "b", "c"),
    }  # fmt: skip


def test_one_delivered_object_over_three_gold_ones_of_which_none_is_found_is_merged():
    found = matched("aabbcc", "dddddd")

    assert told(found) == {
        ("missed", "a", None), ("missed", "b", None), ("missed", "c", None), ("extra", None, "d"),
        ("near", "a", "d"), ("merged", "a", "d"), ("merged", "b", "d"), ("merged", "c", "d"),
    }  # fmt: skip


def test_a_gold_object_in_two_delivered_parts_is_split():
    found = matched("aaaaa.", "bbbcc.")

    assert told(found) == {
        ("matched", "a", "b"), ("extra", None, "c"), ("split", "a", "b"), ("split", "a", "c"),
    }  # fmt: skip


def test_an_object_delivered_twice_is_extra_and_no_part_of_a_split():
    mask = drawn("aaaa..")["a"]

    found = matched({"a": mask}, {"b": mask, "c": mask})

    assert told(found) == {("matched", "a", "b"), ("extra", None, "c")}


def test_a_small_object_in_a_large_one_is_no_merge_where_both_were_delivered():
    large, small = drawn("aaaaaa")["a"], drawn("...bb.")["b"]

    found = matched({"a": large, "b": small}, {"a": large, "b": small})

    assert told(found) == {("matched", "a", "a"), ("matched", "b", "b")}
    assert len(found.merged) == len(found.split) == 0


def test_what_lies_in_a_crowd_is_neither_found_nor_extra():
    found = matched("xxxx.a", "bbcc.a")

    assert told(found) == {("matched", "a", "a")}
    assert [(c.matched, c.missed, c.extra) for c in found.counts(2)] == [(1, 0, 0), (0, 0, 0)]


def test_what_lies_mostly_beside_a_crowd_or_in_one_of_another_class_is_extra():
    assert ("extra", None, "b") in told(matched("xx....", ".bbb.."))
    assert ("extra", None, "b") in told(matched("XXXX..", ".bbb.."))


def test_the_pair_that_overlaps_most_is_matched_first():
    # b and c share 4 of 5 and 3 of 5 pixels with a
    gold = {"a": drawn("aaaaa.")["a"]}
    delivery = {"b": drawn("bbbb..")["b"], "c": drawn("ccc...")["c"]}

    assert told(matched(gold, delivery)) == {("matched", "a", "b"), ("extra", None, "c")}


@settings(deadline=None, max_examples=200)
@given(
    hnp.arrays(np.int8, (4, 6), elements=st.integers(0, 3)),
    hnp.arrays(np.int8, (4, 6), elements=st.integers(0, 3)),
)
def test_where_objects_do_not_overlap_the_matching_above_one_half_is_the_only_one(left, right):
    """Every other one-to-one choice of pairs above one half is part of it."""
    gold = {"abc"[i - 1]: left == i for i in range(1, 4) if (left == i).any()}
    delivery = {"abc"[i - 1]: right == i for i in range(1, 4) if (right == i).any()}
    if not (gold and delivery):
        return
    pairs = {
        (g, d)
        for (g, a), (d, b) in itertools.product(gold.items(), delivery.items())
        if 2 * (a & b).sum() > (a | b).sum()
    }

    found = matched(gold, delivery)

    chosen = found.pairs.where(found.pairs.iou > 0.5)
    names = found.table.gold.ids, found.table.delivery.ids
    assert {
        (names[0][g], names[1][d]) for g, d in zip(chosen.gold, chosen.delivery, strict=True)
    } == pairs


@settings(deadline=None, max_examples=100)
@given(hnp.arrays(np.bool_, (3, 3, 5)), hnp.arrays(np.bool_, (3, 3, 5)))
def test_the_matches_of_a_higher_overlap_are_those_of_a_lower_one_that_reach_it(left, right):
    gold, delivery = (dict(zip("abc", side, strict=True)) for side in (left, right))

    found = matched(gold, delivery)

    low, high = found.at(0.25), found.at(0.6)
    assert high.gold.tolist() == low.gold[low.iou >= 0.6].tolist()
    for side in (low.gold, low.delivery):
        assert len(side) == len(np.unique(side))


@pytest.mark.parametrize(("gold", "delivery"), [("aaa", "..."), ("...", "aaa")])
def test_a_class_only_one_side_holds_has_an_f1_of_0_and_one_that_neither_holds_has_none(gold, delivery):
    counts = matched(gold, delivery).counts(2)

    assert [c.f1 for c in counts] == [0.0, None]
    assert (counts[0].precision, counts[0].recall) == ((None, 0.0) if delivery == "..." else (0.0, None))
