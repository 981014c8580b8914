"""PQ by the published rules: by hand, pixel by pixel on random scenes, and against hotcoco."""

from __future__ import annotations

import contextlib
import io
import math
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from panoptic_scenes import (
    CAR,
    CATEGORIES,
    PERSON,
    ROAD,
    SKY,
    Batch,
    Scene,
    batches,
    coarse_batches,
    counted,
    save,
    scene,
)

import segcore
from segcore import kernels
from segcore.panoptic_evaluation import PanopticEvaluation
from segcore.panoptic_quality import SegmentCounts, mean_quality

relaxed = settings(deadline=None, max_examples=80)


def evaluated(folder: Path, gold: Batch, delivery: Batch, **options: Any) -> PanopticEvaluation:
    specs = save(folder, "gold", gold), save(folder, "delivery", delivery)
    return segcore.evaluate(*specs, task="panoptic", **options)


def of_class(found: PanopticEvaluation, category: int) -> Any:
    return next(c for c in found.classes if c.id == category)


def counts(found: Any) -> tuple[int, int, int, int]:
    return found.tp, found.fp, found.fn, found.ignored


# ------------------------------------------------------------------------------ by hand


def test_a_match_needs_the_same_class_and_more_than_half_of_the_union(tmp_path):
    gold = scene("a a a a\nb b b b", a=PERSON, b=SKY)
    delivery = scene("a a a x\nb b y y", a=PERSON, b=SKY, x=CAR, y=SKY)

    found = evaluated(tmp_path, {"i": gold}, {"i": delivery})

    person, car, sky = (of_class(found, c) for c in (PERSON, CAR, SKY))
    assert (counts(person), person.sq, person.rq, person.pq) == ((1, 0, 0, 0), 0.75, 1.0, 0.75)
    assert (counts(car), car.pq, car.sq, car.rq) == ((0, 1, 0, 0), 0.0, 0.0, 0.0)
    # exactly half of the union is not more than half: neither part of the sky matches
    assert counts(sky) == (0, 2, 1, 0)
    assert of_class(found, ROAD).pq is None


def test_what_the_gold_leaves_void_is_taken_from_the_delivered_segment(tmp_path):
    gold = scene("a a . . . .", a=PERSON)
    delivery = scene("a a a a a a", a=PERSON)

    found = evaluated(tmp_path, {"i": gold}, {"i": delivery})

    # two thirds of it lie in void, and the rest is all of the person
    assert counts(of_class(found, PERSON)) == (1, 0, 0, 0)
    assert of_class(found, PERSON).pq == 1.0


@pytest.mark.parametrize(
    ("drawing", "expected"),
    [(". . . c b b", (0, 0, 1, 1)), (". . c c b b", (0, 1, 1, 0))],
    ids=["three of four", "two of four"],
)
def test_a_delivered_segment_with_more_than_half_in_void_is_not_counted(tmp_path, drawing, expected):
    gold = scene(drawing, b=PERSON, c=CAR)
    delivery = scene("x x x x . .", x=PERSON)

    found = evaluated(tmp_path, {"i": gold}, {"i": delivery})

    assert counts(of_class(found, PERSON)) == expected


def test_crowds_are_not_missed_and_are_void_to_segments_of_their_class_only(tmp_path):
    gold = scene("g g g h h h s s", "gh", g=PERSON, h=PERSON, s=SKY)
    delivery = scene("x x p p y y s s", x=CAR, y=CAR, p=PERSON, s=SKY)

    found = evaluated(tmp_path, {"i": gold}, {"i": delivery})

    assert counts(of_class(found, PERSON)) == (0, 0, 0, 1)  # half of it in either crowd
    assert counts(of_class(found, CAR)) == (0, 2, 0, 0)
    assert of_class(found, PERSON).pq is None
    assert found.counts["gold"].ignored == {"crowd region": 2}


