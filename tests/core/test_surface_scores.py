"""NSD, boundary F1, HD95 and ASSD: by hand, against SciPy and NumPy, and where a side is empty."""

from __future__ import annotations

import math

import numpy as np
import pytest
from drawn_sources import ONTOLOGY, SYMBOLS, Drawn, davis, drawn, regions
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

import segcore
from segcore import limits
from segcore.errors import InvalidInputError, UsageError
from segcore.ontology import Ontology
from segcore.surface_scores import Tolerance, assd, hd95

relaxed = settings(deadline=None, max_examples=60)

VOID = SYMBOLS["?"]


def evaluated(gold, delivery):
    return segcore.evaluate(gold, delivery, surfaces=True)


def car(gold, delivery, **options):
    return evaluated(gold, delivery).surface_scores(**options)[1]


SQUARE = "........ .cccc... .cccc... .cccc... .cccc... ........"
MOVED = "........ ..cccc.. ..cccc.. ..cccc.. ..cccc.. ........"


def test_a_square_that_is_off_by_a_pixel_by_hand():
    here, there = drawn(a=SQUARE), drawn(a=MOVED)

    exact, near = (car(here, there, tolerance=tolerance) for tolerance in (0, 1))

    # Of each ring of 12 px, 3 px of the first and of the last row lie on the other, 6 px beside it.
    assert (exact.gold_surface_px, exact.delivery_surface_px) == (12, 12)
    assert (exact.gold_within_px, exact.delivery_within_px) == (6, 6)
    assert exact.nsd == exact.boundary_f1 == 0.5
    assert near.nsd == near.boundary_f1 == 1.0
    assert near.hd95 == exact.hd95 == 1.0
    assert near.assd == exact.assd == 6 / 12


def test_a_hole_has_a_surface_around_it_and_the_border_of_the_image_is_one():
    gold, delivery = drawn(a="ccccc " * 5), drawn(a="ccccc ccccc cc.cc ccccc ccccc")

    found = car(gold, delivery, tolerance=0)

    # The hole adds the four pixels beside it, each a pixel from the ring along the border.
    assert (found.gold_surface_px, found.delivery_surface_px) == (16, 20)
    assert (found.gold_within_px, found.delivery_within_px) == (16, 16)
    assert found.nsd == 32 / 36
    assert found.boundary_recall == 1.0
    assert found.boundary_precision == 16 / 20
    assert found.boundary_f1 == pytest.approx(2 * 0.8 / 1.8, abs=1e-15)
    assert found.assd == pytest.approx(4 / 36, abs=1e-15)


def test_distances_are_straight_lines():
    gold, delivery = drawn(a="c... .... ...."), drawn(a=".... .... ...c")

    found = car(gold, delivery, tolerance=math.sqrt(13))

    assert found.hd95 == found.assd == math.sqrt(13)
    assert found.nsd == 1.0
    assert car(gold, delivery, tolerance=3.6055).nsd == 0.0


# ------------------------------------------------------------------------------ absent and empty


def test_a_class_neither_side_has_is_not_evaluated():
    found = car(drawn(a="ss"), drawn(a="ss"), tolerance=1)

    assert (found.nsd, found.boundary_f1, found.hd95, found.assd) == (None,) * 4
    assert (found.boundary_precision, found.boundary_recall, found.images) == (None, None, 0)


@pytest.mark.parametrize(("gold", "delivery"), [("sss. csss", "sss. ssss"), ("sss. ssss", "sss. csss")])
def test_where_only_one_side_has_a_class_it_is_the_worst_there_is(gold, delivery):
    found = car(drawn(a=gold), drawn(a=delivery), tolerance=1000)

    assert (found.nsd, found.boundary_f1) == (0.0, 0.0)  # whatever the tolerance
    assert found.hd95 == found.assd == math.hypot(2, 4)
    assert (found.images, found.one_sided_images) == (1, 1)


def test_an_image_that_was_not_delivered_is_one_sided():
    found = car(drawn(a="cc cc", b="ccc ccc ccc"), drawn(a="cc cc"), tolerance=1)

    assert (found.gold_surface_px, found.gold_within_px) == (4 + 8, 4)
    assert found.nsd == (4 + 4) / (12 + 4)
    assert found.hd95 == pytest.approx((0 + math.hypot(3, 3)) / 2, abs=1e-15)
    assert found.one_sided_images == 1


