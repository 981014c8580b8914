"""What objects share and how they are matched: per pixel, and the two kinds against each other."""

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
from segcore.kernels import RegionRuns, reference, reference_instances

relaxed = settings(deadline=None, max_examples=150)


@pytest.fixture(scope="session", params=["reference", "compiled"], ids=["numpy", "numba"])
def kind(request: pytest.FixtureRequest) -> ModuleType:
    return importlib.import_module(f"segcore.kernels.{request.param}")


def counted(gold: list[np.ndarray], delivery: list[np.ndarray]) -> list[tuple[int, int, int]]:
    """Pairs and shared pixels, pixel by pixel."""
    found = []
    i0 = j0 = 0
    for own, others in zip(gold, delivery, strict=True):
        for i, a in enumerate(own):
            for j, b in enumerate(others):
                if (a & b).any():
                    found.append((i0 + i, j0 + j, int((a & b).sum())))
        i0, j0 = i0 + len(own), j0 + len(others)
    return found


@st.composite
def sides(draw: st.DrawFn) -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray]:
    """Masks of both sides of up to three images of different sizes; some masks are empty."""
    gold, delivery, heights = [], [], []
    for _ in range(draw(st.integers(0, 3))):
        height, width = draw(st.integers(1, 6)), draw(st.integers(1, 6))
        for side in (gold, delivery):
            shape = draw(st.integers(0, 4)), height, width
            side.append(draw(hnp.arrays(np.bool_, shape)))
        heights.append(height)
    return gold, delivery, np.array(heights, np.int64)


@relaxed
@given(sides())
def test_overlaps_are_those_counted_pixel_by_pixel(kind, case):
    gold, delivery, heights = case

    found = kind.overlaps(region_runs(gold), region_runs(delivery), heights=heights)

    assert list(zip(*(column.tolist() for column in found), strict=True)) == counted(gold, delivery)
    assert [column.dtype for column in found] == [np.int64] * 3


@relaxed
@given(sides(), st.sampled_from([1, 3]))
def test_overlaps_do_not_depend_on_how_many_are_looked_up_at_a_time(case, block):
    gold, delivery, heights = case
    whole = reference.overlaps(region_runs(gold), region_runs(delivery), heights=heights)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reference_instances, "BLOCK_CELLS", block)
        patch.setattr(reference_instances, "BLOCK_RUNS", block)
        parts = reference.overlaps(region_runs(gold), region_runs(delivery), heights=heights)

    assert all(np.array_equal(a, b) for a, b in zip(whole, parts, strict=True))


def test_runs_that_end_where_an_image_of_the_largest_size_ends_are_counted(kind):
    last = np.iinfo(np.int32).max
    side = RegionRuns(
        np.array([last - 5], np.int32), np.array([last], np.int32), np.array([0, 1]), np.array([0, 1])
    )

    found = kind.overlaps(side, side, heights=np.array([46341]))

    assert [column.tolist() for column in found] == [[0], [0], [5]]


def shares(rng: np.random.Generator) -> dict[str, object]:
    """Candidate pairs of a few groups, in the order the kernel asks for."""
    sizes = rng.integers(0, 5, (rng.integers(1, 6), 2))
    pairs, groups, gold_size = [], [], 0
    for group, (deliveries, golds) in enumerate(sizes.tolist()):
        for _ in range(deliveries):
            chosen = rng.permutation(golds)[: rng.integers(0, golds + 1)] + gold_size
            pairs += [(len(groups), int(g), int(rng.integers(1, 4))) for g in chosen]
            groups.append(group)
        gold_size += golds
    columns = np.array(pairs, np.int64).reshape(-1, 3).T
    return {
        "delivery": columns[0],
        "gold": columns[1],
        "levels": columns[2].astype(np.int8),
        "groups": np.array(groups, np.int64),
        "gold_ignored": rng.random((2, gold_size)) < 0.3,
        "gold_crowd": rng.random(gold_size) < 0.2,
        "thresholds": 3,
        "size": len(groups),
    }


