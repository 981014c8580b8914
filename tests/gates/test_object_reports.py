"""Policies with gates on objects: evaluated once a view, and said well wherever a report goes."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import pytest

COUNTING = """
from pathlib import Path

import segcore

real = segcore.evaluate
real_open = segcore.open

def noted(line):
    with Path(__file__).with_name("calls.log").open("a") as log:
        log.write(line + "\\n")

def evaluate(*args, **kwargs):
    noted(kwargs.get("task", "semantic"))
    return real(*args, **kwargs)

def opened(spec):
    noted(f"open {spec}")
    return real_open(spec)

segcore.evaluate, segcore.open = evaluate, opened
"""
"""A conftest that keeps a log of evaluations and opened inputs, in whichever process they happen."""

GOLD = [{"car": [(0, 0, 10, 10), (50, 0, 40, 40)], "person": [(0, 100, 20, 20)]}] * 3
DELIVERY = [
    {"car": [(0, 0, 10, 10), (50, 0, 40, 40)], "person": [(0, 100, 20, 20)]},
    {"car": [(0, 0, 10, 10), (50, 0, 40, 40)], "rider": [(0, 100, 20, 20)]},
    {"car": [(0, 0, 10, 10), (200, 200, 10, 10)], "person": [(0, 100, 20, 20)]},
]
GATES = """\
found:
    {metric: f1, iou: 0.5, classes: [car, person], min: {default: 0.9}, sizes: {small: {default: 0.8}}}