def test_images_without_the_class_have_no_say_in_its_mean():
    found = car(drawn(a="c.c ...", b="sss ss."), drawn(a="c.. c..", b="sss ss."))

    assert found.images == 1
    # Gold to delivery: 0 and 2; back: 0 and 1.  The 95th percentiles are 1.9 and 0.95.
    assert found.hd95 == pytest.approx(1.9, abs=1e-15)
    assert found.assd == pytest.approx(3 / 4, abs=1e-15)


# ------------------------------------------------------------------------------ void


def test_what_was_delivered_where_gold_is_void_plays_no_part():
    gold = drawn(a="ccc ccc ??? ???")

    documents = [
        evaluated(gold, drawn(a=f"ccc cc. {rest}")).to_json(tolerance_px=0)["classes"]
        for rest in ("ccc ccc", "sss s.s", "c.c .c.", "??? ???")
    ]

    assert documents[1:] == documents[:1] * 3
    # Gold has 6 px of surface, the delivery 5 of them.
    assert documents[0][1]["nsd"] == 10 / 11


def test_a_pixel_of_surface_needs_no_void_to_be_one():
    found = car(drawn(a="ccc ccc ccc ???"), drawn(a="ccc ccc ccc ccc"), tolerance=0)

    # The class ends at the void on both sides: 8 px around the one in the middle.
    assert (found.gold_surface_px, found.delivery_surface_px, found.nsd) == (8, 8, 1.0)


# ------------------------------------------------------------------------------ tolerance and unit


@pytest.mark.parametrize(
    ("distance", "spacing_mm", "squared_px"),
    [
        (2, None, 4),
        (1.5, None, 2),
        (math.sqrt(2), None, 2),
        (0, None, 0),
        (0.3, 0.1, 9),
        (0.29, 0.1, 8),
        (math.sqrt(13), None, 13),
        (3.6055, None, 12),
        (math.sqrt(13) * 0.7, 0.7, 13),
    ],
)
def test_a_tolerance_is_compared_in_whole_squared_pixels(distance, spacing_mm, squared_px):
    assert Tolerance(distance=distance, spacing_mm=spacing_mm).squared_px == squared_px
    assert Tolerance(distance=1e200).squared_px > 2**58  # beyond any image, within 64 bits


@pytest.mark.parametrize(
    "numbers",
    [
        {"distance": -1},
        {"distance": math.nan},
        {"distance": math.inf},
        {"distance": 1, "spacing_mm": 0},
        {"distance": 1, "spacing_mm": math.nan},
    ],
)
def test_a_tolerance_that_is_none_is_refused(numbers):
    with pytest.raises(UsageError, match="finite number"):
        Tolerance(**numbers)


def test_with_the_side_of_a_pixel_distances_are_in_millimetres():
    found = car(drawn(a=SQUARE), drawn(a=MOVED), tolerance=0.3, spacing_mm=0.3)

    assert found.nsd == 1.0
    assert (found.hd95, found.assd) == (0.3, 0.15)
    assert car(drawn(a="c."), drawn(a="s."), spacing_mm=2).hd95 == 2 * math.hypot(1, 2)


def test_without_a_tolerance_there_are_distances_only():
    found = evaluated(drawn(a=SQUARE), drawn(a=MOVED))

    assert car(drawn(a=SQUARE), drawn(a=MOVED)).nsd is None
    record = found.to_json()["classes"][1]
    assert (record["hd95"], record["assd"]) == (1.0, 0.5)
    assert "nsd" not in record
    assert found.to_json()["mean"].keys() == {"iou", "classes", "hd95", "assd"}


def test_surfaces_nobody_asked_for_are_named():
    with pytest.raises(UsageError, match="surfaces=True"):
        segcore.evaluate(drawn(a="s"), drawn(a="s")).surface_scores()