@relaxed
@given(st.integers(0, 2**32 - 1))
def test_matches_of_both_kinds_are_equal(compiled, seed):
    case = shares(np.random.default_rng(seed))

    found = [module.match_by_score(**case) for module in (reference, compiled)]

    assert np.array_equal(*found)
    assert {states.dtype.name for states in found} == {"uint8"}


def match(kind: ModuleType, pairs: list[tuple[int, int]], size: int, **gold: list[bool]) -> list[int]:
    """The states at one threshold, in one group."""
    columns = np.array(pairs, np.int64).reshape(-1, 2).T
    states = kind.match_by_score(
        *columns,
        np.ones(len(pairs), np.int8),
        np.zeros(size, np.int64),
        np.array([gold["ignored"]]),
        np.array(gold["crowd"]),
        thresholds=1,
        size=size,
    )
    return states[0, 0].tolist()


def test_the_surer_object_takes_the_gold_object_and_the_other_goes_without(kind):
    assert match(kind, [(0, 0), (1, 0)], 2, ignored=[False], crowd=[False]) == [1, 0]


def test_a_crowd_takes_any_number(kind):
    assert match(kind, [(0, 0), (1, 0)], 2, ignored=[True], crowd=[True]) == [2, 2]


def test_an_ignored_object_that_overlaps_more_gives_way_to_one_that_counts(kind):
    # the best candidate of an object is its last
    assert match(kind, [(0, 0), (0, 1)], 1, ignored=[False, True], crowd=[False, False]) == [1]


SOUND = RegionRuns(
    np.array([1, 4], np.int32), np.array([3, 6], np.int32), np.array([0, 2]), np.array([0, 1])
)


@pytest.mark.parametrize(
    ("broken", "heights", "message"),
    [
        pytest.param({"starts": SOUND.starts.astype(np.int64)}, [3], "int32", id="wide starts"),
        pytest.param({"starts": np.array([4, 1], np.int32)}, [3], "not empty", id="empty run"),
        pytest.param(
            {"starts": np.array([4, 1], np.int32), "ends": np.array([6, 3], np.int32)},
            [3], "to increase", id="runs fall",
        ),
        pytest.param({"offsets": np.array([0, 3])}, [3], "offsets", id="runs that are not there"),
        pytest.param({"images": np.array([0, 2])}, [3], "offsets", id="regions that are not there"),
        pytest.param({}, [3, 3], "2 images", id="another number of images"),
        pytest.param({}, [0], "heights", id="no height"),
    ],
)  # fmt: skip
def test_broken_regions_are_refused_before_compiled_code_runs(broken, heights, message):
    with pytest.raises(ValueError, match=message):
        kernels.overlaps(SOUND._replace(**broken), SOUND, heights=np.array(heights, np.int64))


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param({"gold": np.array([0, 9])}, id="gold that is not there"),
        pytest.param({"delivery": np.array([1, 0])}, id="deliveries out of order"),
        pytest.param({"delivery": np.array([0, 2])}, id="a delivery that is not there"),
        pytest.param({"levels": np.array([1], np.int8)}, id="too few levels"),
        pytest.param({"groups": np.array([1, 0])}, id="groups that fall"),
        pytest.param({"gold_crowd": np.zeros(2, np.bool_)}, id="another number of gold objects"),
    ],
)
def test_broken_pairs_are_refused_before_compiled_code_runs(broken):
    sound = {
        "delivery": np.array([0, 1]),
        "gold": np.array([0, 0]),
        "levels": np.ones(2, np.int8),
        "groups": np.zeros(2, np.int64),
        "gold_ignored": np.zeros((1, 1), np.bool_),
        "gold_crowd": np.zeros(1, np.bool_),
    }

    assert kernels.match_by_score(**sound, thresholds=1, size=2).tolist() == [[[1, 0]]]
    with pytest.raises(ValueError, match="expected"):
        kernels.match_by_score(**(sound | broken), thresholds=1, size=2)
