"""The tab and the columns: what the Data Manager is given, and what it must never be given."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segcore_labelstudio.columns import changed, column_values, lost
from segcore_labelstudio.failing import JudgedTask
from segcore_labelstudio.tab import MAX_TASKS, default_tab, failing_tab, updated, wants

UI_OPERATORS = {
    "equal",
    "not_equal",
    "less",
    "greater",
    "less_or_equal",
    "greater_or_equal",
    "in",
    "not_in",
    "empty",
    "contains",
    "not_contains",
    "regex",
}
"""What the front end of 1.23.2 knows; any other operator leaves its Data Manager spinning for ever."""


def items(tab):
    return tab["filters"]["items"]


@pytest.mark.parametrize(
    "tab",
    [
        default_tab(),
        failing_tab("t", [], by=None),
        failing_tab("t", [3, 1], by=None),
        failing_tab("t", [3, 1], by="segcore_iou"),
    ],
)
def test_a_tab_holds_only_operators_the_user_interface_knows(tab):
    assert {item["operator"] for item in items(tab)} <= UI_OPERATORS
    assert tab["hiddenColumns"]["labeling"] == ["tasks:id"]
    assert (tab["type"], tab["target"]) == ("list", "tasks")


def test_a_tab_names_its_tasks_by_number():
    tab = failing_tab("t", [3, 1], by=None)

    assert tab["filters"] == {
        "conjunction": "or",
        "items": [
            {"filter": "filter:tasks:id", "operator": "equal", "type": "Number", "value": 1},
            {"filter": "filter:tasks:id", "operator": "equal", "type": "Number", "value": 3},
        ],
    }


def test_the_tab_of_no_task_is_not_the_tab_of_all():
    assert [item["value"] for item in items(failing_tab("t", [], by=None))] == [0]


def test_the_worst_task_comes_first_where_the_tasks_have_the_column_and_numbers_sort_as_numbers():
    tab = failing_tab("t", [1], by="segcore_iou")

    assert tab["ordering"] == ["tasks:data.segcore_iou"]
    assert tab["columnsDisplayType"] == {"tasks:data.segcore_iou": "Number"}


def test_the_order_without_columns_is_one_the_server_takes_in_place_of_another():
    # An empty order would leave the old one in place.
    assert failing_tab("t", [1], by=None)["ordering"] == ["tasks:id"]


def test_a_tab_of_too_many_tasks_is_refused():
    with pytest.raises(ValueError, match="at most 500"):
        failing_tab("t", range(1, MAX_TASKS + 2), by=None)


COLUMNS = st.sampled_from([None, "segcore_iou", "segcore_value"])


@given(old=st.sets(st.integers(1, 9)), new=st.sets(st.integers(1, 9)), was=COLUMNS, by=COLUMNS)
def test_a_tab_that_was_updated_shows_what_is_wanted(old, new, was, by):
    there = failing_tab("t", sorted(old), by=was) | {"columnsWidth": {"tasks:id": 5}}
    tab = failing_tab("t", sorted(new), by=by)

    after = updated(tab, there)

    assert not wants(tab, after)
    assert after["columnsWidth"] == {"tasks:id": 5}
    assert wants(tab, there) == ((old, was) != (new, by))


def test_the_columns_of_a_task_have_one_prefix_and_are_flat():
    task = JudgedTask(id=1, class_name="car", metric="iou", value=1 / 3, iou=1 / 3, failing=True)

    assert column_values(task) == {
        "segcore_class": "car",
        "segcore_iou": 0.3333,
        "segcore_verdict": "fail",
    }


def test_a_column_that_is_there_with_its_value_is_not_written():
    data = {"image": "x", "segcore_iou": 0.5}

    assert not changed(data, {"segcore_iou": 0.5})
    assert changed(data, {"segcore_iou": 0.25})
    assert changed(data, {"segcore_iou": 0.5, "segcore_class": None})


def test_a_key_that_is_gone_or_changed_is_lost_and_ours_are_not_counted():
    before = {"image": "x", "batch": 1, "note": None, "segcore_iou": 0.1}

    assert lost(before, {"batch": 2}) == ["batch", "image", "note"]
    assert lost(before, {"image": "x", "batch": 1, "note": None, "more": 1}) == []
