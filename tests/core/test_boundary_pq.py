"""Boundary PQ: by hand, against boundary-iou-api's rule pixel by pixel, from files to the report."""

from __future__ import annotations

import csv
import json
import math
import pickle
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_sources import Drawn
from hypothesis import given, settings
from hypothesis import strategies as st
from panoptic_scenes import (
    CAR,
    PERSON,
    ROAD,
    SKY,
    Batch,
    Counts,
    Held,
    Scene,
    batches,
    coarse_batches,
    counted,
    regions,
    save,
)
from PIL import Image

import segcore
from segcore import kernels, limits
from segcore.annotation import ImageAnnotation, LabelMap
from segcore.cli import main
from segcore.dilation import Dilation
from segcore.errors import InvalidInputError, UsageError
from segcore.ontology import LabelClass, Ontology

relaxed = settings(deadline=None, max_examples=60)
CROWD = frozenset({3})
Box = tuple[int, int, int, int]


def boxes(
    height: int, width: int, *drawn: tuple[int, Box], crowd: frozenset[int] = frozenset()
) -> Scene:
    """A scene of boxes (x, y, width, height), numbered from 1 and drawn in order; the rest is void."""
    ids = np.zeros((height, width), np.int64)
    for i, (_, (x, y, w, h)) in enumerate(drawn, 1):
        ids[y : y + h, x : x + w] = i
    return Scene(ids, {i: category for i, (category, _) in enumerate(drawn, 1)}, set(crowd))


def evaluated(folder: Path, gold: Batch, delivery: Batch, dilation: str, **options: Any) -> Any:
    specs = save(folder, "gold", gold), save(folder, "delivery", delivery)
    return segcore.evaluate(*specs, task="panoptic", dilation=dilation, **options)


def of_class(found: Any, category: int) -> Any:
    return next(c for c in found.classes if c.id == category)


def counts(found: Any) -> tuple[int, int, int, int]:
    return found.tp, found.fp, found.fn, found.ignored


# ------------------------------------------------------------------------------ by hand


@pytest.fixture
def pair():
    """A person is delivered 1 px to the right, another 3 px, and the sky exactly; a car is missed.

    The bands of a square of 20, 2 px wide, have 20^2 - 16^2 = 144 pixels.  Moved by a pixel, the squares
    share 19 x 20 = 380, each inner square 16 x 16 = 256 with the other square, the inner ones
    15 x 16 = 240: 380 - 256 - 256 + 240 = 108 pixels are in both bands.  Moved by 3 it is
    17 x 20 - 2 x 15 x 16 + 13 x 16 = 68.
    """
    sky, car = (SKY, (0, 0, 90, 10)), (CAR, (0, 80, 9, 9))
    gold = boxes(100, 90, sky, (PERSON, (10, 20, 20, 20)), (PERSON, (50, 20, 20, 20)), car)
    delivery = boxes(100, 90, sky, (PERSON, (11, 20, 20, 20)), (PERSON, (53, 20, 20, 20)))
    # Nothing of it is void, so that nothing is taken away.
    for one in (gold, delivery):
        one.ids[one.ids == 0] = 9
        one.classes[9] = ROAD
    return {"i": gold}, {"i": delivery}


@pytest.mark.usefixtures("either_kind")
def test_boundary_numbers_are_those_counted_by_hand(tmp_path, pair):
    found = evaluated(tmp_path, *pair, "2px")

    person, car, sky = (of_class(found, c) for c in (PERSON, CAR, SKY))
    assert counts(person) == (2, 0, 0, 0)
    assert counts(person.boundary) == (1, 1, 1, 0)  # 68 of 220 is not more than half
    assert 108 / (2 * 144 - 108) == 0.6
    assert (person.boundary.pq, person.boundary.sq, person.boundary.rq) == (0.3, 0.6, 0.5)
    assert (counts(car.boundary), car.boundary.pq) == ((0, 0, 1, 0), 0.0)
    assert (sky.boundary.pq, sky.pq) == (1.0, 1.0)
    assert found.overall.boundary.things.pq == pytest.approx(0.15)
    assert found.overall.boundary.things.classes == 2
    assert found.dilation == Dilation(px=2)


