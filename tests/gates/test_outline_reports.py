"""Policies with gates on outlines and segments: counted once a view, and said with units everywhere."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import pytest

COUNTING = """
from pathlib import Path

import segcore

real = segcore.evaluate

def evaluate(*args, **kwargs):
    asked = [kwargs["task"], str(kwargs.get("dilation")), str(kwargs.get("surfaces", False))]
    with Path(__file__).with_name("calls.log").open("a") as log:
        log.write(" ".join(asked) + "\\n")
    return real(*args, **kwargs)

segcore.evaluate = evaluate
"""

ONTOLOGY = "ontology: {classes: [{id: 1, name: car, thing: true}, {id: 2, name: person, thing: true}]}\n"
GOLD = [{"car": [(100, 100, 20, 20)]}] * 3
DELIVERY = [{"car": [(100, 100, 20, 20)]}, {"car": [(104, 100, 20, 20)]}, {"car": [(120, 100, 20, 20)]}]
"""Off by 0, 4 and 20 pixels."""

GATES = """\
far: {metric: hd95, classes: [car], max: {default: 4}}
near: {metric: nsd, tolerance_px: 4, classes: [car], min: {default: 0.5}}
off: {metric: assd, classes: [car], max: {default: 12.5}, warn_above: {default: 1}}
edge: {metric: boundary-iou, dilation: 2px, classes: [car], min: {default: 0.1}}
rim: {metric: boundary-iou, dilation: 0.02, classes: [car], min: {default: 0.1}}
edges: {metric: f1, iou: 0.5, dilation: 2px, classes: [car], min: {default: 0.1}}
panoptic: {metric: pq, classes: [car], min: {default: 0.1}}"""


@pytest.fixture
def batch(pytester, write_objects):
    write_objects(pytester.path, GOLD, DELIVERY, GATES, ontology=ONTOLOGY)
    return pytester


def report_of(batch, *args):
    batch.runpytest_inprocess("--gate-report=report.json", *args)
    return json.loads((batch.path / "report.json").read_text())


def test_each_width_is_counted_once_and_distances_along_with_one_of_them(batch):
    batch.makeconftest(COUNTING)

    batch.runpytest_subprocess("-p", "no:xdist", "-p", "no:cacheprovider")

    assert sorted((batch.path / "calls.log").read_text().splitlines()) == [
        "instance 2px False",
        "panoptic None False",
        "semantic 0.02 False",
        "semantic 2px True",
    ]


@pytest.mark.usefixtures("xdist")
def test_workers_report_the_same_as_one_process(batch):
    serial, parallel = report_of(batch), report_of(batch, "-n", "2")

    serial.pop("run"), parallel.pop("run")
    assert parallel == serial


def test_the_terminal_says_distances_in_pixels(batch):
    result = batch.runpytest_inprocess()

    # Off by 20 the boxes touch: 95 % of the outline is at most 20 pixels from the other one.
    result.stdout.fnmatch_lines(
        [
            "HD95 8.00 px > 4 px  (car, over by 4.00 px)",
            "  worst images      HD95",
            "  003           20.00 px",
            "  002            4.00 px",
            "far[[]car]*8.00 px * 4 px *FAIL",
        ]
    )


def test_the_json_report_says_unit_setting_and_every_convention_by_its_view(batch):
    report = report_of(batch)

    gates = {gate["id"]: gate for gate in report["gates"]}
    assert gates["far[car]"]["unit"] == "px"
    assert gates["far[car]"]["limit"] == {"kind": "max", "applied": 4.0}
    assert gates["off[car]"]["limit"] == {"kind": "warn_above", "applied": 1.0}
    assert "unit" not in gates["near[car]"]
    assert gates["near[car]"]["settings"] == {"tolerance_px": 4.0}
    assert gates["edges[car]"]["settings"] == {"iou": "0.5", "dilation": "2px"}
    said = report["conventions"]
    assert said["hd95"].startswith("the larger of both 95th percentiles")
    assert "within 2 px of" in said["boundary (semantic, dilation 2px, surfaces)"]
    assert "within 0.02 of the diagonal of" in said["boundary (semantic, dilation 0.02)"]
    assert said["match"].startswith("panopticapi")
    assert said["missing_image (panoptic)"].endswith("all its segments missed")


def test_junit_has_value_limit_and_unit_as_properties(batch):
    batch.runpytest_inprocess("--junitxml=junit.xml")

    tree = ET.parse(batch.path / "junit.xml")
    cases = {
        name: {
            p.get("name"): p.get("value")
            for p in tree.find(f".//testcase[@name='{name}[car]']").iter("property")
        }
        for name in ("far", "near")
    }
    assert (cases["far"]["segcore.value"], cases["far"]["segcore.limit"]) == ("8.0", "4.0")
    assert cases["far"]["segcore.unit"] == "px"
    assert "segcore.unit" not in cases["near"]
    assert cases["near"]["segcore.tolerance_px"] == "4.0"


def test_github_gets_pixels_in_the_annotation_and_in_the_summary(batch, monkeypatch):
    summary = batch.path / "summary.md"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))

    result = batch.runpytest_inprocess()

    result.stdout.fnmatch_lines(["::error *::far[[]car]: HD95 8.00 px > 4 px*"])
    text = summary.read_text()
    assert "| far\\[car\\] | 8.00 px | 4 px |" in text
    assert "| off\\[car\\] |" in text
    assert "above 1 px" in text


def test_a_push_shows_the_iou_of_pixels_and_names_the_gates_that_block_for_another_reason(batch):
    from segcore_gates.evaluations import Evaluations
    from segcore_gates.judged import image_limits, judged_batch
    from segcore_gates.policy_file import load_policy

    policy = load_policy(batch.path / "batch.gate.yaml", environ={})

    judged = judged_batch(policy, Evaluations(None))

    assert judged.evaluation.task == "semantic"
    assert judged.beside_pixels == (
        "what is shown are pixels; 1 gate blocks for another reason: far[car]",
    )
    assert image_limits(policy.rules, judged.records, ["car", "person"]) == {"car": 0.0}
