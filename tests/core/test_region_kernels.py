"""Areas, boxes and how far regions go on, counted pixel by pixel; long regions beside each other."""

from __future__ import annotations

import importlib
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from instance_scenes import region_runs

from segcore import kernels
from segcore.annotation import RunMask
from segcore.kernels import RegionRuns, compiled_instances

relaxed = settings(deadline=None, max_examples=100)
NO_BOX = [np.iinfo(np.int64).max, -1] * 2


@pytest.fixture(scope="session", params=["reference", "compiled"], ids=["numpy", "numba"])
def kind(request: pytest.FixtureRequest) -> ModuleType:
    return importlib.import_module(f"segcore.kernels.{request.param}")


@st.composite
def images(draw: st.DrawFn) -> list[np.ndarray]:
    """Masks of up to three images of different sizes; some masks are empty."""
    found = []
    for _ in range(draw(st.integers(0, 3))):
        size = draw(st.integers(1, 6)), draw(st.integers(1, 7))
        found.append(draw(hnp.arrays(np.bool_, (draw(st.integers(0, 4)), *size))))
    return found


@relaxed
@given(images())
def test_areas_are_pixels(kind, case):
    runs = region_runs(case)

    areas = kind.areas(runs.starts, runs.ends, runs.offsets)

    assert areas.tolist() == [int(mask.sum()) for image in case for mask in image]
    assert areas.dtype == np.int64


@relaxed
@given(images())
def test_boxes_hold_all_pixels_and_touch_them_on_each_side(kind, case):
    expected = []
    for mask in (mask for image in case for mask in image):
        rows, columns = mask.nonzero()
        edges = [columns.min(), columns.max(), rows.min(), rows.max()] if rows.size else NO_BOX
        expected.append([int(edge) for edge in edges])

    boxes = kind.boxes(region_runs(case), heights=np.array([image.shape[1] for image in case], np.int64))

    assert boxes.tolist() == expected
    assert boxes.shape == (len(expected), 4)
    assert boxes.dtype == np.int64


@pytest.mark.parametrize("height", [1, 3, 46_339, 1 << 28])
def test_boxes_are_exact_at_the_ends_of_columns_however_far_out(kind, height):
    last = (1 << 28) // height * height
    starts = np.array([last - height, last - 1], np.int32)
    ends = np.array([last - height + 1, last], np.int32)
    ends[1] += height == 1  # with one row, the runs would touch
    starts[1] += height == 1
    runs = RegionRuns(starts, ends, np.array([0, 1, 2]), np.array([0, 2]))
    columns = last // height

    boxes = kind.boxes(runs, heights=np.array([height]))

    first, second = columns - 1, columns - (height > 1)
    assert boxes.tolist() == [[first, first, 0, 0], [second, second, height - 1, height - 1]]


@relaxed
@given(images(), st.integers(0, 9), st.integers(1, 3), st.data())
def test_what_goes_on_is_counted_pixel_by_pixel(kind, case, shift, at_most, data):
    masks = [RunMask.from_array(mask) for image in case for mask in image]
    runs = region_runs(case)
    chosen = data.draw(st.lists(st.integers(0, len(masks) - 1), max_size=4)) if masks else []
    expected = []
    for mask in (masks[i] for i in chosen):
        inside = {p for a, b in zip(mask.starts, mask.ends, strict=True) for p in range(a, b)}
        step = -(-len(mask.starts) // at_most)
        looked_at = [
            p
            for a, b in list(zip(mask.starts, mask.ends, strict=True))[:: step or 1]
            for p in range(a, b)
        ]
        expected.append([sum(p + shift in inside for p in looked_at), len(looked_at), len(inside)])

    found = kind.continued(
        runs.starts,
        runs.ends,
        runs.offsets,
        np.array(chosen, np.int64),
        np.full(len(chosen), shift, np.int64),
        at_most=at_most,
    )

    assert found.tolist() == expected


def wavy(rng: np.random.Generator, width: int) -> np.ndarray:
    """A band over all columns, with holes and gaps here and there: one run a column, mostly."""
    rows, columns = np.ogrid[:40, :width]
    middle = 20 + 9 * np.sin(columns / rng.uniform(3, 9) + rng.uniform(0, 6))
    mask = np.abs(rows - middle) < rng.uniform(2, 12)
    mask[:, rng.random(width) < rng.choice([0, 0.05, 0.4])] = False
    mask[rng.random(mask.shape) < rng.choice([0, 0.01, 0.2])] = False
    return mask


@relaxed
@given(st.integers(0, 2**32 - 1))
def test_what_long_regions_share_is_counted_pixel_by_pixel(kind, seed):
    rng = np.random.default_rng(seed)
    width = int(rng.integers(2, 12 * compiled_instances.SIDE_BY_SIDE))
    gold, delivery = (np.stack([wavy(rng, width) for _ in range(2)]) for _ in range(2))
    expected = [
        (i, j, int((a & b).sum()))
        for i, a in enumerate(gold)
        for j, b in enumerate(delivery)
        if (a & b).any()
    ]

    found = kind.overlaps(region_runs([gold]), region_runs([delivery]), heights=np.array([40]))

    assert list(zip(*(column.tolist() for column in found), strict=True)) == expected


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"chosen": np.array([1])}, "regions that there are"),
        ({"chosen": np.array([-1])}, "regions that there are"),
        ({"shifts": np.array([-1])}, "shifts of 0 or more"),
        ({"shifts": np.array([1, 1])}, "a shift for every region"),
        ({"offsets": np.array([0, 2])}, "offsets"),
        ({"at_most": 0}, "runs to look at"),
    ],
)
def test_what_would_index_foreign_memory_is_refused(broken, message):
    sound = {
        "starts": np.array([1], np.int32),
        "ends": np.array([2], np.int32),
        "offsets": np.array([0, 1]),
        "chosen": np.array([0]),
        "shifts": np.array([1]),
        "at_most": 1,
    }

    with pytest.raises(ValueError, match=message):
        kernels.continued(**sound | broken)