def test_the_document_and_its_means_are_over_the_classes_that_have_a_value():
    document = evaluated(drawn(a=SQUARE), drawn(a=MOVED)).to_json(tolerance_px=0)

    sky, found = document["classes"]
    assert (sky["nsd"], sky["boundary_f1"], sky["hd95"], sky["assd"]) == (None,) * 4
    assert document["mean"]["nsd"] == found["nsd"] == 0.5
    assert document["mean"]["hd95"] == found["hd95"] == 1.0
    assert document["tolerance_px"] == 0
    assert {"nsd", "boundary_f1", "hd95", "assd", "surface", "void_outline"} <= {
        *document["conventions"]
    }


# ------------------------------------------------------------------------------ peers


def surface_of(mask):
    return mask & ~ndimage.binary_erosion(mask)


def directed(gold, delivery):
    """Distances from each surface to the other, by a transform of the whole image; None without."""
    a, b = surface_of(gold), surface_of(delivery)
    if not a.any() or not b.any():
        return None
    return ndimage.distance_transform_edt(~b)[a], ndimage.distance_transform_edt(~a)[b]


@st.composite
def pairs(draw):
    """A few pairs of maps with patches of sky, car, unlabeled and void."""
    found = []
    for _ in range(draw(st.integers(1, 3))):
        shape = draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
        values = st.sampled_from([0, 1, SYMBOLS["."], VOID])
        small = draw(hnp.arrays(np.uint8, shape, elements=values, fill=values))
        gold = np.kron(small, np.ones((3, 3), np.uint8))
        delivery = np.roll(gold, draw(st.integers(-9, 9)), draw(st.integers(0, 1)))
        if draw(st.booleans()):
            delivery[delivery == draw(st.sampled_from([0, 1]))] = 1
        found.append((gold, delivery))
    return found


def sources(images):
    return [Drawn({str(i): pair[side] for i, pair in enumerate(images)}) for side in (0, 1)]


@relaxed
@given(pairs(), st.sampled_from([0, 1, 1.5, 2, 5]))
def test_every_score_follows_from_distance_transforms_of_whole_images(images, tolerance):
    scores = evaluated(*sources(images)).surface_scores(tolerance=tolerance)

    for value, found in enumerate(scores):
        within, total, worst, mean = [0, 0], [0, 0], [], []
        for gold, delivery in images:
            masks = gold == value, (delivery == value) & (gold != VOID)
            if not any(mask.any() for mask in masks):
                continue
            surfaces = [surface_of(mask) for mask in masks]
            distances = directed(*masks)
            for side in (0, 1):
                total[side] += np.count_nonzero(surfaces[side])
                if distances is not None:
                    within[side] += np.count_nonzero(distances[side] <= tolerance)
            diagonal = math.hypot(*gold.shape)
            worst.append(diagonal if distances is None else max(np.percentile(d, 95) for d in distances))
            mean.append(diagonal if distances is None else np.concatenate(distances).mean())
        if not worst:
            assert (found.nsd, found.boundary_f1, found.hd95, found.assd) == (None,) * 4
            continue
        assert (found.gold_within_px, found.delivery_within_px) == tuple(within)
        assert (found.gold_surface_px, found.delivery_surface_px) == tuple(total)
        assert found.nsd == sum(within) / sum(total)
        recall, precision = (w / t if t else 0 for w, t in zip(within, total, strict=True))
        f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0
        assert found.boundary_f1 == pytest.approx(f1, abs=1e-15)
        assert found.hd95 == pytest.approx(np.mean(worst), rel=1e-13)
        assert found.assd == pytest.approx(np.mean(mean), rel=1e-13)


@relaxed
@given(pairs())
def test_values_image_by_image_are_those_behind_the_mean(images):
    found = evaluated(*sources(images))

    for index, scores in enumerate(found.surface_scores(tolerance=1)):
        by_image = found.surfaces.image_surfaces(index)
        assert by_image.keys == tuple(sorted(by_image.keys))
        assert by_image.gold.totals().sum() == scores.gold_surface_px
        assert by_image.delivery.within(1).sum() == scores.delivery_within_px
        if by_image.keys:
            assert scores.hd95 == pytest.approx(hd95(by_image).mean(), rel=1e-13)
            assert scores.assd == pytest.approx(assd(by_image).mean(), rel=1e-13)


