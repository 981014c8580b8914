"""What a class loses IoU to, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_sources import Drawn, drawn, labels, mask, regions
from hypothesis import given, settings
from hypothesis import strategies as st

import segcore
from segcore.breakdown import breakdown
from segcore.errors import UsageError


def split(gold, delivery, *, dilation="1px", reach_px=1):
    evaluation = segcore.evaluate(gold, delivery)
    found = breakdown(evaluation, gold, delivery, dilation=dilation, reach_px=reach_px)
    return {lost.name: lost for lost in found.classes}


def test_an_object_that_is_not_delivered_is_missing_also_at_its_outline():
    gold = drawn(a="....... .cc.... .cc.... .......")
    delivery = drawn(a="....... ....... ....... .......")

    car = split(gold, delivery)["car"]

    assert car.parts == {"missing": 4, "extra": 0, "wrong_class": 0, "boundary": 0}
    assert (car.intersection, car.union, car.lost) == (0, 4, 4)


def test_an_object_that_gold_has_not_is_extra():
    gold = drawn(a="ccc.... ccc.... ....... .......")
    delivery = drawn(a="ccc...c ccc...c ....... .......")

    car = split(gold, delivery)["car"]

    assert car.parts == {"missing": 0, "extra": 2, "wrong_class": 0, "boundary": 0}


def test_a_mask_one_pixel_too_tight_or_too_loose_loses_its_boundary_only():
    small = drawn(a="...... ...... ..cc.. ..cc.. ...... ......")
    large = drawn(a="...... .cccc. .cccc. .cccc. .cccc. ......")

    tight, loose = split(large, small)["car"], split(small, large)["car"]

    assert (tight.tight, tight.loose, tight.lost) == (12, 0, 12)
    assert (loose.tight, loose.loose, loose.lost) == (0, 12, 12)


def test_the_border_of_the_image_is_no_outline():
    # gold fills the image, so it has no outline to draw
    gold = drawn(a="cccc cccc cccc")
    delivery = drawn(a="ccc. ccc. ccc.")

    car = split(gold, delivery)["car"]

    assert car.parts == {"missing": 3, "extra": 0, "wrong_class": 0, "boundary": 0}


def test_a_wrong_class_is_told_by_class_on_both_sides():
    gold = drawn(a="ccssssss ccssssss ccssssss")
    delivery = drawn(a="ccsssccc ccsssccc ccsssccc")

    found = split(gold, delivery)

    assert found["sky"].missed_to == {"car": 9}
    assert found["car"].extra_from == {"sky": 9}
    assert found["sky"].parts == {"missing": 0, "extra": 0, "wrong_class": 9, "boundary": 0}
    assert found["car"].parts == {"missing": 0, "extra": 0, "wrong_class": 9, "boundary": 0}


def test_a_border_between_two_classes_that_is_off_is_boundary_for_both():
    gold = drawn(a="cccsss cccsss cccsss")
    delivery = drawn(a="ccssss ccssss ccssss")

    found = split(gold, delivery)

    assert (found["car"].tight, found["car"].loose, found["car"].lost) == (3, 0, 3)
    assert (found["sky"].tight, found["sky"].loose, found["sky"].lost) == (0, 3, 3)


def test_what_gold_ignores_is_in_no_part():
    gold = drawn(a="cc??.. cc??..")
    delivery = drawn(a="cccccc cccccc")

    car = split(gold, delivery)["car"]

    assert car.lost == 4
    assert car.parts == {"missing": 0, "extra": 4, "wrong_class": 0, "boundary": 0}


def test_void_in_a_delivery_is_nothing_delivered():
    gold = drawn(a="cccc.. cccc..")
    delivery = drawn(a="c????? c?????")

    car = split(gold, delivery)["car"]

    assert car.parts == {"missing": 6, "extra": 0, "wrong_class": 0, "boundary": 0}


def test_a_mask_that_is_shifted_is_whole_again_when_it_is_moved_back():
    gold = drawn(a="....... .ccc... .ccc... .......")
    delivery = drawn(a="....... ....... ..ccc.. ..ccc..")

    car = split(gold, delivery)["car"]

    assert (car.intersection, car.union) == (2, 10)
    assert car.iou_if_shifted == 1.0
    assert car.mended_pixels == 8
    assert car.shifted_images == 1
    assert car.shift.to_json() == {"dx": -1, "dy": -1, "iou": 1.0}


def test_regions_are_moved_the_same_way_as_label_maps():
    rows = {"gold": "....... .###... .###... .......", "delivery": "....... ....... ..###.. ..###.."}
    sides = [Drawn({"a": regions((1, mask(rows[side])), shape=(4, 7))}) for side in ("gold", "delivery")]
    moved = drawn(a="....... .....cc .....cc .......")
    one_column_left = Drawn({"a": regions((1, mask("....... ....##. ....##. .......")), shape=(4, 7))})

    both = split(*sides)["car"]
    mixed = split(moved, one_column_left)["car"]

    assert both.shift.to_json() == {"dx": -1, "dy": -1, "iou": 1.0}
    assert mixed.shift.to_json() == {"dx": 1, "dy": 0, "iou": 1.0}


def test_images_that_are_shifted_differently_have_no_move_in_common():
    gold = drawn(a="...... ..cc.. ..cc..", b="...... ..cc.. ..cc..")
    delivery = drawn(a="...... .cc... .cc...", b="...... ...cc. ...cc.")

    car = split(gold, delivery)["car"]

    # each has 2 of 6; each by itself is whole with one move, and no one move is better than none
    assert (car.intersection, car.union) == (4, 12)
    assert (car.iou_if_shifted, car.mended_pixels, car.shifted_images) == (1.0, 8, 2)
    assert (car.shift.dx, car.shift.dy) == (0, 0)
    assert car.shift.iou == pytest.approx(4 / 12)


def test_a_move_cannot_mend_by_pushing_what_is_extra_out_of_the_image():
    gold = drawn(a=".c....")
    delivery = drawn(a="cc....")

    car = split(gold, delivery)["car"]

    # to the left the extra pixel would leave the image, but the right one would be off as well
    assert (car.intersection, car.union) == (1, 2)
    assert car.shift.to_json() == {"dx": 0, "dy": 0, "iou": 0.5}


def test_an_image_that_is_not_delivered_is_missing_and_cannot_be_moved():
    gold = drawn(a=".ccc.. .ccc..", b=".ccc.. .ccc..")
    delivery = drawn(a=".ccc.. .ccc..")

    car = split(gold, delivery)["car"]

    assert car.parts == {"missing": 6, "extra": 0, "wrong_class": 0, "boundary": 0}
    assert (car.mended_pixels, car.shifted_images) == (0, 0)


def test_a_class_neither_side_has_loses_nothing():
    sky = split(drawn(a="cc cc"), drawn(a="cc cc"))["sky"]

    assert (sky.lost, sky.iou, sky.iou_if_shifted, sky.shift.iou) == (0, None, None, None)
    assert not any(sky.parts.values())


def test_an_input_that_changed_since_is_refused():
    gold, delivery = drawn(a="cc cc"), drawn(a="cc c.")
    evaluation = segcore.evaluate(gold, delivery)
    delivery.images["a"] = labels("cc cc")

    with pytest.raises(UsageError, match="an input changed"):
        breakdown(evaluation, gold, delivery)


@pytest.mark.parametrize("reach_px", [0, 17])
def test_a_reach_out_of_range_is_refused(reach_px):
    side = drawn(a="cc cc")

    with pytest.raises(UsageError, match="1 to 16 pixels"):
        breakdown(segcore.evaluate(side, side), side, side, reach_px=reach_px)


maps = st.tuples(st.integers(1, 9), st.integers(1, 9)).flatmap(
    lambda shape: st.tuples(
        *[
            st.lists(
                st.sampled_from([0, 1, 254, 255]),
                min_size=shape[0] * shape[1],
                max_size=shape[0] * shape[1],
            ).map(lambda flat: np.array(flat, np.uint8).reshape(shape))
        ]
        * 2
    )
)


def near(codes, inside, distance):
    """By its definition: which pixels have one of ``inside`` at most ``distance`` away."""
    height, width = codes.shape
    found = np.zeros(codes.shape, bool)
    for y, x in zip(*np.nonzero(inside), strict=True):
        rows = slice(max(y - distance, 0), min(y + distance + 1, height))
        found[rows, max(x - distance, 0) : min(x + distance + 1, width)] = True
    return found


def moved(own, dx, dy):
    """A mask moved; what leaves is dropped."""
    height, width = own.shape
    found = np.zeros(own.shape, bool)
    for y, x in zip(*np.nonzero(own), strict=True):
        if 0 <= y + dy < height and 0 <= x + dx < width:
            found[y + dy, x + dx] = True
    return found


@settings(max_examples=150, deadline=None)
@given(maps, st.integers(1, 3), st.integers(1, 3))
def test_every_part_is_what_its_definition_says(pair, distance, reach):
    gold, delivered = pair
    sides = Drawn({"a": gold}), Drawn({"a": delivered})

    found = split(*sides, dilation=f"{distance}px", reach_px=reach)

    counted = gold != 255
    for index, name in enumerate(("sky", "car")):
        g, d = (gold == index), (delivered == index) & counted
        missed, extra = g & ~d, d & ~g
        tight = missed & near(gold, ~g, distance) & near(gold, d, distance)
        loose = extra & near(gold, ~d, distance) & near(gold, g, distance)
        other = ~np.isin(delivered, (0, 1)), ~np.isin(gold, (0, 1))
        lost = found[name]
        assert (lost.tight, lost.loose) == (tight.sum(), loose.sum())
        assert lost.missing == (missed & ~tight & other[0]).sum()
        assert lost.extra == (extra & ~loose & other[1]).sum()
        assert sum(lost.parts.values()) == lost.lost == (g | d).sum() - (g & d).sum()
        moves = [(x, y) for y in range(-reach, reach + 1) for x in range(-reach, reach + 1)]
        tried = {}
        for x, y in moves:
            there = moved(d, x, y) & counted
            tried[x, y] = (int((g & there).sum()), int((g | there).sum()))
        most = max(i for i, _ in tried.values())
        better = [u for i, u in tried.values() if i == most > tried[0, 0][0]]
        best = (most, min(better)) if better else tried[0, 0]
        assert tried[lost.shift.dx, lost.shift.dy] == best
        assert (lost.shift.dx, lost.shift.dy) == (0, 0) or better
        assert lost.iou_if_shifted == lost.shift.iou == (best[0] / best[1] if best[1] else None)
        assert lost.mended_pixels == lost.lost - (best[1] - best[0]) >= 0


def test_panoptic_masks_are_split_and_banded_like_label_maps(shared_data):
    folder = shared_data("coco_panoptic_samples") / "sample_data"
    spec = f"coco-panoptic:{folder}/panoptic_examples.json?masks={folder}/panoptic_examples"
    source = segcore.open(spec)

    evaluation = segcore.evaluate(source, source, dilation=0.02)

    assert evaluation.mean_boundary_iou == 1.0
    assert not any(lost.lost for lost in breakdown(evaluation, source, source).classes)
