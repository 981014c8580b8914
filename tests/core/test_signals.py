"""Signals: what asks for a question to the vendor, and what does not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lint_scenes import BUS, CAR, CLASSES, ROAD, mapped, regions, shapes
from panoptic_scenes import PERSON, SKY, save, scene
from scipy import stats

import segcore
from segcore.errors import UsageError
from segcore.signals import Signal, SignalSettings, favoured_by_audit, signals
from segcore.signals.mann_whitney import p_larger

SIDE = 40


def blob(x=4, y=4, width=22, height=20):
    """440 pixels of 1600, unless told otherwise."""
    mask = np.zeros((SIDE, SIDE), np.bool_)
    mask[y : y + height, x : x + width] = True
    return mask


def cars(**masks):
    return regions(**{key: shapes((CAR, mask)) for key, mask in masks.items()})


def said(name, delivery, *, gold=None, earlier=(), **settings):
    told = SignalSettings(**settings)
    found = signals(delivery, [name], gold=gold, earlier=earlier, ontology=CLASSES, settings=told)
    return found[Signal(name)]


# ---- masks of the gold


def test_a_mask_of_the_gold_pixel_by_pixel_is_a_signal():
    gold = cars(a=blob(), b=blob(6))
    delivery = cars(a=blob(), b=blob(7))

    found = said("identical-to-gold", delivery, gold=gold)

    assert [(f.image, f.annotation, f.got) for f in found.findings] == [("a", 1, "440 px")]
    assert (found.found, found.examined) == (1, 2)


@pytest.mark.parametrize(("height", "expected"), [(18, 0), (19, 1)])
def test_small_masks_are_the_same_by_chance(height, expected):
    both = cars(a=blob(height=height))  # 22 x 18 = 396 pixels, 22 x 19 = 418

    found = said("identical-to-gold", both, gold=both)

    assert found.found == expected
    assert said("identical-to-gold", both, gold=both, gold_px=1).found == 1


def test_the_same_pixels_are_the_same_in_every_format(tmp_path):
    segments = "p p s\np p s"
    gold = save(tmp_path, "gold", {"a": scene(segments, p=PERSON, s=SKY)})
    person = np.array([[1, 1, 0], [1, 1, 0]])
    names = segcore.open(gold).ontology
    delivery = regions(a=shapes((1, person), (0, 1 - person)))
    delivery._ontology = names

    found = signals(delivery, ["identical-to-gold"], gold=gold, settings=SignalSettings(gold_px=1))

    assert found[Signal.IDENTICAL_TO_GOLD].found == 2


def test_a_crowd_and_a_mask_as_large_as_its_image_are_not_looked_at():
    whole = np.ones((SIDE, SIDE), np.bool_)
    both = regions(a=shapes((ROAD, whole), (CAR, blob()), crowd=(2,)))

    found = said("identical-to-gold", both, gold=both)

    assert found.not_applicable == "it has no large mask with gold"


def test_an_image_without_gold_is_not_compared():
    found = said("identical-to-gold", cars(a=blob(), b=blob()), gold=cars(b=blob(1)))

    assert (found.found, found.examined) == (0, 1)


# ---- masks that come again


def test_a_mask_that_is_in_an_image_before_is_a_signal():
    delivery = cars(a=blob(), b=blob(5), c=blob(), d=blob())

    found = said("repeated-mask", delivery)

    assert [(f.image, f.what) for f in found.findings] == [
        ("c", "the mask is in image a too, pixel by pixel"),
        ("d", "the mask is in image a too, pixel by pixel"),
    ]
    assert (found.found, found.examined) == (2, 4)


def test_a_mask_twice_in_one_image_is_not_repeated_across_images():
    delivery = regions(a=shapes((CAR, blob()), (BUS, blob())), b=shapes((CAR, blob(9))))

    assert said("repeated-mask", delivery).found == 0


def test_the_same_runs_in_images_of_another_size_are_no_repetition():
    wide = np.zeros((SIDE, SIDE + 1), np.bool_)
    wide[:, :SIDE] = blob()
    delivery = regions(a=shapes((CAR, blob())), b=shapes((CAR, wide)))

    assert said("repeated-mask", delivery).found == 0


def test_all_repetitions_are_counted_and_the_first_are_kept():
    delivery = cars(**{f"{i:03}": blob() for i in range(131)})

    found = said("repeated-mask", delivery)

    assert found.found == 130
    assert [f.image for f in found.findings] == [f"{i:03}" for i in range(1, 101)]


def test_masks_of_an_earlier_delivery_are_a_signal_in_any_image():
    earlier = [cars(x=blob(1)), cars(y=blob(2))]

    found = said("identical-to-earlier", cars(a=blob(2), b=blob(3)), earlier=earlier)

    assert [f.image for f in found.findings] == ["a"]


# ---- lead times


def timed(times, area=500):
    """Images of so many annotated pixels that took so many seconds."""
    mask = np.zeros((SIDE, SIDE), np.bool_)
    mask.ravel()[:area] = True
    source = cars(**dict.fromkeys(times, mask))
    source.attributes = lambda key: {"lead_time_s": (repr(times[key]),)}
    return source


def test_the_fastest_images_are_a_signal_below_the_floor():
    delivery = timed({"a": 1.0, "b": 2.0, "c": 30.0})  # 2, 4 and 60 s for 1000 px

    found = said("lead-time", delivery, floor_s=5.0)

    assert [(f.image, f.got) for f in found.findings] == [("a", "2 s for 1000 px")]
    assert found.said == "2 of 3 images are below the floor"


def test_the_fastest_images_above_the_floor_are_none():
    assert said("lead-time", timed({"a": 3.0, "b": 9.0}), floor_s=5.0).found == 0


def test_of_many_images_one_in_a_hundred_is_named():
    times = {f"{i:03}": 1.0 + i / 1000 for i in range(400)}

    found = said("lead-time", timed(times), floor_s=100.0)

    # The 1st percentile is that of place 3.99, taken down to a value that is there.
    assert [f.image for f in found.findings] == ["000", "001", "002", "003"]


@pytest.mark.parametrize("given", [(), ("soon",), ("-1",), ("inf",), ("nan",), ("1", "2")])
def test_what_is_no_time_is_not_looked_at(given):
    source = timed({"a": 1.0})
    source.attributes = lambda key: {"lead_time_s": given} if given else {}

    found = said("lead-time", source, floor_s=5.0)

    assert found.not_applicable == "it does not say how long its images took"


# ---- more care for the gold


def test_images_of_the_gold_that_took_longer_are_a_signal():
    times = {f"{i:02}": 20.0 + i if i < 12 else 5.0 + i / 10 for i in range(30)}
    gold = cars(**{f"{i:02}": blob() for i in range(12)})

    found = said("gold-favoured", timed(times), gold=gold)

    assert found.found == 1
    assert (
        found.findings[0].what == "the images of the gold took longer for their pixels than the others"
    )
    expected = stats.mannwhitneyu(
        [2 * times[f"{i:02}"] for i in range(12)],
        [2 * times[f"{i:02}"] for i in range(12, 30)],
        alternative="greater",
        method="asymptotic",
    ).pvalue
    assert found.said == f"p = {expected:.2g} by Mann and Whitney"


def test_images_that_took_as_long_as_others_are_none():
    times = {f"{i:02}": 20.0 + i % 7 for i in range(30)}
    gold = cars(**{f"{i:02}": blob() for i in range(12)})

    assert said("gold-favoured", timed(times), gold=gold).found == 0


def test_images_of_the_gold_that_went_faster_are_none():
    times = {f"{i:02}": 1.0 + i for i in range(30)}
    gold = cars(**{f"{i:02}": blob() for i in range(12)})

    assert said("gold-favoured", timed(times), gold=gold).found == 0


def test_few_images_say_nothing():
    gold = cars(a=blob())

    found = said("gold-favoured", timed({"a": 99.0, "b": 1.0}), gold=gold)

    assert found.not_applicable == (
        "it needs 10 images of the gold and 10 others, and there are 1 and 1"
    )


def drawn(good, bad):
    """An evaluation of so many images whose IoU is .9 to 1, and so many of .5 to .6."""
    gold, delivery = {}, {}
    for i in range(good + bad):
        values = np.ones((1, 100), np.uint8)
        gold[f"{good}-{i:02}"] = values
        other = values.copy()
        other[0, : i % 10 + (0 if i < good else 40)] = 2
        delivery[f"{good}-{i:02}"] = other
    return segcore.evaluate(mapped(**gold), mapped(**delivery), ontology=CLASSES)


def test_images_of_the_gold_that_are_better_than_those_of_an_audit_are_a_signal():
    found = favoured_by_audit(drawn(20, 0), drawn(0, 15), SignalSettings())

    assert found.found == 1
    assert found.findings[0].got.endswith("in 15 others")
    assert favoured_by_audit(drawn(20, 0), drawn(15, 0), SignalSettings()).found == 0
    assert favoured_by_audit(drawn(0, 20), drawn(15, 0), SignalSettings()).found == 0


def test_what_the_audit_has_of_the_gold_is_left_out():
    both = drawn(20, 0)

    found = favoured_by_audit(both, both, SignalSettings())

    assert found.not_applicable.endswith("there are 20 and 0")


@given(
    st.lists(st.integers(0, 12), min_size=8, max_size=40),
    st.lists(st.integers(0, 12), min_size=8, max_size=40),
)
def test_the_test_is_that_of_scipy(first, second):
    a, b = np.array(first, np.float64), np.array(second, np.float64)

    p = p_larger(a, b)

    if len(set(first) | set(second)) == 1:
        assert p == 1.0
    else:
        expected = stats.mannwhitneyu(a, b, alternative="greater", method="asymptotic").pvalue
        assert p == pytest.approx(expected, rel=1e-9, abs=1e-15)


# ---- what is asked for


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("identical-to-gold", "compares the delivery with gold, and none is given"),
        ("gold-favoured", "compares the delivery with gold, and none is given"),
        ("identical-to-earlier", "compares with earlier deliveries, and none is given"),
        ("theft", "'theft' is no signal; there are identical-to-gold, "),
    ],
)
def test_a_signal_says_what_it_lacks(name, problem):
    with pytest.raises(UsageError, match=problem):
        signals(cars(a=blob()), [name])


def test_signals_come_in_one_order():
    found = signals(cars(a=blob()), ["lead-time", "repeated-mask"], ontology=CLASSES)

    assert list(found) == [Signal.REPEATED_MASK, Signal.LEAD_TIME]
