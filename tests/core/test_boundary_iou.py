"""Boundary IoU per class: by hand, against boundary-iou-api's rule, and on real masks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from boundary_peers import mask_to_boundary
from drawn_sources import ONTOLOGY, SYMBOLS, Drawn, davis, drawn, labels, mask, regions
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

import segcore
from segcore.dilation import Dilation
from segcore.errors import UsageError
from segcore.ontology import LabelClass, Ontology

relaxed = settings(deadline=None, max_examples=60)

VOID = SYMBOLS["?"]


def bands(gold, delivery, **options):
    """Boundary intersection and union of sky and car."""
    found = segcore.evaluate(gold, delivery, **{"dilation": "1px", **options})
    return [(c.boundary_intersection, c.boundary_union) for c in found.classes]


def test_a_square_that_is_off_by_a_pixel_by_hand():
    gold = drawn(a="........ .cccc... .cccc... .cccc... .cccc... ........")
    delivery = drawn(a="........ ..cccc.. ..cccc.. ..cccc.. ..cccc.. ........")

    found = segcore.evaluate(gold, delivery, dilation="1px").classes[1]

    # Rings of 12 px; they share 3 px of the first and of the last row.
    assert (found.boundary_intersection, found.boundary_union) == (6, 18)
    assert found.boundary_iou == 6 / 18
    assert found.iou == 12 / 20


def test_the_border_of_the_image_is_an_outline():
    gold, delivery = drawn(a="ccccc " * 5), drawn(a="ccccc ccccc cc.cc ccccc ccccc")

    # Gold: a ring of 16 px; the delivery is all band, but for the hole in the middle.
    assert bands(gold, delivery)[1] == (16, 24)


def test_it_forgives_the_inside_of_a_large_object_less_than_iou_does():
    inside = np.full((60, 60), SYMBOLS["c"], np.uint8)
    off = np.full_like(inside, SYMBOLS["."])
    off[2:-2, 2:-2] = SYMBOLS["c"]

    car = segcore.evaluate(Drawn({"a": inside}), Drawn({"a": off}), dilation="2px").classes[1]

    assert car.iou == 56**2 / 60**2
    assert car.boundary_iou == 0.0  # two rings that do not touch


def test_it_is_undefined_where_neither_side_has_the_class_or_nobody_asked():
    asked = segcore.evaluate(drawn(a="ss"), drawn(a="ss"), dilation=0.02)
    silent = segcore.evaluate(drawn(a="ss"), drawn(a="ss"))

    assert [c.boundary_iou for c in asked.classes] == [1.0, None]
    assert asked.mean_boundary_iou == asked.to_json()["mean"]["boundary_iou"] == 1.0
    assert asked.to_json()["classes"][1]["boundary_iou"] is None
    assert silent.boundary is None
    assert silent.mean_boundary_iou is None
    assert "boundary_iou" not in silent.to_json()["classes"][0]


def test_a_class_only_one_side_has_scores_zero():
    assert bands(drawn(a="ss ss"), drawn(a="cc cc")) == [(0, 4), (0, 4)]


def test_an_image_that_was_not_delivered_counts_with_its_whole_band_missed():
    assert bands(drawn(a="ss ss", b="ccc ccc ccc"), drawn(a="ss ss")) == [(4, 4), (0, 8)]


def test_images_are_pooled_by_pixels():
    gold, delivery = drawn(a="cc cc", b="cccc cccc"), drawn(a="cc cc", b="cc.. ....")

    found = segcore.evaluate(gold, delivery, dilation="1px")

    assert found.classes[1].boundary_iou == (4 + 2) / (4 + 8)
    counts = found.boundary.image_counts(1)
    assert counts.keys == ("a", "b")
    assert (counts.intersection / counts.union).tolist() == [1.0, 0.25]


# ------------------------------------------------------------------------------ void


def test_what_was_delivered_where_gold_is_void_plays_no_part():
    gold = drawn(a="cccccc cccccc cccccc ?????? ??????")

    deliveries = [
        drawn(a=f"cccccc cccccc cccccc {rest}")
        for rest in ("cccccc cccccc", "ssssss ssssss", ".c.c.c c.c.c.", "?????? ??????")
    ]

    # The class ends at the void on both sides: a ring of 14 px.
    assert [bands(gold, delivery) for delivery in deliveries] == [[(0, 0), (14, 14)]] * 4


def test_void_in_a_delivery_over_counted_gold_is_outside_of_its_mask():
    gold, delivery = drawn(a="ccccc " * 5), drawn(a="ccccc ccccc cc?cc ccccc ccccc")

    assert bands(gold, delivery)[1] == (16, 24)


def test_values_of_one_class_have_no_border_between_them():
    ontology = Ontology((LabelClass(id=0, name="sky"),), ignore=(255,), unlabeled=(7, 9))
    gold = Drawn({"a": np.array([[0, 0, 0], [0, 0, 0], [0, 0, 0]], np.uint8)}, ontology=ontology)
    delivery = Drawn({"a": np.array([[7, 9, 7], [9, 0, 9], [7, 9, 7]], np.uint8)}, ontology=ontology)

    found = segcore.evaluate(gold, delivery, dilation="1px").classes[0]

    assert (found.boundary_intersection, found.boundary_union) == (0, 9)


# ------------------------------------------------------------------------------ the rule of the peer


def by_class(gold, delivery, width_of, values, *, void=VOID):
    """Intersection and union of each class, mask by mask, over images given as pairs."""
    found = []
    for value in values:
        both = either = 0
        for g, d in zip(gold, delivery, strict=True):
            width_px = width_of(g.shape)
            a = mask_to_boundary(g == value, width_px)
            b = mask_to_boundary((d == value) & (g != void), width_px)
            both += np.count_nonzero(a & b)
            either += np.count_nonzero(a | b)
        found.append((both, either))
    return found


@st.composite
def pairs(draw):
    """A few pairs of maps with patches of sky, car, unlabeled and void."""
    found = []
    for _ in range(draw(st.integers(1, 3))):
        shape = draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
        values = st.sampled_from([0, 1, SYMBOLS["."], VOID])
        gold = np.kron(draw(hnp.arrays(np.uint8, shape, elements=values)), np.ones((4, 4), np.uint8))
        delivery = np.roll(gold, draw(st.integers(-3, 3)), draw(st.integers(0, 1)))
        if draw(st.booleans()):
            delivery[delivery == draw(st.sampled_from([0, 1]))] = 1
        found.append((gold, delivery))
    return found


@relaxed
@given(pairs(), st.integers(1, 9))
def test_it_is_the_iou_of_the_boundaries_of_boundary_iou_api(images, width_px):
    gold = Drawn({str(i): g for i, (g, _) in enumerate(images)})
    delivery = Drawn({str(i): d for i, (_, d) in enumerate(images)})

    found = bands(gold, delivery, dilation=f"{width_px}px")

    assert found == by_class(*zip(*images, strict=True), lambda _: width_px, (0, 1))


@relaxed
@given(pairs(), st.sampled_from([(0, 1), (1, 0), (1, 1)]))
def test_label_maps_and_painted_regions_give_one_answer(images, as_regions):
    def source(side, *, painted):
        held = {str(i): pair[side] for i, pair in enumerate(images)}
        if painted:
            held = {
                key: regions((0, m == 0), (1, m == 1), shape=m.shape) if (m < 2).any() else m
                for key, m in held.items()
            }
        return Drawn(held)

    if as_regions[0]:  # regions have no void
        images = [(np.where(g == VOID, SYMBOLS["."], g).astype(np.uint8), d) for g, d in images]
    expected = bands(source(0, painted=False), source(1, painted=False))

    found = bands(source(0, painted=as_regions[0]), source(1, painted=as_regions[1]))

    assert found == expected


def test_a_gold_crowd_is_void_for_the_outlines_too():
    inside = mask("##### ##### ##### ##### #####")
    half = mask("##### ##### ##### ..... .....")
    gold = Drawn({"a": regions((1, half), (1, inside & ~half), shape=(5, 5), crowd={1})})

    assert bands(gold, Drawn({"a": labels("ccccc " * 5)}))[1] == (12, 12)


def test_of_more_than_250_classes_each_has_its_own_outline():
    ontology = Ontology(tuple(LabelClass(id=i, name=f"class {i}") for i in range(300)))
    values = np.kron(np.arange(300).reshape(15, 20), np.ones((4, 4))).astype(np.uint16)

    class Wide(Drawn):
        def read(self, key):
            found = super().read(key)
            content = replace(found.content, lookup=self.ontology.lookup(1 << 16))
            return replace(found, content=content)

    gold = Wide({"a": values}, ontology=ontology)
    delivery = Wide({"a": np.roll(values, 1, axis=1)}, ontology=ontology)

    found = segcore.evaluate(gold, delivery, dilation="1px").classes

    # Squares of 16 px with a ring of 12, moved by a pixel: 6 of 18; at the left edge one column is
    # that of another class.
    expected = by_class([values], [np.roll(values, 1, axis=1)], lambda _: 1, range(300), void=-1)
    assert [(c.boundary_intersection, c.boundary_union) for c in found] == expected
    assert expected[21] == (6, 18)


# ------------------------------------------------------------------------------ the width


def test_a_share_of_the_diagonal_suits_each_image():
    images = {"a": np.full((30, 40), 1, np.uint8), "b": np.full((300, 400), 1, np.uint8)}

    found = segcore.evaluate(Drawn(images), Drawn(images), dilation=0.02)

    # 2 % of 50 is 1 px, of 500 it is 10.
    assert found.boundary.image_counts(1).gold_pixels.tolist() == [
        30 * 40 - 28 * 38, 300 * 400 - 280 * 380,
    ]  # fmt: skip
    assert found.dilation == Dilation(share=0.02)
    assert found.to_json()["dilation"] == {"share": 0.02, "px": None}


def test_a_band_that_holds_most_of_the_gold_is_a_warning_with_the_share_and_a_narrower_one():
    square = np.full((40, 40), 1, np.uint8)

    wide = segcore.evaluate(Drawn({"a": square}), Drawn({"a": square}, name="other:"), dilation="11px")
    fine = segcore.evaluate(Drawn({"a": square}), Drawn({"a": square}, name="other:"), dilation="10px")

    # 40 x 40 - 18 x 18 is 79.75 %, 40 x 40 - 20 x 20 is 75 %.
    (fault,) = [f for f in wide.faults if f.code == "boundary.wide_band"]
    assert (fault.severity.value, fault.file) == ("warning", "drawn:")
    assert (fault.expected, fault.got) == (
        "at most 3/4 of the pixels in the band; try 2px", "79.8 % of 1600 px at 11px",
    )  # fmt: skip
    assert not [f for f in fine.faults if f.code == "boundary.wide_band"]


def test_where_no_narrower_band_is_left_the_warning_names_none():
    found = segcore.evaluate(drawn(a="cc cc"), drawn(a="cs cc"), dilation="1px")

    assert [f.expected for f in found.faults] == ["at most 3/4 of the pixels in the band"]
    assert Dilation(share=0.02).narrower == Dilation(share=0.005)
    assert Dilation(px=4).narrower == Dilation(px=1)
    assert Dilation(px=3).narrower is None


def test_the_conventions_say_how_wide_the_band_is_and_where_void_lies():
    found = segcore.evaluate(drawn(a="sc"), drawn(a="cs"), dilation="3px").conventions

    assert "within 3 px" in found["boundary"]
    assert "pooled over images" in found["boundary_iou"]
    assert "outside every mask of both sides" in found["void_outline"]
    assert "surface" not in found


@pytest.mark.parametrize(
    ("task", "options"),
    [
        ("instance", {"surfaces": True}),
        ("panoptic", {"surfaces": True}),
    ],
)
def test_other_tasks_have_no_use_for_outlines_of_classes(task, options):
    with pytest.raises(UsageError, match=f"no use for {next(iter(options))}"):
        segcore.evaluate(drawn(a="s"), drawn(a="s"), task=task, **options)


# ------------------------------------------------------------------------------ invariance, real masks


@relaxed
@given(pairs(), st.randoms())
def test_names_of_images_and_order_of_classes_play_no_part(images, random):
    keys = [f"{i}" for i in range(len(images))]
    random.shuffle(keys)
    turned = Ontology(tuple(reversed(ONTOLOGY.classes)), ignore=(255,), unlabeled=(254,))

    def sides(ontology, keys):
        return [
            Drawn({k: pair[side] for k, pair in zip(keys, images, strict=True)}, ontology=ontology)
            for side in (0, 1)
        ]

    straight = bands(*sides(ONTOLOGY, [f"{i}" for i in range(len(images))]))

    assert bands(*sides(turned, keys)) == straight[::-1]


def written(folder: Path, images) -> str:
    folder.mkdir()
    for name, values in images.items():
        Image.fromarray(values).save(folder / f"{name}.png")
    return f"png:{folder}"


def test_worker_processes_give_the_same_document(tmp_path):
    rng = np.random.default_rng(0)
    images = {f"{i:02}": np.kron(rng.integers(0, 3, (6, 8)), np.ones((5, 5))) for i in range(20)}
    images = {name: values.astype(np.uint8) for name, values in images.items()}
    gold = written(tmp_path / "gold", images)
    delivery = written(
        tmp_path / "delivery", {k: np.roll(v, 2, 0) for k, v in images.items() if k != "07"}
    )
    ontology = Ontology(tuple(LabelClass(id=i, name=f"class {i}") for i in range(3)))

    one, two = (
        segcore.evaluate(gold, delivery, ontology=ontology, dilation=0.02, surfaces=True, jobs=jobs)
        for jobs in (1, 2)
    )

    assert one.to_json(tolerance_px=2) == two.to_json(tolerance_px=2)
    assert len(one.boundary) == len(one.surfaces) == 20


def test_two_methods_on_davis_agree_as_their_boundaries_do(shared_data):
    _, pairs, sides = davis(shared_data("davis_two_methods"), every=4)

    found = segcore.evaluate(*sides, dilation=0.02)

    expected = by_class(
        *zip(*pairs, strict=True), lambda shape: round(0.02 * np.hypot(*shape)), range(4), void=-1
    )
    assert len(pairs) > 8
    assert [(c.boundary_intersection, c.boundary_union) for c in found.classes[:4]] == expected


def test_real_stuff_maps_moved_by_three_pixels_agree_as_their_boundaries_do(shared_data):
    folder = shared_data("coco_stuff_spade")
    paths = sorted(folder.glob("val_label/*.png"))[:3]
    gold = [np.array(Image.open(path)) for path in paths]
    delivery = [np.roll(values, 3, axis=1) for values in gold]
    classes = tuple(LabelClass(id=i, name=f"stuff {i}") for i in range(182))
    ontology = Ontology(classes, ignore=(255,))
    sides = [
        Drawn({path.stem: values for path, values in zip(paths, side, strict=True)}, ontology=ontology)
        for side in (gold, [np.where(d == 255, 0, d).astype(np.uint8) for d in delivery])
    ]

    found = segcore.evaluate(*sides, dilation="5px")

    held = np.unique(np.concatenate([values.ravel() for values in gold]))[:-1]
    expected = by_class(gold, sides[1].images.values(), lambda _: 5, held, void=255)
    assert len(held) > 5
    assert [
        (found.classes[i].boundary_intersection, found.classes[i].boundary_union) for i in held
    ] == expected