def test_means_are_over_the_classes_with_a_segment_that_counts(tmp_path):
    gold = scene("a a s s", a=PERSON, s=SKY)
    delivery = scene("a x s s", a=PERSON, x=CAR, s=SKY)

    overall = evaluated(tmp_path, {"i": gold}, {"i": delivery}).overall

    assert (overall.all.pq, overall.all.classes) == (pytest.approx(1 / 3), 3)
    assert (overall.things.pq, overall.things.classes) == (0.0, 2)
    assert (overall.stuff.pq, overall.stuff.sq, overall.stuff.rq) == (1.0, 1.0, 1.0)
    assert (overall.all.tp, overall.all.fp, overall.all.fn) == (1, 2, 1)


def test_without_a_segment_on_either_side_everything_is_undefined(tmp_path):
    empty = Scene(np.zeros((2, 3), np.int64))

    found = evaluated(tmp_path, {"i": empty}, {"i": empty})

    assert {c.pq for c in found.classes} == {None}
    assert (found.overall.all.pq, found.overall.all.sq, found.overall.all.classes) == (None, None, 0)
    assert found.table() == {
        name: [] for name in ("image", "class", "tp", "fp", "fn", "ignored", "iou_sum", "pq")
    }
    assert set(map(len, found.objects().values())) == {0}


def test_pq_is_sq_times_rq_and_rq_is_the_f1_of_the_segments():
    counts = SegmentCounts(tp=3, fp=2, fn=4, ignored=9, iou_sum=2.4)

    assert counts.sq == pytest.approx(0.8)
    assert counts.rq == 2 * 3 / (2 * 3 + 2 + 4)
    assert counts.pq == pytest.approx(counts.sq * counts.rq)
    assert mean_quality([]).pq is None


# ------------------------------------------------------------------------------ against peers


@pytest.mark.parametrize("choice", ["numpy", "numba"])
@relaxed
@given(batch=batches())
def test_counts_are_those_of_the_published_rules_pixel_by_pixel(batch, choice):
    gold, delivery = batch
    kernels.use(choice)
    try:
        with tempfile.TemporaryDirectory() as folder:
            found = evaluated(Path(folder), gold, delivery)
    finally:
        kernels.use("auto")

    expected = counted(gold, delivery)
    for c in found.classes:
        tp, fp, fn, ious = expected[c.id]
        assert (c.tp, c.fp, c.fn) == (tp, fp, fn)
        assert c.iou_sum == math.fsum(ious)
        assert c.pq == (math.fsum(ious) / (tp + 0.5 * fp + 0.5 * fn) if tp + fp + fn else None)
    per_image = found.table()
    for name in ("tp", "fp", "fn"):
        assert sum(per_image[name]) == getattr(found.overall.all, name)


@relaxed
@given(
    batch=batches() | coarse_batches(), width=st.sampled_from([None, "1px", "2px", 0.1]), data=st.data()
)
def test_no_order_of_images_segments_ids_or_classes_changes_a_number(batch, width, data):
    gold, delivery = batch
    categories = data.draw(st.permutations(CATEGORIES))
    # Other category ids, the same names.
    numbers = data.draw(st.permutations([1, 2, 3, 200]))
    renumbered = {c["id"]: n for c, n in zip(CATEGORIES, numbers, strict=True)}

    def shuffled(batch: Batch) -> Batch:
        return {
            key: _other_ids(batch[key], renumbered, data)
            for key in data.draw(st.permutations(list(batch)))
        }

    with tempfile.TemporaryDirectory() as folder:
        first = evaluated(Path(folder) / "one", gold, delivery, dilation=width)
        other = [c | {"id": renumbered[c["id"]]} for c in categories]
        specs = [
            save(Path(folder) / "two", name, shuffled(side), categories=other)
            for name, side in (("gold", gold), ("delivery", delivery))
        ]
        second = segcore.evaluate(*specs, task="panoptic", dilation=width)

    def numbers_of(found: PanopticEvaluation) -> dict[str, Any]:
        return {
            c.name: (counts(c), c.iou_sum, c.pq, c.support_images, c.boundary) for c in found.classes
        }

    assert (first.overall.boundary is None) == (width is None)
    assert numbers_of(first) == numbers_of(second)
    assert first.overall == second.overall
    assert by_name(first.table()) == by_name(second.table())
    assert by_name(first.objects()) == by_name(second.objects())
    assert warnings(first) == warnings(second)


