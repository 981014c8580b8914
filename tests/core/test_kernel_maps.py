"""Dense label maps in the kernels, against per-pixel Python and NumPy."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from pixel_references import (
    IDENTITY,
    assert_same,
    columns,
    counted,
    either_kind,
    expanded,
    map_pairs,
    relaxed,
)

from segcore.kernels import reference


def drawn(text: str) -> np.ndarray:
    """A label map drawn with digits."""
    return np.array([[int(c) for c in line] for line in text.split()], np.uint8)


@either_kind
def test_a_small_pair_of_maps_is_counted_cell_by_cell(kind: ModuleType) -> None:
    gold = drawn("0011 0011 2222")
    delivery = drawn("0001 0011 2212")

    table = kind.joint_dense(gold, delivery, IDENTITY, IDENTITY, size=4)

    assert table.tolist() == [[4, 0, 0, 0], [1, 3, 0, 0], [0, 1, 3, 0], [0, 0, 0, 0]]
    assert table.dtype == np.int64


@either_kind
@relaxed
@given(pair=map_pairs())
def test_joint_dense_counts_every_pixel_once(kind: ModuleType, pair: Any) -> None:
    gold, delivery, gold_codes, delivery_codes = pair
    gold_of_pixel = [int(gold_codes[v]) for v in gold.ravel()]
    delivery_of_pixel = [int(delivery_codes[v]) for v in delivery.ravel()]

    table = kind.joint_dense(gold, delivery, gold_codes, delivery_codes, size=5)

    np.testing.assert_array_equal(table, counted(gold_of_pixel, delivery_of_pixel, 5))


@either_kind
@pytest.mark.parametrize("dtypes", [("u1", "u1"), ("u2", "u2"), ("u1", "u2"), ("u2", "u1")])
@pytest.mark.parametrize("run_px", [1, 2, 9, 40, 5000])
@pytest.mark.parametrize("pixels", [(1 << 17) + 5, (1 << 18) - 1])
def test_large_maps_of_any_run_density_agree_with_bincount(
    kind: ModuleType, dtypes: tuple[str, str], run_px: int, pixels: int
) -> None:
    rng = np.random.default_rng(run_px)
    labels = np.repeat(rng.integers(0, 6, (2, pixels // run_px + 2)), run_px, axis=1)
    gold = labels[0, :pixels].astype(dtypes[0])
    delivery = labels[1, 1 : pixels + 1].astype(dtypes[1])
    gold_codes, delivery_codes = (np.arange(1 << 8 * int(d[1]), dtype=np.int32) % 7 for d in dtypes)
    expected = np.bincount(gold.astype(np.int64) * 7 + delivery, minlength=49).reshape(7, 7)

    table = kind.joint_dense(gold, delivery, gold_codes, delivery_codes, size=7)

    np.testing.assert_array_equal(table, expected)


@either_kind
def test_many_classes_are_counted_in_larger_blocks(kind: ModuleType) -> None:
    rng = np.random.default_rng(3)
    gold, delivery = rng.integers(0, 65536, (2, 700, 801)).astype(np.uint16)
    gold[:, 100:] //= 64
    codes = np.arange(65536, dtype=np.int32) % 300
    expected = np.bincount(
        (gold.astype(np.int64) % 300 * 300 + delivery % 300).ravel(), minlength=90_000
    ).reshape(300, 300)

    table = kind.joint_dense(gold, delivery, codes, codes, size=300)

    np.testing.assert_array_equal(table, expected)


@either_kind
def test_maps_that_start_at_an_odd_address_are_counted(kind: ModuleType) -> None:
    memory = np.random.default_rng(0).integers(0, 3, 2003).astype(np.uint8)
    gold, delivery = memory[1:1002], memory[1002:2003]

    table = kind.joint_dense(gold, delivery, IDENTITY, IDENTITY, size=4)

    np.testing.assert_array_equal(table, counted(gold.tolist(), delivery.tolist(), 4))


@either_kind
@relaxed
@given(pair=map_pairs())
def test_runs_of_a_dense_map_are_column_major_and_canonical(kind: ModuleType, pair: Any) -> None:
    values, _, codes, _ = pair

    runs = kind.dense_runs(values, codes)

    assert expanded(runs) == [int(codes[v]) for v in columns(values)]
    assert (runs.codes[1:] != runs.codes[:-1]).all()


@pytest.mark.parametrize("patch_px", [1, 30])
def test_runs_of_a_large_dense_map_are_the_same_in_both_kinds(
    compiled: ModuleType, patch_px: int
) -> None:
    patches = np.random.default_rng(1).integers(0, 3, (300 // patch_px, 480 // patch_px))
    values = np.kron(patches, np.ones((patch_px, patch_px))).astype(np.uint8)

    runs = reference.dense_runs(values, IDENTITY)

    assert expanded(runs) == columns(values)
    assert_same(runs, compiled.dense_runs(values, IDENTITY))
