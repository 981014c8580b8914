"""Runs in the kernels: counted and painted, against per-pixel Python and each other."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pixel_references import (
    assert_same,
    columns,
    counted,
    either_kind,
    expanded,
    label_runs,
    map_pairs,
    relaxed,
)

from segcore.kernels import LabelRuns, reference


def runs_of(masks: list[list[bool]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Canonical runs of masks listed position by position."""
    starts, ends, offsets = [], [], [0]
    for mask in masks:
        padded = [False, *mask, False]
        starts += [i for i in range(len(mask)) if mask[i] and not padded[i]]
        ends += [i + 1 for i in range(len(mask)) if mask[i] and not padded[i + 2]]
        offsets.append(len(starts))
    return np.array(starts, np.int32), np.array(ends, np.int32), np.array(offsets, np.int64)


@st.composite
def painted_regions(draw: Callable[..., Any]) -> tuple[int, list[list[bool]], list[int], list[int]]:
    """Pixels, masks that may overlap, distinct priorities and codes."""
    pixels = draw(st.integers(0, 40))
    count = draw(st.integers(0, 6))
    masks = []
    for _ in range(count):
        borders = draw(st.lists(st.integers(0, pixels), max_size=8))
        masks.append([sum(border <= i for border in borders) % 2 == 1 for i in range(pixels)])
    priorities = draw(st.permutations([7 * i - 3 for i in range(count)]))
    codes = draw(st.lists(st.integers(-1, 2), min_size=count, max_size=count))
    return pixels, masks, list(priorities), codes


# ------------------------------------------------------------------------------ label runs


@either_kind
def test_two_small_label_runs_are_counted_cell_by_cell(kind: ModuleType) -> None:
    gold = label_runs([0, 0, 0, 1, 1, 2])
    delivery = label_runs([0, 0, 1, 1, 1, 1])

    table = kind.joint_runs(gold, delivery, size=3)

    assert table.tolist() == [[2, 1, 0], [0, 2, 0], [0, 1, 0]]
    assert table.dtype == np.int64


@either_kind
@relaxed
@given(codes=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=60))
def test_joint_runs_counts_every_pixel_once(kind: ModuleType, codes: list[tuple[int, int]]) -> None:
    gold, delivery = [g for g, _ in codes], [d for _, d in codes]

    table = kind.joint_runs(label_runs(gold), label_runs(delivery), size=4)

    np.testing.assert_array_equal(table, counted(gold, delivery, 4))


@either_kind
@pytest.mark.parametrize("pixels", [1 << 28, (1 << 31) - 1])
def test_joint_runs_is_exact_for_the_largest_images(kind: ModuleType, pixels: int) -> None:
    codes = np.array([0, 1], np.int32)
    gold = LabelRuns(pixels=pixels, starts=np.array([0, 5], np.int32), codes=codes)
    delivery = LabelRuns(
        pixels=pixels, starts=np.array([0, pixels - 3], np.int32), codes=codes[::-1].copy()
    )

    table = kind.joint_runs(gold, delivery, size=2)

    assert table.tolist() == [[0, 5], [3, pixels - 8]]


@either_kind
@relaxed
@given(pair=map_pairs(), runs_are_gold=st.booleans())
def test_runs_and_a_dense_map_are_compared_as_if_both_were_dense(
    kind: ModuleType, pair: Any, runs_are_gold: bool
) -> None:
    values, other, codes, other_codes = pair
    run_codes = [int(other_codes[v]) for v in columns(other)]
    dense_codes = [int(codes[v]) for v in columns(values)]
    sides = (run_codes, dense_codes) if runs_are_gold else (dense_codes, run_codes)

    table = kind.joint_runs_dense(
        label_runs(run_codes), values, codes, size=5, runs_are_gold=runs_are_gold
    )

    np.testing.assert_array_equal(table, counted(*sides, 5))


# ------------------------------------------------------------------------------ painting


@either_kind
def test_the_highest_priority_owns_a_pixel_and_equal_neighbours_join(kind: ModuleType) -> None:
    masks = [[c == "#" for c in line] for line in ("####....", "..##....", "....##..")]
    priority, codes = np.array([1, 2, 0], np.int32), np.array([5, 6, 6], np.int32)

    runs = kind.paint(*runs_of(masks), priority, codes, pixels=8, background=9)

    assert runs.starts.tolist() == [0, 2, 6]
    assert runs.codes.tolist() == [5, 6, 9]


@either_kind
@relaxed
@given(case=painted_regions())
def test_painting_equals_painting_pixel_by_pixel(kind: ModuleType, case: Any) -> None:
    pixels, masks, priorities, codes = case
    expected = [2] * pixels
    for i in sorted(range(len(masks)), key=lambda i: priorities[i]):
        expected = [codes[i] if on else old for on, old in zip(masks[i], expected, strict=True)]

    runs = kind.paint(
        *runs_of(masks),
        np.array(priorities, np.int32),
        np.array(codes, np.int32),
        pixels=pixels,
        background=2,
    )

    assert expanded(runs) == expected
    assert (runs.codes[1:] != runs.codes[:-1]).all()
    assert runs.starts.dtype == runs.codes.dtype == np.int32


@pytest.mark.parametrize("inner_wins", [True, False])
def test_thousands_of_nested_regions_are_painted_the_same_by_both_kinds(
    compiled: ModuleType, inner_wins: bool
) -> None:
    count = 10_000
    starts = np.arange(count, dtype=np.int32)
    ends = (3 * count - starts).astype(np.int32)
    offsets = np.arange(count + 1, dtype=np.int64)
    priority = starts if inner_wins else -starts
    regions = (starts, ends, offsets, priority, (starts % 7).astype(np.int32))

    runs = reference.paint(*regions, pixels=3 * count, background=8)

    # An inner region leaves one pixel of the next on either side; the outermost hides them all.
    assert len(runs.starts) == (2 * count - 1 if inner_wins else 1)
    assert runs.codes[[0, -1]].tolist() == [0, 0]
    assert_same(runs, compiled.paint(*regions, pixels=3 * count, background=8))


def test_many_regions_that_share_their_starts_are_painted_the_same_by_both_kinds(
    compiled: ModuleType,
) -> None:
    count, runs_each = 300, 400
    starts = np.tile(np.arange(runs_each, dtype=np.int32) * 10, count)
    ends = starts + np.repeat(np.arange(count) % 9 + 1, runs_each).astype(np.int32)
    offsets = np.arange(count + 1, dtype=np.int64) * runs_each
    priority = np.random.default_rng(2).permutation(count).astype(np.int32)
    regions = (starts, ends, offsets, priority, (np.arange(count) % 5).astype(np.int32))
    column = [9] * 10
    for i in np.argsort(priority).tolist():
        column[: i % 9 + 1] = [i % 5] * (i % 9 + 1)

    runs = reference.paint(*regions, pixels=runs_each * 10, background=9)

    assert expanded(runs) == column * runs_each
    assert_same(runs, compiled.paint(*regions, pixels=runs_each * 10, background=9))
