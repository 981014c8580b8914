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
    with pytest.raises(ValueError, match="2 and 1 classes"):
        tally(np.zeros((3, 3))) + tally(np.zeros((2, 2)))


@given(tables, tables, tables)
def test_adding_is_the_sum_of_the_tables_whatever_the_grouping(a, b, c):
    left = (tally(a) + tally(b)) + tally(c)
    right = tally(a) + (tally(b) + tally(c))

    assert np.array_equal(left.confusion(), a + b + c)
    assert np.array_equal(right.confusion(), a + b + c)
    assert np.array_equal(left.cells, right.cells)


@given(st.lists(tables, max_size=5))
def test_a_table_of_tallies_pools_to_the_sum_and_gives_every_image_back(images):
    rows = [(f"image{i}", tally(table)) for i, table in enumerate(images)]

    table = TallyTable(reversed(rows), num_classes=2)

    assert np.array_equal(table.confusion, sum(images, np.zeros((3, 3), np.int64)))
    for i, image in enumerate(images):
        assert np.array_equal(table.tally(i).confusion(), image)


@given(st.lists(tables, max_size=5))
def test_class_counts_per_image_are_the_diagonal_row_and_column_of_its_table(images):
    table = TallyTable([(f"{i}", tally(t)) for i, t in enumerate(images)], num_classes=2)

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

    columns = TallyTable(images, num_classes=2).columns()

    assert columns["image"].tolist() == [0, 0, 1]
    assert columns["class"].tolist() == [0, 1, 1]
    assert columns["intersection"].tolist() == [3, 0, 2]
    assert columns["gold_pixels"].tolist() == [4, 0, 7]
    assert columns["delivery_pixels"].tolist() == [3, 1, 2]
