"""What holds for many classes is told once to people, and of each class to machines."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import pytest
from plugin_runs import report_of

from segcore.cli import main

CAR = [{"car": [(0, 0, 60, 60)]}] * 2
"""Medium cars, and no person and no rider."""
AP = 'ranked: {metric: ap, iou: "0.5", min: {default: 0.5}}'
FOUND = (
    "found: {metric: f1, iou: 0.5, classes: [car], "
    "sizes: {small: {default: 0.5}, medium: {default: 0.5}, large: {default: 0.5}%s}}"
)
EVERYBODY = [{"car": [(0, 0, 60, 60)], "person": [(99, 0, 60, 60)], "rider": [(0, 99, 60, 60)]}]


def verdicts(report):
    return {gate["id"]: gate["verdict"] for gate in report["gates"]}


# -- one cause, many gates --------------------------------------------------------------------------


@pytest.fixture
def unscored(pytester, write_objects):
    """A delivery of three classes without scores, and a gate on AP for each."""
    write_objects(pytester.path, EVERYBODY, EVERYBODY, AP)
    return pytester


def test_a_delivery_without_scores_is_explained_once_and_an_error_for_each_class(unscored):
    result = unscored.runpytest_inprocess("--gate-report=report.json", "--junitxml=junit.xml", "-rf")

    text = result.stdout.str()
    result.assert_outcomes(passed=1, failed=3)
    blocks = text.partition("= FAILURES =")[2].partition("= segmentation gates")[0]
    assert blocks.count("AP ranks objects by confidence") == 1
    assert "f1 or pq, or state `scores: equal` or `scores: area`" in blocks
    assert "  the same holds for ranked[person], ranked[rider]\n" in blocks
    table = text.partition("= segmentation gates")[2].partition("ERROR  3 error, 1 pass")[0]
    assert table.count("AP ranks objects") == 1
    result.stdout.fnmatch_lines(["ranked, 3 classes * ERROR*"])
    assert text.count("FAILED batch.gate.yaml::ranked[") == 3
    report = json.loads((unscored.path / "report.json").read_text())
    assert list(verdicts(report).values()) == ["PASS", "ERROR", "ERROR", "ERROR"]
    assert list(verdicts(report))[1:] == ["ranked[car]", "ranked[person]", "ranked[rider]"]
    failures = ET.parse(unscored.path / "junit.xml").iter("failure")
    assert ["AP ranks objects by confidence" in (f.text or "") for f in failures] == [True] * 3


@pytest.mark.usefixtures("xdist")
def test_several_workers_explain_a_cause_once_too(unscored):
    result = unscored.runpytest_subprocess("-n", "2", "-p", "no:cacheprovider", "-rN")

    result.assert_outcomes(passed=1, failed=3)
    blocks = result.stdout.str().partition("= segmentation gates")[0]
    assert blocks.count("AP ranks objects by confidence") == 1


def test_a_gate_that_cannot_be_judged_is_an_error_of_the_policy_not_of_segcore(unscored, capsys):
    assert main(["gate", str(unscored.path / "batch.gate.yaml")]) == 4

    out = capsys.readouterr().out
    assert "ERROR  3 error, 1 pass" in out
    assert "3 failed, 1 passed" in out


def test_github_gets_one_annotation_and_one_row_for_a_cause(unscored, monkeypatch):
    summary = unscored.path / "summary.md"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))

    result = unscored.runpytest_inprocess()

    annotations = [line for line in result.outlines if line.startswith("::error")]
    assert len(annotations) == 1
    assert "::ranked, 3 classes: car, person, rider: AP ranks objects" in annotations[0]
    assert summary.read_text().count("AP ranks objects by confidence") == 1


def test_failures_with_numbers_keep_a_block_each(pytester, write_objects):
    nobody = [{"car": [(200, 200, 9, 9)], "person": [(99, 200, 9, 9)], "rider": [(0, 200, 9, 9)]}]
    write_objects(pytester.path, EVERYBODY, nobody, "f: {metric: f1, iou: 0.5, min: {default: 0.5}}")

    result = pytester.runpytest_inprocess()

    text = result.stdout.str()
    assert [f"_ gate f[{name}] _" in text for name in ("car", "person", "rider")] == [True] * 3
    assert "the same holds" not in text


def test_failures_of_other_tests_are_left_as_they_are(unscored):
    unscored.makepyfile("def test_a():\n    assert 1 == 2\n\ndef test_b():\n    assert 1 == 3\n")

    result = unscored.runpytest_inprocess("-p", "no:cacheprovider")

    result.assert_outcomes(passed=1, failed=5)
    result.stdout.fnmatch_lines(["*_ test_a _*", "*assert 1 == 2*", "*_ test_b _*", "*assert 1 == 3*"])


def test_an_input_that_is_refused_is_told_once_with_the_first_faults_of_each_kind(unscored):
    path = unscored.path / "delivery.json"
    document = json.loads(path.read_text())
    for i in range(12):
        document["annotations"].append({**document["annotations"][0], "id": 100 + i, "category_id": 99})
    path.write_text(json.dumps(document))

    result = unscored.runpytest_inprocess("--gate-report=report.json", "-rN")

    text = result.stdout.str()
    result.assert_outcomes(errors=4)
    assert text.count("the input is invalid: 12 faults") == 1
    assert "  the same holds for ranked[car], ranked[person], ranked[rider]\n" in text
    assert text.count("coco.unknown_category: delivery.json") == 5
    assert "... and 7 more coco.unknown_category, in image 001" in text
    report = json.loads((unscored.path / "report.json").read_text())
    assert [fault["code"] for fault in report["faults"]] == ["coco.unknown_category"] * 12


# -- sizes without gold -----------------------------------------------------------------------------


def test_sizes_the_gold_does_not_have_are_said_to_be_so_and_decided_by_absent(pytester, write_objects):
    write_objects(pytester.path, CAR, CAR, FOUND % "")

    report = report_of(pytester)

    assert verdicts(report) == {
        "coverage": "PASS",
        "found@small[car]": "MISSING",
        "found@medium[car]": "PASS",
        "found@large[car]": "MISSING",
    }
    small = report["gates"][1]
    assert (small["reason"], small["blocks"]) == ("no small gold object", True)
    assert report["outcome"] == "reject"


@pytest.mark.parametrize(
    ("gate", "sizes", "blocks"),
    [
        pytest.param("", ", absent: warn", False, id="sizes"),
        pytest.param(", absent: warn", "", False, id="the gate, where sizes are silent"),
        pytest.param(", absent: warn", ", absent: error", True, id="sizes before the gate"),
    ],
)
def test_absent_of_sizes_decides_on_sizes_and_that_of_the_gate_where_there_is_none(
    judge_objects, gate, sizes, blocks
):
    records = judge_objects(CAR, CAR, (FOUND % sizes)[:-1] + gate + "}")

    assert records["found@small[car]"].verdict == "MISSING"
    assert records["found@small[car]"].blocks is blocks


def test_a_class_without_any_object_is_decided_by_absent_of_the_gate_in_each_size(judge_objects):
    gates = (FOUND % ", absent: warn").replace("[car]", "[rider]")

    records = judge_objects(CAR, CAR, gates)

    assert [records[f"found@{size}[rider]"].blocks for size in ("small", "medium", "large")] == [
        True
    ] * 3
    assert records["found@small[rider]"].reason == (
        "neither gold nor delivery contains objects of the class"
    )


def test_what_a_policy_lets_pass_unjudged_is_said_below_the_verdict(pytester, write_objects):
    write_objects(pytester.path, CAR, CAR, FOUND % ", absent: warn")

    result = pytester.runpytest_inprocess()

    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "found@small[[]car] *0.50 *MISSING",
            "  no small gold object",
            "ACCEPT  2 missing, 2 pass",
            "2 gates without anything to judge: let pass by `absent` in the policy",
        ]
    )


def test_a_row_stands_for_all_classes_and_sizes_of_which_it_says_the_same(pytester, write_objects):
    gates = (
        "found: {metric: f1, iou: 0.5, min: {default: 0.5}, "
        "sizes: {small: {default: 0.1}, large: {default: 0.2, car: 0.3}}}"
    )
    everybody_small = [{"car": [(0, 0, 9, 9)]}]
    write_objects(pytester.path, everybody_small, everybody_small, gates)

    result = pytester.runpytest_inprocess()

    result.stdout.fnmatch_lines(
        [
            "found, 2 classes, 6 gates * MISSING",
            "  person, rider: neither gold nor delivery contains objects of the class",
            "found@large[[]car] *0.30 * MISSING",
            "  no large gold object",
            "REJECT  7 missing, 3 pass",
            "what a class that neither side has does is said by `absent` in the policy",
            "what a size without gold does is said by `absent` below `sizes` in the policy",
        ]
    )


# -- one way of writing an overlap ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metric", "written", "canonical"),
    [
        ("ap", "0.5", "0.5"),
        ("ap", '"0.50"', "0.5"),
        ("ap", ".55", "0.55"),
        ("ap", "0.5:0.95", "0.5:0.95"),
        ("ap", '".50:.05:.95"', "0.5:0.95"),
        ("f1", '"0.50"', "0.5"),
        ("f1", "1", "1"),
        ("f1", "0.123456789", "0.123456789"),
    ],
)
def test_an_overlap_is_reported_in_one_way_whatever_way_it_is_written(
    judge_objects, metric, written, canonical
):
    gates = f"g: {{metric: {metric}, iou: {written}, min: {{default: 0}}, classes: [car]}}"

    record = judge_objects(CAR, [{"car": [(0, 0, 60, 60, 50)]}] * 2, gates)["g[car]"]

    assert record.verdict == "PASS"
    assert record.to_json()["settings"] == {"iou": canonical}


# -- two widths of a band ---------------------------------------------------------------------------


def test_two_widths_are_two_readings_of_inputs_that_are_opened_once(pytester, write_objects):
    """A square of 20 pixels and one a pixel to the right of it.

    The bands of one pixel have 76 pixels each and share two rows of 19; those of two pixels have 144
    and share 4 rows of 19 and 2 columns of 16 pixels, one of the two that each has on either side.
    """
    gates = "\n".join(
        f"w{px}: {{metric: boundary-iou, dilation: {px}px, classes: [car], min: {{default: 0.1}}}}"
        for px in (1, 2)
    )
    write_objects(pytester.path, [{"car": [(50, 50, 20, 20)]}], [{"car": [(51, 50, 20, 20)]}], gates)
    pytester.makeconftest(
        """
        import segcore

        calls, real, real_open = [], segcore.evaluate, segcore.open

        def evaluate(*sides, **options):
            calls.append(str(options["dilation"]))
            return real(*sides, **options)

        def opened(spec):
            calls.append("open")
            return real_open(spec)

        segcore.evaluate, segcore.open = evaluate, opened

        def pytest_unconfigure():
            segcore.evaluate, segcore.open = real, real_open
            print("calls", calls)
        """
    )

    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "--gate-report=report.json", "-s")

    report = json.loads((pytester.path / "report.json").read_text())
    values = {gate["id"]: gate["value"] for gate in report["gates"]}
    assert values["w1[car]"] == 38 / (76 + 76 - 38)
    assert values["w2[car]"] == 108 / (144 + 144 - 108)
    assert [gate.get("settings") for gate in report["gates"][1:]] == [
        {"dilation": "1px"},
        {"dilation": "2px"},
    ]
    assert "calls ['open', 'open', '1px', '2px']" in result.stdout.str()