@pytest.mark.usefixtures("either_kind")
@pytest.mark.parametrize(
    ("hole", "matched", "iou"),
    [
        # 30 x 30 without 20 x 20 is 500 px.  The outlines share 116 px; that of the hole has 84.
        (20, 1, 500 / 900),
        # Without 22 x 22 it is 416 px, less than half, though 116 of 208 px of band are shared.
        (22, 0, None),
    ],
)
def test_where_the_masks_agree_less_than_their_outlines_the_masks_count(tmp_path, hole, matched, iou):
    gold = boxes(40, 40, (PERSON, (5, 5, 30, 30)))
    edge = (40 - hole) // 2
    delivery = boxes(40, 40, (PERSON, (5, 5, 30, 30)), (ROAD, (edge, edge, hole, hole)))
    assert 416 / 900 < 0.5 < 500 / 900 < 116 / (116 + 92) < 116 / (116 + 84)

    found = of_class(evaluated(tmp_path, {"i": gold}, {"i": delivery}, "1px"), PERSON)

    assert (found.boundary.tp, found.boundary.fn) == (matched, 1 - matched)
    assert found.boundary.sq == (iou or 0.0)
    assert found.boundary.iou_sum == found.iou_sum


@pytest.mark.usefixtures("either_kind")
@pytest.mark.parametrize(("longer", "matched"), [(11, 1), (12, 0)])
def test_exactly_half_of_the_bands_is_not_a_match(tmp_path, longer, matched):
    """A square of 20 is delivered too long.  Its band of 2 px has 144, of which the 16 x 2 at its end
    are inside of the delivered one: 112 are shared.  That of the delivered one has 4 more for each row.
    """
    gold = boxes(40, 30, (ROAD, (0, 0, 30, 40)), (PERSON, (5, 5, 20, 20)))
    delivery = boxes(40, 30, (ROAD, (0, 0, 30, 40)), (PERSON, (5, 5, 20, 20 + longer)))
    assert (112 / (144 + 4 * 12 + 144 - 112), 20 / 32) == (0.5, 0.625)

    found = of_class(evaluated(tmp_path, {"i": gold}, {"i": delivery}, "2px"), PERSON)

    assert (found.tp, found.boundary.tp, found.boundary.fp) == (1, matched, 1 - matched)


def test_void_is_taken_from_the_band_of_a_delivered_segment_and_does_not_end_it(tmp_path):
    gold, delivery = (
        boxes(8, 12, (PERSON, (0, 0, 6, 8))),
        boxes(8, 12, (PERSON, (0, 0, 12, 8))),
    )

    found = of_class(evaluated(tmp_path, {"i": gold}, {"i": delivery}, "1px"), PERSON)

    # Gold has a ring of 24 px.  Of the ring of the delivery 18 px are not void: it goes on where the
    # gold ends, and so lacks the 6 px along that end which are not at a border of the image.
    assert found.sq == 1.0
    assert found.boundary.sq == 18 / 24


def test_the_border_of_the_image_is_an_outline(tmp_path):
    gold, delivery = (
        boxes(9, 9, (SKY, (0, 0, 9, 9))),
        boxes(9, 9, (SKY, (0, 0, 9, 8)), (ROAD, (0, 8, 9, 1))),
    )

    found = of_class(evaluated(tmp_path, {"i": gold}, {"i": delivery}, "1px"), SKY)

    # Rings of 32 and 30 px.  The delivered one lacks the last row, and of the row above it only the
    # ends are in the gold's.
    assert found.boundary.sq == 23 / (32 + 30 - 23)


def test_a_share_of_the_diagonal_suits_each_image(tmp_path):
    batch = {f"{n}": boxes(30 * n, 40 * n, (SKY, (0, 0, 40 * n, 30 * n))) for n in (1, 2)}

    found = segcore.evaluate(
        *[save(tmp_path, name, batch) for name in ("gold", "delivery")], task="panoptic", dilation=0.1
    )

    # A tenth of 50 is 5 px, of 100 it is 10.
    assert found.tallies.boundaries.gold_px.tolist() == [30 * 40 - 20 * 30, 60 * 80 - 40 * 60]
    assert found.tallies.boundaries.delivery_px.tolist() == [600, 2400]


def test_what_lies_in_a_crowd_is_told_by_the_masks(tmp_path):
    gold = boxes(40, 40, (PERSON, (0, 0, 40, 40)), crowd=frozenset({1}))
    delivery = boxes(40, 40, (PERSON, (15, 15, 9, 9)))

    found = of_class(evaluated(tmp_path, {"i": gold}, {"i": delivery}, "1px"), PERSON)

    assert counts(found.boundary) == counts(found) == (0, 0, 0, 1)
    assert found.boundary.pq is None