class-iou: {metric: iou, classes: [car], min: {default: 0.5}}
outlines: {metric: matched-iou, iou: 0.75, classes: [car], min: {default: 0.9}}
ranked: {metric: ap, iou: "0.5:0.95", classes: [car], min: {default: 0.5}, scores: equal}"""
"""found[car]: 5 found, 1 missed, 1 extra, F1 10/12; found[person]: 2 found, 1 missed, 4/5."""

OBJECTS_ONLY = "\n".join(line for line in GATES.splitlines() if "class-iou" not in line)


@pytest.fixture
def batch(pytester, write_objects):
    write_objects(pytester.path, GOLD, DELIVERY, GATES)
    return pytester


def log_of(batch):
    return (batch.path / "calls.log").read_text().splitlines()


def report_of(batch, *args):
    batch.runpytest_inprocess("--gate-report=report.json", *args)
    report = json.loads((batch.path / "report.json").read_text())
    report.pop("run")
    return report


# -- once a view ------------------------------------------------------------------------------------


def test_one_process_evaluates_each_view_once_and_opens_each_input_once(batch):
    batch.makeconftest(COUNTING)

    batch.runpytest_subprocess("-p", "no:xdist", "-p", "no:cacheprovider")

    log = log_of(batch)
    assert sorted(line for line in log if not line.startswith("open")) == ["instance", "semantic"]
    opened = [line.partition(":")[2] for line in log if line.startswith("open")]
    assert sorted(opened) == ["delivery.json", "gold.json"]


@pytest.mark.usefixtures("xdist")
def test_four_workers_evaluate_each_view_once_and_report_the_same(batch):
    serial = report_of(batch)
    batch.makeconftest(COUNTING)

    batch.runpytest_subprocess("-n", "4", "--gate-report=report.json")

    evaluated = [line for line in log_of(batch) if not line.startswith("open")]
    assert sorted(evaluated) == ["instance", "semantic"]
    parallel = json.loads((batch.path / "report.json").read_text())
    parallel.pop("run")
    assert parallel == serial


def test_a_policy_of_objects_never_counts_pixels(batch, write_objects):
    write_objects(batch.path, GOLD, DELIVERY, OBJECTS_ONLY)
    batch.makeconftest(COUNTING)

    batch.runpytest_subprocess("-p", "no:xdist", "--gate-report=report.json")

    assert [line for line in log_of(batch) if not line.startswith("open")] == ["instance"]
    report = json.loads((batch.path / "report.json").read_text())
    assert report["gates"][0]["verdict"] == "PASS"
    assert "iou" not in report["conventions"]


def test_a_gate_run_by_itself_counts_its_own_view_only(batch):
    batch.makeconftest(COUNTING)

    batch.runpytest_subprocess("-p", "no:xdist", "-p", "no:cacheprovider", "-k", "class-iou")

    assert [line for line in log_of(batch) if not line.startswith("open")] == ["semantic"]


def test_an_input_that_changes_between_two_views_is_not_judged(batch):
    batch.makeconftest(
        """
        import segcore
        from dataclasses import replace

        real = segcore.evaluate

        def evaluate(*sides, task="semantic", **options):
            found = real(*sides, task=task, **options)
            infos = [replace(info, sha256=task + info.sha256) for info in found.inputs]
            return replace(found, inputs=tuple(infos))

        segcore.evaluate = evaluate
        """
    )

    result = batch.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:xdist")

    result.assert_outcomes(errors=1, failed=2, passed=5)
    assert "an input changed while its batch was judged" in result.stdout.str()


def test_hand_written_tests_share_what_the_gates_count(batch):
    batch.makeconftest(COUNTING)
    batch.makepyfile(
        """
        def test_objects(segcore_evaluation):
            evaluation = segcore_evaluation("batch.gate.yaml", task="instance")

            assert [c.at50.extra for c in evaluation.classes] == [1, 0, 1]

        def test_pixels(segcore_evaluation):
            assert segcore_evaluation("batch.gate.yaml").confusion.shape == (4, 4)
        """
    )

    result = batch.runpytest_subprocess("-p", "no:xdist", "-p", "no:cacheprovider")

    assert result.parseoutcomes()["passed"] >= 2
    evaluated = [line for line in log_of(batch) if not line.startswith("open")]
    assert sorted(evaluated) == ["instance", "semantic"]


# -- what cannot be judged --------------------------------------------------------------------------


def test_a_size_band_can_be_run_by_its_name(batch):
    one = batch.runpytest_inprocess("batch.gate.yaml::found@small[car]")
    band = batch.runpytest_inprocess("batch.gate.yaml::found@small")

    one.assert_outcomes(passed=1)
    band.assert_outcomes(passed=2)


def test_label_maps_hold_no_objects_and_the_gates_say_so(pytester, write_objects):
    from PIL import Image

    write_objects(pytester.path, GOLD[:1], DELIVERY[:1], GATES)
    (pytester.path / "masks").mkdir()
    Image.new("L", (300, 300), 1).save(pytester.path / "masks" / "001.png")
    policy = pytester.path / "batch.gate.yaml"
    policy.write_text(
        policy.read_text().replace("delivery: coco:delivery.json", "delivery: png:masks")
        + "ontology: {classes: [{id: 1, name: car}, {id: 2, name: person}, {id: 3, name: rider}]}\n"
    )

    result = pytester.runpytest_inprocess()

    result.assert_outcomes(errors=7, failed=1)  # the gate on pixels is judged
    assert "the batch cannot be evaluated" in result.stdout.str()
    assert "Traceback" not in result.stdout.str()


# -- reports ----------------------------------------------------------------------------------------


def test_the_json_report_holds_records_of_all_views_in_policy_order(batch):
    report = report_of(batch)

    assert [(gate["id"], gate["verdict"]) for gate in report["gates"]] == [
        ("coverage", "PASS"),
        ("found[car]", "FAIL"),
        ("found[person]", "FAIL"),
        ("found@small[car]", "PASS"),
        ("found@small[person]", "PASS"),
        ("class-iou[car]", "PASS"),
        ("outlines[car]", "PASS"),
        ("ranked[car]", "PASS"),
    ]
    small = report["gates"][3]
    assert small["settings"] == {"iou": "0.5", "size": "small"}
    assert small["value"] == pytest.approx(6 / 7)
    assert small["support"]["instances"] == 3


def test_the_conventions_of_every_view_are_in_the_report(batch):
    conventions = report_of(batch)["conventions"]

    assert conventions["iou"].startswith("pooled over images")
    assert conventions["f1"].startswith("objects matched one to one")
    assert conventions["polygons"] == "rasterised by the COCO rule (pycocotools)"
    assert conventions["missing_image (semantic)"].endswith("all its pixels missed")
    assert conventions["missing_image (instance)"].endswith("all its objects missed")
    assert conventions["scores (instance)"].startswith("AP ranks objects by the delivery's own")
    assert conventions["scores (instance, scores equal)"].startswith("AP takes all delivered objects")


def test_the_terminal_says_what_a_gate_on_objects_found(batch):
    result = batch.runpytest_inprocess()

    result.stdout.fnmatch_lines(
        [
            "F1@0.5 0.8333 < 0.90  (car, short by 0.0667)",
            "  worst images      F1",
            "  003           0.5000  1 matched, 1 missed, 1 extra",
            "F1@0.5 0.8000 < 0.90  (person, short by 0.1000)",
            "  100 % of missed person objects (1) were delivered as rider",
        ]
    )


def test_junit_has_the_settings_as_flat_properties(batch):
    batch.runpytest_inprocess("--junitxml=junit.xml")

    tree = ET.parse(batch.path / "junit.xml")
    case = tree.find(".//testcase[@name='found@small[car]']")
    properties = {p.get("name"): p.get("value") for p in case.iter("property")}
    assert properties["segcore.metric"] == "f1"
    assert (properties["segcore.iou"], properties["segcore.size"]) == ("0.5", "small")
    assert all("{" not in value for value in properties.values())


def test_github_gets_the_measure_with_its_iou(batch, monkeypatch):
    summary = batch.path / "summary.md"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))

    result = batch.runpytest_inprocess()

    result.stdout.fnmatch_lines(["::error *::found[[]car]: F1@0.5 0.8333 < 0.90*"])
    text = summary.read_text()
    assert "| found\\@small\\[car\\] | 0.8571 | 0.80 |" in text
    assert "objects matched one to one" in text


def test_the_summary_of_a_policy_about_pixels_has_no_conventions(batch, write_objects, monkeypatch):
    only = next(line for line in GATES.splitlines() if "class-iou" in line)
    write_objects(batch.path, GOLD, DELIVERY, only)
    summary = batch.path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))

    batch.runpytest_inprocess()

    assert "pooled over images" not in summary.read_text()


def test_two_runs_differ_in_the_run_block_only(batch):
    assert report_of(batch) == report_of(batch)


def test_the_gates_that_a_starter_policy_has_as_comments_are_gates(tmp_path):
    import re

    from segcore_gates.policy_file import load_policy
    from segcore_gates.starter import policy_text

    text = policy_text(gold="coco:g.json", delivery="coco:d.json", ontology="o.yaml", example="car")
    uncommented = re.sub(r"^  # (boundary|found|  \w)", r"  \1", text, flags=re.M)
    (tmp_path / "o.yaml").write_text("classes: [{id: 1, name: car}]\n")
    (tmp_path / "batch.gate.yaml").write_text(uncommented)

    loaded = load_policy(tmp_path / "batch.gate.yaml", environ={})

    assert [rule.id for rule in loaded.rules] == [
        "coverage",
        "class-iou[car]",
        "boundary[car]",
        "found[car]",
    ]