@relaxed
@given(pairs(), st.randoms())
def test_names_of_images_and_order_of_classes_play_no_part(images, random):
    keys = [f"{i}" for i in range(len(images))]
    random.shuffle(keys)
    turned = Ontology(tuple(reversed(ONTOLOGY.classes)), ignore=(255,), unlabeled=(254,))
    shuffled = [
        Drawn({k: pair[side] for k, pair in zip(keys, images, strict=True)}, ontology=turned)
        for side in (0, 1)
    ]

    straight = evaluated(*sources(images)).surface_scores(tolerance=1)

    assert evaluated(*shuffled).surface_scores(tolerance=1) == straight[::-1]


@relaxed
@given(pairs())
def test_gold_and_delivery_swapped_swap_precision_and_recall_only(images):
    images = [(np.where(g == VOID, 254, g), np.where(d == VOID, 254, d)) for g, d in images]
    there = evaluated(*sources(images)).surface_scores(tolerance=1)
    back = evaluated(*reversed(sources(images))).surface_scores(tolerance=1)

    for a, b in zip(there, back, strict=True):
        assert (a.boundary_precision, a.nsd) == (b.boundary_recall, b.nsd)
        assert (a.hd95, a.assd, a.boundary_f1) == (b.hd95, b.assd, b.boundary_f1)


@relaxed
@given(pairs())
def test_label_maps_and_painted_regions_give_one_answer(images):
    images = [(np.where(g == VOID, 254, g).astype(np.uint8), d) for g, d in images]
    maps = sources(images)
    painted = [
        Drawn({k: regions((0, m == 0), (1, m == 1), shape=m.shape) for k, m in side.images.items()})
        for side in maps
    ]
    expected = evaluated(*maps).surface_scores(tolerance=1)

    for gold, delivery in [(painted[0], maps[1]), (maps[0], painted[1]), painted]:
        assert evaluated(gold, delivery).surface_scores(tolerance=1) == expected


# ------------------------------------------------------------------------------ real and hostile masks


def test_two_methods_on_davis_are_as_far_apart_as_distance_transforms_say(shared_data):
    names, images, sides = davis(shared_data("davis_two_methods"), every=8)

    found = evaluated(*sides).surface_scores(tolerance=3)[1]

    apart = {
        name: d for name, (g, p) in zip(names, images, strict=True) if (d := directed(g == 1, p == 1))
    }
    assert len(apart) > 3
    assert found.images - found.one_sided_images == len(apart)
    within = sum(np.count_nonzero(d <= 3) for pair in apart.values() for d in pair)
    assert found.gold_within_px + found.delivery_within_px == within
    by_image = evaluated(*sides).surfaces.image_surfaces(1)
    worst = dict(zip(by_image.keys, hd95(by_image).tolist(), strict=True))
    for name, pair in apart.items():
        assert worst[name] == pytest.approx(max(np.percentile(d, 95) for d in pair), rel=1e-13)


def test_a_checkerboard_is_counted_to_the_last_pixel():
    board = (np.indices((300, 400)).sum(0) % 2).astype(np.uint8)

    found = evaluated(Drawn({"a": board}), Drawn({"a": 1 - board})).surface_scores(tolerance=0)

    for scores in found:
        assert (scores.gold_surface_px, scores.delivery_surface_px) == (60_000, 60_000)
        assert (scores.nsd, scores.hd95, scores.assd) == (0.0, 1.0, 1.0)


def test_an_image_with_more_surface_than_the_limit_is_a_fault_that_names_it(monkeypatch):
    from segcore.measures import outline

    monkeypatch.setattr(outline, "MAX_SURFACE_PIXELS", 5)

    with pytest.raises(InvalidInputError) as refused:
        evaluated(drawn(a="sss ccc", b="s"), drawn(a="ss. ...", b="s"))

    (fault,) = [f for f in refused.value.faults if f.code == "limits.surface"]
    assert (fault.image, fault.expected, fault.got) == ("a", "at most 5 pixels", "6")
    assert refused.value.counts["gold"].rejected == 1
    assert limits.MAX_SURFACE_PIXELS > 2048 * 1024  # a whole image of noise is still measured