def test_a_band_wider_than_the_segments_gives_the_numbers_of_the_masks(tmp_path, pair):
    found = evaluated(tmp_path, *pair, "100px")

    for scores in found.classes:
        assert counts(scores.boundary) == counts(scores)
        assert scores.boundary.iou_sum == scores.iou_sum
    objects = found.objects()
    assert objects["boundary_iou"] == objects["iou"]


def test_an_image_that_was_not_delivered_has_its_segments_missed(tmp_path, pair):
    gold, delivery = pair

    found = evaluated(tmp_path, gold | {"late": gold["i"]}, delivery, "2px")

    assert counts(of_class(found, PERSON).boundary) == (1, 1, 3, 0)


def test_without_a_segment_on_either_side_everything_is_undefined(tmp_path):
    empty = {"i": Scene(np.zeros((2, 3), np.int64))}

    found = evaluated(tmp_path, empty, empty, "1px")

    assert {c.boundary.pq for c in found.classes} == {found.overall.boundary.all.pq} == {None}


def test_several_values_of_one_stuff_class_have_no_outline_between_them():
    ontology = Ontology((LabelClass(id=0, name="sky", thing=False),))
    stripes = Drawn({"a": (np.indices((9, 9)).sum(axis=0) % 2).astype(np.uint8)}, ontology=ontology)
    whole = Drawn({"a": np.zeros((9, 9), np.uint8)}, ontology=ontology)
    lookup = ontology.lookup(256)
    lookup[1] = 0

    class Merged(Drawn):
        def read(self, key: str) -> ImageAnnotation:
            found = super().read(key)
            content = LabelMap(values=self.images[key], lookup=lookup)
            return ImageAnnotation(key=key, height=9, width=9, content=content, read=found.read)

    merged = Merged(stripes.images, ontology=ontology)

    found = segcore.evaluate(whole, merged, task="panoptic", dilation="1px")

    assert found.tallies.boundaries.delivery_px.tolist() == [81 - 49]
    assert found.classes[0].boundary.pq == 1.0


# ------------------------------------------------------------------------------ against the rule


def same(found: Any, expected: Counts) -> None:
    for c in found.classes:
        tp, fp, fn, ious = expected[c.id]
        assert (c.boundary.tp, c.boundary.fp, c.boundary.fn) == (tp, fp, fn)
        assert c.boundary.iou_sum == math.fsum(ious)
        half = tp + 0.5 * fp + 0.5 * fn
        assert c.boundary.pq == (math.fsum(ious) / half if half else None)


@pytest.mark.parametrize("choice", ["numpy", "numba"])
@relaxed
@given(batch=coarse_batches() | batches(), width_px=st.integers(1, 4))
def test_counts_are_those_of_boundary_iou_api_pixel_by_pixel(batch, width_px, choice):
    gold, delivery = batch
    kernels.use(choice)
    try:
        with tempfile.TemporaryDirectory() as folder:
            found = evaluated(Path(folder), gold, delivery, f"{width_px}px")
    finally:
        kernels.use("auto")

    same(found, counted(gold, delivery, width_px=width_px))


@pytest.mark.parametrize("sides", ["gold", "delivery", "both"])
@relaxed
@given(batch=coarse_batches(), width_px=st.integers(1, 3))
def test_regions_give_the_numbers_of_the_same_segments(batch, width_px, sides):
    gold, delivery = (
        {key: distinct_stuff(one) for key, one in side.items()} for side in batch
    )  # fmt: skip

    with tempfile.TemporaryDirectory() as folder:
        specs = [save(Path(folder), n, b) for n, b in (("gold", gold), ("delivery", delivery))]
        held = [Held(**{k: regions(one) for k, one in side.items()}) for side in (gold, delivery)]
        found = segcore.evaluate(
            held[0] if sides != "delivery" else specs[0],
            held[1] if sides != "gold" else specs[1],
            task="panoptic",
            dilation=f"{width_px}px",
        )

    same(found, counted(gold, delivery, width_px=width_px))


def distinct_stuff(one: Scene) -> Scene:
    """All regions of a stuff class are one segment: here each has at most one."""
    classes = dict(one.classes)
    for category in (SKY, ROAD):
        for own_id in [i for i, c in classes.items() if c == category][1:]:
            classes[own_id] = PERSON
    return Scene(one.ids, classes, one.crowd)


