"""Tallies add up, exactly, in any order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segcore.tally import Tally, TallyTable

tables = st.lists(st.integers(0, 5), min_size=9, max_size=9).map(
    lambda cells: np.array(cells, np.int64).reshape(3, 3)
)


def tally(table, instances=None):
    return Tally.from_table(np.array(table, np.int64), instances=instances)


def test_a_tally_keeps_only_the_cells_that_are_not_zero():
    found = tally([[4, 0, 1], [0, 0, 0], [2, 0, 0]])

    assert found.cells.tolist() == [0, 2, 6]
    assert found.pixels.tolist() == [4, 1, 2]


def test_instances_of_a_pool_are_unknown_as_soon_as_one_side_does_not_know_them():
    one = tally(np.zeros((3, 3)), instances=np.array([1, 2]))
    two = tally(np.zeros((3, 3)), instances=np.array([0, 5]))
    unknown = tally(np.zeros((3, 3)))

    assert (one + two).instances.tolist() == [1, 7]
    assert (one + unknown).instances is None


def test_tallies_of_different_ontologies_do_not_add_up():
    with pytest.raises(ValueError, match="1 classes is not one of 2"):
        tally(np.zeros((3, 3))) + tally(np.zeros((2, 2)))


@given(tables, tables, tables)
def test_adding_is_the_sum_of_the_tables_whatever_the_grouping(a, b, c):
    left = (tally(a) + tally(b)) + tally(c)
    right = tally(a) + (tally(b) + tally(c))

    assert np.array_equal(left.confusion(), a + b + c)
    assert np.array_equal(right.confusion(), a + b + c)
    assert np.array_equal(left.cells, right.cells)


@given(st.lists(tables, max_size=5))
def test_a_table_of_tallies_pools_to_the_sum_in_key_order(images):
    rows = [(f"image{i}", tally(table)) for i, table in enumerate(images)]

    table = TallyTable.from_tallies(reversed(rows), num_classes=2)

    assert np.array_equal(table.confusion, sum(images, np.zeros((3, 3), np.int64)))
    assert table.keys == tuple(key for key, _ in rows)


@given(st.lists(tables, max_size=5))
def test_class_counts_per_image_are_the_diagonal_row_and_column_of_its_table(images):
    table = TallyTable.from_tallies([(f"{i}", tally(t)) for i, t in enumerate(images)], num_classes=2)

    for c in range(2):
        counts = table.image_counts(c)
        expected = [
            (str(i), t[c, c], t[c].sum(), t[:, c].sum())
            for i, t in enumerate(images)
            if t[c].sum() + t[:, c].sum() > 0
        ]
        found = zip(
            counts.keys,
            counts.intersection.tolist(),
            counts.gold_pixels.tolist(),
            counts.delivery_pixels.tolist(),
            strict=True,
        )
        assert list(found) == expected
        assert (counts.union > 0).all()


def test_columns_list_every_class_an_image_holds_image_by_image():
    #            delivery:  a  b  other
    images = [
        ("one", tally([[3, 1, 0], [0, 0, 0], [0, 0, 9]])),
        ("two", tally([[0, 0, 0], [0, 2, 5], [0, 0, 0]])),
    ]

    table = TallyTable.from_tallies(images, num_classes=2)

    assert table.images.tolist() == [0, 0, 1]
    assert table.classes.tolist() == [0, 1, 1]
    assert table.intersection.tolist() == [3, 0, 2]
    assert table.gold_pixels.tolist() == [4, 0, 7]
    assert table.delivery_pixels.tolist() == [3, 1, 2]


@given(st.lists(tables, max_size=6), st.integers(0, 6))
def test_tables_of_parts_join_to_the_table_of_the_whole(images, cut):
    rows = [(f"image{i}", tally(table)) for i, table in enumerate(images)]

    whole = TallyTable.from_tallies(rows, num_classes=2)
    parts = [TallyTable.from_tallies(part, num_classes=2) for part in (rows[:cut], rows[cut:])]
    joined = TallyTable.joined(parts, num_classes=2)

    assert joined.keys == whole.keys
    assert np.array_equal(joined.confusion, whole.confusion)
    for name in ("offsets", "classes", "intersection", "gold_pixels", "delivery_pixels"):
        assert np.array_equal(getattr(joined, name), getattr(whole, name))


@given(st.lists(tables, min_size=1, max_size=5))
def test_cells_that_were_asked_for_give_back_the_table_of_every_image(images):
    rows = [(f"image{i}", tally(table)) for i, table in enumerate(images)]
    parts = [TallyTable.from_tallies([row], num_classes=2, keep_cells=True) for row in rows]

    kept = TallyTable.joined(parts, num_classes=2).cells

    for i, table in enumerate(images):
        begin, end = kept.offsets[i], kept.offsets[i + 1]
        found = np.zeros(9, np.int64)
        found[kept.cells[begin:end]] = kept.pixels[begin:end]
        assert np.array_equal(found.reshape(3, 3), table)


def test_cells_are_kept_only_where_every_part_has_them():
    row = ("a", tally([[1, 0], [0, 0]]))
    with_cells = TallyTable.from_tallies([row], num_classes=1, keep_cells=True)
    without = TallyTable.from_tallies([("b", row[1])], num_classes=1)

    assert without.cells is None
    assert TallyTable.joined([with_cells, without], num_classes=1).cells is None
