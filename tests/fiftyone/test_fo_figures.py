"""Figures of scores: what is drawn, in which colour, and under which name."""

from __future__ import annotations

import numpy as np
import pytest

from segcore_fiftyone.figures import bars, bars_layout, heatmap
from segcore_fiftyone.limits import ClassVerdict
from segcore_fiftyone.scores import ClassRow, SampleTable, Scores


def row(index=0, name="car", *, iou=(1, 2), verdict=None, floor=0.5, image_limit=None):
    same, union = iou
    return ClassRow(
        id=index + 10,
        name=name,
        index=index,
        field=f"c{index}",
        intersection=same,
        gold_pixels=same,
        delivery_pixels=union,
        support_images=1,
        image_limit=image_limit,
        judged=None if verdict is None else ClassVerdict(verdict=verdict, floor=floor),
    )


def scores(names, confusion):
    none = np.zeros(0, np.int64)
    table = SampleTable(
        ids=(), images=(), offsets=np.zeros(1, np.int64), classes=none, intersection=none,
        gold_pixels=none, delivery_pixels=none, failing=none.astype(bool), undelivered=none.astype(bool),
    )  # fmt: skip
    classes = tuple(row(i, name) for i, name in enumerate(names))
    return Scores(key="eval", classes=classes, confusion=np.array(confusion), table=table)


def color(c):
    return bars([c])[0]["marker"]["color"][0]


def test_a_bar_has_the_colour_of_its_verdict_or_of_its_threshold():
    good, bad, plain = color(row(verdict="PASS")), color(row(verdict="FAIL")), color(row())

    assert len({good, bad, plain, color(row(verdict="THIN"))}) == 4
    assert color(row(iou=(1, 2), image_limit=0.5)) == good  # at the limit is not below it
    assert color(row(iou=(1, 2), image_limit=0.51)) == bad
    assert color(row(verdict="PASS", floor=0.9)) == good  # the judge decides, whatever the number
    assert color(row(verdict="WARN")) == color(row(verdict="THIN"))


def test_the_threshold_of_a_class_is_marked_where_it_has_one():
    limited, free = row(0, "car", verdict="PASS", floor=0.25), row(1, "bus")

    found = {trace["name"]: trace for trace in bars([limited, free])}

    assert (found["threshold"]["y"], found["threshold"]["x"]) == (["car"], [0.25])
    assert "threshold" not in {trace["name"] for trace in bars([free])}


def test_a_slice_without_the_class_has_no_mark_for_it():
    part = [row(0, "car", iou=(0, 0)), row(1, "bus", iou=(1, 4))]

    found = {trace["name"]: trace for trace in bars([row(1, "bus"), row(0, "car")], part=part)}

    assert (found["slice"]["y"], found["slice"]["x"], found["slice"]["ids"]) == (["bus"], [0.25], ["1"])


def test_long_names_that_begin_alike_stay_apart_and_other_is_not_taken_for_no_class():
    names = ["a" * 40, "a" * 41, "other"]

    labels = bars([row(i, name) for i, name in enumerate(names)])[0]["y"]

    assert len(set(labels)) == 3
    assert all(len(label) < 40 for label in labels)
    assert labels[2] == "other (12)"


@pytest.mark.parametrize("name", ["<b>bold</b>", "<a href='javascript:alert(1)'>x</a>", "a&lt;b"])
def test_names_are_text_for_plotly(name):
    text = str(bars([row(name=name)])) + str(heatmap(scores([name], [[1, 0], [0, 0]])))

    assert name not in text


def test_the_layout_grows_with_the_classes_and_leaves_room_for_what_stands_beside():
    few, many = [row(i, str(i)) for i in range(3)], [row(i, str(i)) for i in range(40)]

    assert bars_layout(many, legend=False)["height"] > 40 * 20 > bars_layout(few, legend=True)["height"]
    judged = bars_layout([row(verdict="MISSING")], legend=False)
    assert judged["margin"]["r"] > bars_layout([row()], legend=False)["margin"]["r"]


def test_shares_of_the_heatmap_are_of_the_gold_and_empty_rows_have_none():
    (found,) = heatmap(scores(["car", "bus"], [[3, 1, 0], [0, 0, 0], [2, 0, 1998]]))

    assert found["z"] == [[0.75, 0.25, 0], [None, None, None], [0.001, 0, 0.999]]
    assert found["text"] == [["75%", "25%", ""], ["", "", ""], ["<1%", "", "100%"]]
    assert found["x"] == ["car", "bus", "other"]


def test_many_classes_leave_the_numbers_of_the_heatmap_to_the_pointer():
    (few,) = heatmap(scores("abc", np.eye(4, dtype=int)))
    (many,) = heatmap(scores(map(str, range(20)), np.eye(21, dtype=int)))

    assert few["texttemplate"]
    assert not many["texttemplate"]
    assert many["hovertext"][0][0] == "gold 0<br>delivered 0<br>1 pixels, 100.00% of 0"