def test_real_images_moved_by_two_pixels_have_the_numbers_of_the_rule(shared_data, tmp_path):
    folder = shared_data("coco_panoptic_samples") / "sample_data"
    document = json.loads((folder / "panoptic_examples.json").read_text())
    gold: Batch = {}
    delivery: Batch = {}
    for entry in document["annotations"]:
        path = folder / "panoptic_examples" / entry["file_name"]
        pixels = np.array(Image.open(path).convert("RGB")).astype(np.int64)
        ids = pixels @ [1, 256, 65536]
        # Things stay things: the categories of the samples are those of the scenes in turn.
        things = {c["id"]: c["isthing"] for c in document["categories"]}
        classes = {
            s["id"]: ((SKY, ROAD), (PERSON, CAR))[things[s["category_id"]]][s["category_id"] % 2]
            for s in entry["segments_info"]
        }
        crowd = {s["id"] for s in entry["segments_info"] if s["iscrowd"]}
        key = Path(entry["file_name"]).stem
        gold[key] = Scene(ids, classes, crowd)
        moved = np.roll(ids, 2, axis=1)
        kept = set(np.unique(moved).tolist())
        delivery[key] = Scene(moved, {i: c for i, c in classes.items() if i in kept})

    found = evaluated(tmp_path, gold, delivery, "12px")

    assert sum(len(one.classes) for one in gold.values()) > 20
    same(found, counted(gold, delivery, width_px=12))
    assert 0 < found.overall.boundary.all.pq < found.overall.all.pq < 1


def test_several_processes_give_the_same_and_it_survives_pickling(tmp_path, pair):
    gold, delivery = ({f"{n}": side["i"] for n in range(30)} for side in pair)

    one, two = (evaluated(tmp_path / str(jobs), gold, delivery, "2px", jobs=jobs) for jobs in (1, 2))

    assert {**one.to_json(), "inputs": 0} == {**two.to_json(), "inputs": 0}
    assert one.objects() == pickle.loads(pickle.dumps(two)).objects()
    assert of_class(one, PERSON).boundary.pq == pytest.approx(0.3)


# ------------------------------------------------------------------------------ a wide band


def test_a_band_that_holds_most_of_the_segments_is_one_warning_for_the_batch(tmp_path):
    drawn = (PERSON, (0, 0, 40, 40)), (SKY, (40, 0, 40, 40))
    gold = {"a": boxes(90, 90, *drawn), "b": boxes(90, 90, *drawn, (CAR, (0, 40, 90, 50)), crowd=CROWD)}
    # A delivery of other sizes: the gold alone decides.
    delivery = {key: boxes(90, 90, (ROAD, (0, 0, 90, 90))) for key in gold}

    wide, fine, plain = (
        segcore.evaluate(
            save(tmp_path, "gold", gold), save(tmp_path, "other", delivery), task="panoptic",
            dilation=width,
        ).faults
        for width in ("11px", "10px", None)
    )  # fmt: skip

    # 40 x 40 - 18 x 18 is 79.75 %, 40 x 40 - 20 x 20 is 75 %; the crowd and the void play no part.
    (fault,) = [f for f in wide if f.code == "boundary.wide_band"]
    assert (fault.severity.value, fault.image) == ("warning", None)
    assert fault.file == f"coco-panoptic:{tmp_path}/gold.json"
    assert (fault.expected, fault.got) == (
        "at most 3/4 of the pixels in the band; try 2px", "79.8 % of 6400 px at 11px",
    )  # fmt: skip
    assert not [f for f in (*fine, *plain) if f.code == "boundary.wide_band"]


def test_a_gold_without_a_segment_has_no_band_to_warn_of(tmp_path):
    empty = {"i": Scene(np.zeros((2, 3), np.int64))}

    found = evaluated(tmp_path, empty, {"i": boxes(2, 3, (SKY, (0, 0, 2, 2)))}, "1px")

    assert found.faults == ()


def test_the_command_warns_of_a_wide_band_and_still_scores(specs, capsys):
    assert main(["score", *specs, "--task", "panoptic", "--boundary", "40px"]) == 0

    assert "warning: boundary.wide_band" in capsys.readouterr().err


# ------------------------------------------------------------------------------ only where asked for


