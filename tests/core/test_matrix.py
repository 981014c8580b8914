"""The public confusion and iou, against hand counts, the np.bincount idiom and scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from segcore import kernels
from segcore.matrix import confusion, iou

relaxed = settings(deadline=None, max_examples=100)
DTYPES = ["?", "i1", "u1", "i2", "u2", ">i2", ">u2", "i4", "u4", ">i4", "i8", "u8", ">u8"]


def naive(gold: Any, delivery: Any, classes: int, ignored: tuple[int, ...]) -> np.ndarray:
    """Pixel by pixel, in Python integers."""
    table = np.zeros((classes + 1, classes + 1), np.int64)
    for g, d in zip(gold.ravel().tolist(), delivery.ravel().tolist(), strict=True):
        row, column = (int(v) if 0 <= v < classes else classes for v in (g, d))
        table[row, column] += int(g) not in ignored
    return table


@st.composite
def labels(draw: Any) -> tuple[np.ndarray, np.ndarray]:
    """Two arrays of one shape, of any integer dtypes, with extreme values."""
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5))
    arrays = []
    for _ in range(2):
        dtype = np.dtype(draw(st.sampled_from(DTYPES)))
        limits = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
        values = st.sampled_from(limits) | st.integers(max(-3, limits[0]), min(9, limits[1]))
        flat = draw(st.lists(values, min_size=int(np.prod(shape)), max_size=int(np.prod(shape))))
        arrays.append(np.array(flat, dtype).reshape(shape))
    return arrays[0], arrays[1]


def test_each_pair_of_classes_other_and_ignored_is_counted_by_hand() -> None:
    gold = np.array([[0, 0, 1, 1], [1, 255, 255, 7]], np.uint8)
    delivery = np.array([[0, 1, 1, 7], [1, 0, 255, 1]], np.uint8)

    table = confusion(gold, delivery, num_classes=2, ignore_index=255)

    assert table.tolist() == [[1, 1, 0], [0, 2, 1], [0, 1, 0]]
    assert table.dtype == np.int64


@relaxed
@given(pair=labels(), classes=st.integers(1, 7), ignored=st.lists(st.integers(-4, 300), max_size=3))
def test_any_integers_of_any_shape_are_counted_once_or_ignored(
    pair: tuple[np.ndarray, np.ndarray], classes: int, ignored: list[int]
) -> None:
    gold, delivery = pair

    table = confusion(gold, delivery, num_classes=classes, ignore_index=ignored)

    np.testing.assert_array_equal(table, naive(gold, delivery, classes, tuple(ignored)))


@pytest.mark.parametrize("value", [255, 19, 30, 254])
def test_a_delivery_label_out_of_range_is_other_and_never_another_cell(value: int) -> None:
    gold = np.full((4, 4), 3, np.uint8)
    delivery = np.full((4, 4), value, np.uint8)

    table = confusion(gold, delivery, num_classes=19)

    assert table[3, 19] == 16
    assert table.sum() == 16


@pytest.mark.parametrize("dtype", ["u1", "u2", "i4", "i8"])
def test_the_bincount_idiom_gives_the_same_classes(dtype: str) -> None:
    rng = np.random.default_rng(5)
    gold = np.repeat(rng.integers(0, 20, (90, 30)), 7, axis=1)
    gold[gold == 19] = 255
    delivery = np.where(rng.random(gold.shape) < 0.1, rng.integers(0, 19, gold.shape), gold % 19)
    valid = gold < 19
    expected = np.bincount(19 * gold[valid] + delivery[valid], minlength=361).reshape(19, 19)

    table = confusion(gold.astype(dtype), delivery.astype(dtype), num_classes=19, ignore_index=255)

    np.testing.assert_array_equal(table[:19, :19], expected)
    assert table.sum() == valid.sum()


def test_scikit_learn_gives_the_same_iou() -> None:
    from sklearn.metrics import jaccard_score

    rng = np.random.default_rng(6)
    gold, delivery = rng.integers(0, 5, (2, 40, 50))

    scores = iou(confusion(gold, delivery, num_classes=5))

    np.testing.assert_allclose(
        scores, jaccard_score(gold.ravel(), delivery.ravel(), average=None), rtol=1e-14
    )


@pytest.mark.parametrize("step", [1, 2, -1])
@pytest.mark.parametrize("order", ["C", "F"])
def test_views_and_orders_of_memory_do_not_change_the_count(step: int, order: Any) -> None:
    rng = np.random.default_rng(7)
    gold = np.array(rng.integers(0, 4, (12, 10)), np.uint8, order=order)[::step, ::step]
    delivery = rng.integers(0, 4, (12, 10)).astype(np.uint8)[::step, ::step]

    table = confusion(gold, delivery, num_classes=4)
    both_fortran = confusion(np.asfortranarray(gold), np.asfortranarray(delivery), num_classes=4)

    np.testing.assert_array_equal(table, naive(gold, delivery, 4, ()))
    np.testing.assert_array_equal(both_fortran, table)


def test_an_ignored_class_is_left_out_of_gold_and_kept_in_the_delivery() -> None:
    table = confusion([0, 0, 1, 1], [0, 1, 0, 1], num_classes=2, ignore_index=0)

    assert table.tolist() == [[0, 0, 0], [1, 1, 0], [0, 0, 0]]


def test_empty_arrays_give_zeros() -> None:
    empty = np.empty((0, 5), np.uint8)

    assert confusion(empty, empty, num_classes=3).tolist() == [[0] * 4] * 4


@pytest.mark.parametrize("bad", [np.zeros(3), np.zeros(3, complex), np.array(["a", "b", "c"])])
def test_labels_that_are_not_integers_are_refused(bad: np.ndarray) -> None:
    with pytest.raises(TypeError, match="expected integers or bool"):
        confusion(np.zeros(3, np.uint8), bad, num_classes=2)


def test_masked_arrays_are_refused_instead_of_losing_their_mask() -> None:
    masked = np.ma.masked_equal(np.zeros(3, np.uint8), 0)

    with pytest.raises(TypeError, match="masked"):
        confusion(masked, np.zeros(3, np.uint8), num_classes=2)


def test_different_shapes_are_refused_even_with_equally_many_pixels() -> None:
    with pytest.raises(ValueError, match="differ in shape"):
        confusion(np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8), num_classes=2)


@pytest.mark.parametrize("classes", [0, -1, 65_535])
def test_a_number_of_classes_out_of_range_is_refused(classes: int) -> None:
    with pytest.raises(ValueError, match="num_classes"):
        confusion([0], [0], num_classes=classes)


def test_iou_by_hand_counts_other_in_the_union_and_is_nan_without_one() -> None:
    table = [[3, 1, 2, 0], [0, 5, 0, 0], [4, 0, 0, 0], [0, 0, 0, 0]]

    scores = iou(table)

    # Class 0: 3 / (6 + 7 - 3); class 1: 5 / (5 + 6 - 5); class 2: 0 / (4 + 2).
    assert scores.tolist() == [3 / 10, 5 / 6, 0.0]
    assert np.isnan(iou([[0, 0], [0, 9]])).tolist() == [True]


@pytest.mark.parametrize("bad", [[1, 2], [[1, 2]], np.zeros((0, 0))])
def test_iou_of_a_table_that_is_not_square_is_refused(bad: Any) -> None:
    with pytest.raises(ValueError, match="square"):
        iou(bad)


@pytest.mark.parametrize(("kind", "module"), [("numpy", "reference"), ("numba", "compiled")])
def test_the_kernels_in_use_do_not_change_the_table(
    kind: Any, module: str, request: pytest.FixtureRequest
) -> None:
    if kind == "numba":
        pytest.importorskip("numba", reason="missing: numba")
    request.addfinalizer(lambda: kernels.use("auto"))
    labels = np.repeat(np.random.default_rng(8).integers(0, 300, (2, 50, 20)), 9, axis=2)
    gold, delivery = labels[0].astype(np.uint16), labels[1].astype(np.uint8)
    kernels.use(kind)

    table = confusion(gold, delivery, num_classes=90)

    assert kernels.active().__name__ == f"segcore.kernels.{module}"
    np.testing.assert_array_equal(table, naive(gold, delivery, 90, ()))