def by_name(table: dict[str, list[Any]]) -> list[str]:
    """The rows in an order of their own, without what was renamed."""
    kept = [column for name, column in table.items() if name not in ("gold_id", "delivery_id")]
    return sorted(repr(row) for row in zip(*kept, strict=True))


def warnings(found: PanopticEvaluation) -> list[str]:
    return [f.got for f in found.faults if f.code == "boundary.wide_band"]


def _other_ids(one: Scene, categories: dict[int, int], data: st.DataObject) -> Scene:
    numbers = data.draw(st.permutations([9, 1000, 66_000, 2_000_000]))
    order = data.draw(st.permutations(list(one.classes)))
    renamed = dict(zip(order, numbers, strict=False))
    ids = np.zeros_like(one.ids)
    for old, new in renamed.items():
        ids[one.ids == old] = new
    return Scene(
        ids,
        {new: categories[one.classes[old]] for old, new in renamed.items()},
        {renamed[old] for old in one.crowd},
    )


@relaxed
@given(batch=batches())
def test_counts_are_those_of_the_loop_of_panopticapi_that_cityscapesscripts_ships(batch):
    from cityscapesscripts.evaluation.evalPanopticSemanticLabeling import pq_compute_single_core

    gold, delivery = comparable(batch)
    categories = {category["id"]: category for category in CATEGORIES}

    with tempfile.TemporaryDirectory() as folder:
        found = evaluated(Path(folder), gold, delivery)
        pairs = [
            tuple({"image_id": key, "file_name": f"{key}.png", "segments_info": side[key].entries()}
                  for side in (gold, delivery))
            for key in gold
        ]  # fmt: skip
        with contextlib.redirect_stdout(io.StringIO()):
            peer = pq_compute_single_core(0, pairs, f"{folder}/gold", f"{folder}/delivery", categories)

    for c in found.classes:
        of_peer = peer[c.id]
        assert (c.tp, c.fp, c.fn) == (of_peer.tp, of_peer.fp, of_peer.fn)
        assert c.iou_sum == pytest.approx(of_peer.iou, abs=1e-12)


@relaxed
@given(batch=batches())
def test_numbers_are_those_of_hotcoco(batch):
    from hotcoco.panoptic import pq_compute

    gold, delivery = comparable(batch)

    with tempfile.TemporaryDirectory() as folder:
        found = evaluated(Path(folder), gold, delivery)
        with contextlib.redirect_stdout(io.StringIO()):
            peer = pq_compute(f"{folder}/gold.json", f"{folder}/delivery.json")

    for c in found.classes:
        of_peer = peer["per_class"][c.id]
        own = (-1, -1, -1) if c.pq is None else (c.pq, c.sq, c.rq)
        assert own == pytest.approx((of_peer["pq"], of_peer["sq"], of_peer["rq"]), abs=1e-12)


def comparable(batch: tuple[Batch, Batch]) -> tuple[Batch, Batch]:
    """What panopticapi can count: all images are delivered, and a class has one crowd at most."""
    gold = {key: one_crowd_a_class(one) for key, one in batch[0].items()}
    nothing = {key: Scene(np.zeros_like(one.ids)) for key, one in gold.items()}
    return gold, nothing | batch[1]


def one_crowd_a_class(one: Scene) -> Scene:
    first = {one.classes[own_id]: own_id for own_id in sorted(one.crowd, reverse=True)}
    return Scene(one.ids, one.classes, set(first.values()))


def test_the_sum_of_overlaps_is_exact_before_it_is_rounded(tmp_path):
    # 1/2 < IoU <= 1 of many different fractions: a running sum would lose their last bits
    sizes = range(3, 60)
    gold = {f"{n}": Scene(np.ones((1, n), int), {1: PERSON}) for n in sizes}
    delivery = {f"{n}": Scene((np.arange(n) > 0).astype(int)[None], {1: PERSON}) for n in sizes}

    found = evaluated(tmp_path, gold, delivery)

    rounded = [float(Fraction(n - 1, n)) for n in sizes]
    assert of_class(found, PERSON).iou_sum == float(sum(map(Fraction, rounded)))
