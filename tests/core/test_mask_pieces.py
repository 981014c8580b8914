"""Masks of stripes and dots: a few bytes in a file, a piece for every pixel or two."""

from __future__ import annotations

import numpy as np
import pytest
from panoptic_scenes import ONTOLOGY, Held, Scene, regions, save

import segcore
from segcore import limits
from segcore.annotation import LabelMap
from segcore.errors import InvalidInputError

PERSON, SKY, ROAD = 3, 21, 8


def rows_of_two(height: int, width: int) -> Scene:
    """Sky and road row by row: a run for every row, or by columns one for every pixel."""
    ids = np.repeat(np.arange(height)[:, None] % 2 + 1, width, axis=1)
    return Scene(ids, {1: SKY, 2: ROAD})


def two_persons() -> Scene:
    """Persons in the first and the last of four columns: 9 runs by rows, and 3 by columns."""
    return Scene(np.array([[1, 0, 0, 2]] * 3), {1: PERSON, 2: PERSON})


def dense(one: Scene, *, objects: bool) -> LabelMap:
    """The same as a label map of ids."""
    lookup = np.full(256, -1, np.int32)
    for own_id, category in one.classes.items():
        lookup[own_id] = next(i for i, c in enumerate(ONTOLOGY.classes) if c.id == category)
    told_apart = np.isin(np.arange(256), [*one.classes]) if objects else None
    return LabelMap(values=one.ids.astype(np.uint8), lookup=lookup, objects=told_apart)


def refused(*specs: object, **options: object) -> InvalidInputError:
    with pytest.raises(InvalidInputError) as caught:
        segcore.evaluate(*specs, **options)  # type: ignore[call-overload]
    return caught.value


@pytest.mark.parametrize("dilation", [None, "1px"])
def test_a_label_map_of_too_many_pieces_is_a_fault_of_the_panoptic_task(monkeypatch, dilation):
    coarse, fine = two_persons(), Scene(np.indices((3, 4)).sum(axis=0) % 2 + 1, {1: PERSON, 2: PERSON})
    gold, delivery = (Held(i=dense(one, objects=True)) for one in (coarse, fine))
    # In reading order each of the 12 pixels of the delivery differs from the one before, but for the
    # first of the second and of the third row.
    monkeypatch.setattr(limits, "MAX_IMAGE_RUNS", 9)

    found = refused(gold, delivery, task="panoptic", dilation=dilation)

    (fault,) = found.faults
    assert (fault.code, fault.image) == ("limits.entries", "i")
    assert (fault.expected, fault.got) == ("at most 9 runs of pixels of one value", "10")
    assert found.counts["delivery"].rejected == found.counts["delivery"].read == 1
    monkeypatch.setattr(limits, "MAX_IMAGE_RUNS", 10)
    assert segcore.evaluate(gold, delivery, task="panoptic", dilation=dilation).overall.all.pq == 0


def test_pieces_are_counted_in_the_order_the_other_side_asks_for(tmp_path, monkeypatch):
    one = rows_of_two(4, 5)
    spec = save(tmp_path, "gold", {"i": one})
    # 4 runs by rows.  By columns 20, since 4 rows are even.
    monkeypatch.setattr(limits, "MAX_IMAGE_RUNS", 19)

    found = refused(spec, Held(i=regions(one)), task="panoptic")

    assert [(f.code, f.got) for f in found.faults] == [("limits.entries", "20")]
    assert found.counts["gold"].rejected == found.counts["gold"].read == 2
    assert segcore.evaluate(spec, spec, task="panoptic").overall.all.pq == 1
    monkeypatch.setattr(limits, "MAX_IMAGE_RUNS", 20)
    assert segcore.evaluate(spec, Held(i=regions(one)), task="panoptic").overall.all.pq == 1


@pytest.mark.parametrize("side", ["gold", "delivery"])
def test_a_mask_of_too_many_pieces_is_a_fault_of_the_instance_task(monkeypatch, side):
    striped = Scene(np.array([[1] * 4, [2] * 4, [1] * 4]), {1: PERSON, 2: PERSON})
    sides = {"gold": two_persons(), "delivery": two_persons()} | {side: striped}
    gold, delivery = (Held(i=dense(one, objects=True)) for one in sides.values())
    # By columns: 3 runs each, of which the last of one and the first of the next are the same.
    monkeypatch.setattr(limits, "MAX_IMAGE_RUNS", 8)

    found = refused(gold, delivery, task="instance")

    assert [(f.code, f.got) for f in found.faults] == [("limits.entries", "9")]
    assert found.counts[side].rejected == found.counts[side].read == 1
    monkeypatch.setattr(limits, "MAX_IMAGE_RUNS", 9)
    assert segcore.evaluate(gold, delivery, task="instance").overall.at50.missed == 2
