"""Gates on objects and segments that push to a real server, looked at with Label Studio's own client."""

from __future__ import annotations

import numpy as np
import pytest
from pushed_projects import box, decoded, gated, new_project, strokes

ROAD, HALF_ROAD = box(40, 60, 0, 80), box(40, 50, 0, 80)
LEFT, RIGHT, NARROW = box(5, 25, 5, 25), box(5, 25, 25, 45), box(5, 25, 5, 21)
"""Two cars of 400 pixels that touch, and the first with an IoU of 0.8."""
EXTRA = box(5, 15, 60, 70)


def drawn(cars, road):
    rows = [("road", road), *(("car_v1", car) for car in cars)]
    return [strokes(label, mask, f"{label}-{n}") for n, (label, mask) in enumerate(rows)]


DELIVERIES = [
    drawn([LEFT, RIGHT], ROAD),
    drawn([LEFT, EXTRA], ROAD),
    drawn([NARROW, RIGHT], HALF_ROAD),
    None,
]
"""Perfect; one car missed and one extra; one too narrow and half the road; not annotated."""


@pytest.fixture
def project(sdk):
    """A task for each of the deliveries."""
    return new_project(sdk, DELIVERIES[0], DELIVERIES)


@pytest.fixture
def gate(project, label_studio, monkeypatch, tmp_path):
    """A function that gates the project by a policy that pushes to it."""
    monkeypatch.setenv("LABEL_STUDIO_URL", label_studio.url)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", label_studio.token)

    def run(gates, *words, code):
        rest = (
            "ontology: {classes: [{id: 1, name: road, thing: false}, {id: 2, name: car, thing: true}]}\n"
            f"gates: {{{gates}}}\n"
            f'push: {{label-studio: {{project: {project}, title: "by objects", columns: true}}}}\n'
        )
        return gated(tmp_path, project, rest, *words, code=code)

    return run


@pytest.fixture
def own(sdk, project):
    """A function that reads our regions, by task and prediction: label, text and mask."""

    def read():
        found = {}
        for p in sdk.predictions.list(project=project):
            if p.model_version.startswith("segcore/"):
                found[p.task, p.model_version.removeprefix("segcore/")] = [
                    (r["value"]["brushlabels"][0], r["meta"]["text"][0], decoded(r)) for r in p.result
                ]
        return found

    return read


def assert_shown(found, expected):
    assert found.keys() == expected.keys()
    for key, regions in expected.items():
        assert [row[:2] for row in found[key]] == [row[:2] for row in regions]
        for (*_, mask), (*_, wanted) in zip(found[key], regions, strict=True):
            np.testing.assert_array_equal(mask, wanted)


FOUND = "found: {metric: f1, iou: 0.9, classes: [car], min: {default: 0.95}}"
MISSED_RIGHT = ("car_v1", "missed object: 400 px", RIGHT)
EXTRA_CAR = ("car_v1", "extra object: 100 px", EXTRA)
TOO_NARROW = ("car_v1", "missed part of one object (IoU 0.80): 80 px", LEFT & ~NARROW)


def test_a_gate_on_objects_shows_the_objects_and_a_second_one_changes_no_row(
    sdk, project, gate, rows, own
):
    before = rows()
    _, missed, narrow, missing = sorted(before["tasks"])

    listed = gate(FOUND, "push", "label-studio", "--dry-run", "--policy", code=0)
    untouched = rows()
    first = gate(FOUND, code=1)
    pushed = rows()
    second = gate(FOUND, code=1)

    assert "would add the tab 'by objects': 3 tasks" in listed.stdout
    assert f"would add prediction 'segcore/missed' of task {missed}" in listed.stdout
    assert untouched == before
    assert "3 of 4 judged tasks fail; 8 writes done and read back" in first.stdout
    assert "another reason" not in first.stderr
    assert "3 of 4 judged tasks fail; nothing to write" in second.stdout
    assert rows() == pushed
    assert_shown(
        own(),
        {
            (missed, "missed"): [MISSED_RIGHT],
            (missed, "extra"): [EXTRA_CAR],
            (narrow, "missed"): [TOO_NARROW],
        },
    )
    tab = list(sdk.views.list(project=project))[-1]
    # F1 of both others is 2 x 1 / (2 + 1 + 1).
    shown = [t.id for t in sdk.tasks.list(project=project, view=tab.id)]
    assert (shown[0], sorted(shown[1:])) == (missing, [missed, narrow])
    assert {key: value for key, value in pushed["tasks"][narrow].items() if key != "image"} == {
        "note": "theirs",
        "segcore_class": "car",
        "segcore_iou": 0.9,
        "segcore_metric": "f1",
        "segcore_value": 0.5,
        "segcore_verdict": "fail",
    }


def test_a_policy_that_mixes_pixels_and_objects_shows_both(gate, rows, own):
    _, missed, narrow, _ = sorted(rows()["tasks"])

    gate(f"{FOUND}, roads: {{metric: iou, classes: [road], min: {{default: 0.9}}}}", code=1)

    assert_shown(
        own(),
        {
            (missed, "missed"): [MISSED_RIGHT],
            (missed, "extra"): [EXTRA_CAR],
            (narrow, "missed"): [("road", "missed: 800 px", ROAD & ~HALF_ROAD), TOO_NARROW],
        },
    )


def test_a_gate_on_segments_shows_those_without_a_match_and_takes_them_back(gate, rows, own):
    before = rows()["predictions"]
    _, missed, narrow, _ = sorted(rows()["tasks"])
    # Half the road is no match, because that has an IoU above a half.  The extra car lies in void and is
    # not counted.
    gates = "parts: {metric: rq, min: {default: 0.9}}"

    gate(gates, code=1)
    shown = own()
    gate("parts: {metric: rq, min: {default: 0.1}}", code=0)

    assert_shown(
        shown,
        {
            (missed, "missed"): [("car_v1", "missed segment: 400 px", RIGHT)],
            (narrow, "missed"): [("road", "missed segment: 1600 px", ROAD)],
            (narrow, "extra"): [("road", "extra segment: 800 px", HALF_ROAD)],
        },
    )
    assert rows()["predictions"] == before
    assert own() == {}