@pytest.fixture
def specs(tmp_path, pair):
    return save(tmp_path, "gold", pair[0]), save(tmp_path, "delivery", pair[1])


def outputs(json_file: Path, csv_file: Path) -> list[str]:
    return ["--json", str(json_file), "--csv", str(csv_file)]


def test_boundaries_are_left_out_where_they_were_not_asked_for(specs, tmp_path, capsys):
    files = tmp_path / "scores.json", tmp_path / "scores.csv"

    assert main(["score", *specs, "--task", "panoptic", *outputs(*files)]) == 0

    told = capsys.readouterr().out + files[0].read_text() + files[1].read_text()
    assert "boundary" not in told.lower()
    found = segcore.evaluate(*specs, task="panoptic")
    assert (found.overall.boundary, found.classes[0].boundary) == (None, None)
    assert found.tallies.boundaries is None
    assert "boundary_iou" not in found.objects()
    with pytest.raises(UsageError, match=r"dilation=0\.02"):
        found.boundary_matching  # noqa: B018


def test_the_command_prints_and_writes_boundary_pq_where_asked(specs, tmp_path, capsys):
    files = tmp_path / "scores.json", tmp_path / "scores.csv"
    options = ["--task", "panoptic", "--boundary", "2px"]

    assert main(["score", *specs, *options, *outputs(*files)]) == 0

    shown = capsys.readouterr().out
    lines = shown.splitlines()
    assert "RQ   boundary PQ   boundary SQ   boundary RQ   missed" in lines[0]
    row = next(line for line in lines if line.startswith("person"))
    assert row.split()[5:8] == ["0.3000", "0.6000", "0.5000"]
    assert "things: boundary PQ 0.1500, boundary SQ 0.3000, boundary RQ 0.2500" in lines
    assert "boundary: pixels of a mask within 2 px of one outside it" in shown
    document = json.loads(files[0].read_text())
    assert document == segcore.evaluate(*specs, task="panoptic", dilation="2px").to_json()
    person = next(c for c in document["classes"] if c["name"] == "person")
    assert [person[f"boundary_{name}"] for name in ("pq", "sq", "rq")] == [0.3, 0.6, 0.5]
    for kind in ("all", "things", "stuff"):
        assert {"boundary_pq", "boundary_sq", "boundary_rq", "pq"} <= document["overall"][kind].keys()
    assert document["overall"]["things"]["boundary_pq"] == pytest.approx(0.15)
    rows = list(csv.DictReader(files[1].read_text().splitlines()))
    assert list(rows[0])[-3:] == ["boundary_pq", "boundary_sq", "boundary_rq"]
    assert float(rows[0]["boundary_pq"]) == 0.3


def test_every_pair_of_segments_is_listed_with_its_boundary_iou(specs):
    objects = segcore.evaluate(*specs, task="panoptic", dilation="2px").objects()

    rows = zip(*(objects[c] for c in ("kind", "gold_class", "boundary_iou")), strict=True)
    persons = [(kind, iou) for kind, name, iou in rows if name == "person"]
    assert persons == [("matched", 0.6), ("matched", 68 / 220)]


# ------------------------------------------------------------------------------ what it may cost


@pytest.mark.parametrize(("limit", "side"), [(79, "gold"), (80, "delivery"), (120, None)])
def test_more_boundary_than_can_be_counted_is_a_fault(tmp_path, monkeypatch, limit, side):
    # A square of 20 in runs of rows counts its 20 runs and one more inside the band for each row.
    gold = boxes(30, 90, (PERSON, (0, 0, 20, 20)), (PERSON, (30, 0, 20, 20)))
    delivery = boxes(30, 90, (PERSON, (0, 0, 20, 20)), (PERSON, (30, 0, 20, 20)), (CAR, (60, 0, 20, 20)))
    monkeypatch.setattr(limits, "MAX_BOUNDARY_RUNS", limit)
    if side is None:
        assert evaluated(tmp_path, {"i": gold}, {"i": delivery}, "1px").overall.boundary is not None
        return

    with pytest.raises(InvalidInputError) as caught:
        evaluated(tmp_path, {"i": gold}, {"i": delivery}, "1px")

    (fault,) = caught.value.faults
    assert (fault.code, fault.image) == ("limits.annotations", "i")
    assert fault.got == {"gold": "80", "delivery": "120"}[side]
    assert caught.value.counts[side].rejected == caught.value.counts[side].read
