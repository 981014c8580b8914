"""A delivery that is moved, mirrored or has its classes swapped is found by its gold; others are not."""

from __future__ import annotations

import numpy as np
import pytest
from lint_scenes import CAR, CLASSES, found, mapped, only, regions, shapes

from segcore.lints import LintSettings, lint
from segcore.lints.alignment import Alignment
from segcore.lints.swaps import swapped


def streets(seed=0, images=4, height=60, width=80):
    """Maps with a road, cars and buses, none of them symmetric."""
    rng = np.random.default_rng(seed)
    found = {}
    for i in range(images):
        values = np.zeros((height, width), np.uint8)
        values[height // 2 :] = 1
        for _ in range(5):
            y, x = rng.integers(4, height - 20), rng.integers(4, width - 24)
            values[y : y + rng.integers(6, 14), x : x + rng.integers(6, 18)] = rng.integers(2, 4)
        found[f"{i:02}"] = values
    return found


def moved(values, dx, dy):
    """Moved to the right and down; what comes in is unlabeled."""
    height, width = values.shape
    found = np.zeros_like(values)
    found[max(dy, 0) : height + min(dy, 0), max(dx, 0) : width + min(dx, 0)] = values[
        max(-dy, 0) : height - max(dy, 0), max(-dx, 0) : width - max(dx, 0)
    ]
    return found


GOLD = streets()
UNDONE = {
    "mirrored left to right": lambda values: values[:, ::-1],
    "mirrored top to bottom": lambda values: values[::-1],
    "turned by 180 degrees": lambda values: values[::-1, ::-1],
}


@pytest.mark.parametrize(("dx", "dy"), [(1, 0), (-3, 2), (0, -5), (12, 9)])
def test_a_delivery_that_is_moved_is_found_with_its_offset(dx, dy):
    delivery = mapped(**{key: moved(values, dx, dy) for key, values in GOLD.items()})

    finding = only(found("shifted", delivery, gold=mapped(**GOLD)))

    assert f"moved by dx={-dx:+d} dy={-dy:+d} px it fits better in 4 of 4 images" in finding.what
    assert finding.expected == "IoU 1.0000 moved"


def test_the_ious_of_a_moved_delivery_are_those_counted_by_hand():
    # A square of 8 x 8 in images of 24 x 24, moved by 2: 6 x 8 of 2 x 64 - 48 pixels are shared.
    square = np.zeros((24, 24), np.uint8)
    square[8:16, 8:16] = 2
    gold, delivery = mapped(a=square, b=square, c=square), {k: moved(square, 2, 0) for k in "abc"}

    finding = only(found("shifted", mapped(**delivery), gold=gold))

    assert finding.got == "IoU 0.6000 as delivered"


@pytest.mark.parametrize("how", UNDONE)
def test_a_delivery_that_is_mirrored_is_found_with_what_was_done(how):
    delivery = mapped(**{key: UNDONE[how](values).copy() for key, values in GOLD.items()})

    finding = only(found("mirrored", delivery, gold=mapped(**GOLD)))

    assert finding.what == f"the delivery is {how} in 4 of 4 images"
    assert finding.expected == "IoU 1.0000 undone"


@pytest.mark.parametrize(
    ("how", "do"),
    [
        ("transposed", np.transpose),
        ("turned by 90 degrees clockwise", lambda values: np.rot90(values, -1)),
        ("turned by 90 degrees counterclockwise", np.rot90),
    ],
)
def test_square_images_may_be_turned_too(how, do):
    gold = streets(height=64, width=64)
    delivery = mapped(**{key: np.ascontiguousarray(do(values)) for key, values in gold.items()})

    finding = only(found("mirrored", delivery, gold=mapped(**gold)))

    assert finding.what == f"the delivery is {how} in 4 of 4 images"


def test_run_lengths_that_were_written_by_rows_are_found():
    gold, delivery = {}, {}
    for key, values in GOLD.items():
        car = values == 2
        gold[key] = shapes((CAR, car))
        delivery[key] = shapes((CAR, car.ravel().reshape(car.shape, order="F")))

    finding = only(found("mirrored", regions(**delivery), gold=regions(**gold)))

    assert finding.what == "the delivery is read by rows instead of columns in 4 of 4 images"


def test_objects_are_compared_with_maps_the_right_way_up():
    gold = mapped(**{key: np.where(values > 1, 2, 0).astype(np.uint8) for key, values in GOLD.items()})
    delivery = regions(**{key: shapes((CAR, moved(v > 1, 3, 1))) for key, v in GOLD.items()})

    assert "dx=-3 dy=-1 px" in only(found("shifted", delivery, gold=gold)).what
    assert found("mirrored", delivery, gold=gold).found == 0


@pytest.mark.parametrize("name", ["shifted", "mirrored"])
@pytest.mark.parametrize("seed", range(4))
def test_an_honest_delivery_with_errors_is_neither(name, seed):
    rng = np.random.default_rng(seed)
    delivery = {}
    for key, values in GOLD.items():
        other = moved(values, int(rng.integers(-2, 3)), int(rng.integers(-2, 3)))  # each its own way
        y, x = rng.integers(0, 40), rng.integers(0, 60)
        other[y : y + 10, x : x + 10] = 3
        delivery[key] = other

    assert found(name, mapped(**delivery), gold=mapped(**GOLD)).found == 0


def test_a_perfect_delivery_is_neither():
    for name in ("shifted", "mirrored"):
        result = found(name, mapped(**GOLD), gold=mapped(**GOLD))
        assert (result.found, result.examined) == (0, 4)


def test_few_images_say_nothing_about_a_delivery():
    two = {key: GOLD[key] for key in ("00", "01")}

    result = found(
        "mirrored", mapped(**{k: v[:, ::-1].copy() for k, v in two.items()}), gold=mapped(**two)
    )

    assert result.not_applicable == "too few of its images have gold of the same size"


def test_what_the_gold_ignores_is_not_compared():
    gold = {key: np.where(values == 1, 255, values).astype(np.uint8) for key, values in GOLD.items()}
    delivery = mapped(**{key: moved(values, 4, 0) for key, values in GOLD.items()})

    finding = only(found("shifted", delivery, gold=mapped(**gold)))

    assert "dx=-4 dy=+0" in finding.what
    assert finding.expected == "IoU 1.0000 moved"


def test_no_more_pairs_are_compared_than_are_needed():
    many = mapped(**streets(images=70, height=32, width=40))

    result = found("mirrored", many, gold=many)

    assert result.examined == 64


def test_the_agreement_does_not_depend_on_the_order_of_the_pairs():
    pairs = [(GOLD[key], moved(GOLD[key], 2, 1)) for key in GOLD]

    def told(order):
        alignment = Alignment(num_classes=4, shift_px=3)
        for gold, delivery in order:
            alignment.add(gold, delivery)
        return alignment.shifted(gain=0.02, fewest=1).findings

    assert told(pairs) == told(pairs[::-1])


# ---- swapped classes


def swap(values, *pairs):
    found = values.copy()
    for a, b in pairs:
        found[values == a] = b
    return found


def test_two_classes_that_are_swapped_are_one_finding():
    delivery = mapped(**{key: swap(values, (2, 3), (3, 2)) for key, values in GOLD.items()})

    finding = only(found("swapped-class", delivery, gold=mapped(**GOLD)))

    assert finding.what == "car and bus are swapped"
    assert finding.got == "100.0 % of car delivered as bus, 100.0 % of bus as car"


def test_a_class_that_is_delivered_as_another_is_a_finding():
    delivery = mapped(**{key: swap(values, (2, 3)) for key, values in GOLD.items()})

    finding = only(found("swapped-class", delivery, gold=mapped(**GOLD)))

    assert (finding.class_name, finding.what) == ("car", "car is delivered as bus")


def test_classes_that_are_confused_now_and_then_are_not_swapped():
    delivery = {key: swap(values, (2, 3)) if key == "00" else values for key, values in GOLD.items()}

    result = found("swapped-class", mapped(**delivery), gold=mapped(**GOLD))

    assert (result.found, result.examined) == (0, 3)


@pytest.mark.parametrize(("wrong", "expected"), [(79, 0), (80, 1)])
def test_a_class_is_swapped_from_a_share_on(wrong, expected):
    confusion = np.array([[100 - wrong, wrong, 0], [0, 50, 0], [0, 0, 0]], np.int64)

    assert swapped(confusion, np.array([3, 3]), ("a", "b"), share=0.8, fewest=3).found == expected


def test_a_class_that_is_missed_is_not_swapped():
    confusion = np.array([[0, 0, 100], [0, 50, 0], [0, 0, 0]], np.int64)

    assert swapped(confusion, np.array([3, 3]), ("a", "b"), share=0.8, fewest=3).found == 0


def test_one_pass_serves_all_lints():
    class Counting(type(mapped())):
        reads = 0

        def read(self, key):
            type(self).reads += 1
            return super().read(key)

    delivery = Counting(dict(mapped(**GOLD).images), ontology=CLASSES)

    lint(
        delivery,
        ["speck", "hole", "overlap", "mirrored", "shifted", "blocky-mask"],
        gold=mapped(**GOLD),
        ontology=CLASSES,
        settings=LintSettings(shift_px=2),
    )

    assert Counting.reads == len(GOLD)
