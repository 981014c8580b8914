"""The pytest plugin as a user sees it: JSON, JUnit and GitHub reports."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from plugin_runs import report_of


def test_the_json_report_holds_the_contract(batch):
    report = report_of(batch)

    assert report["schema"] == 1
    assert report["outcome"] == "reject"
    assert report["policy"]["path"] == "batch.gate.yaml"
    assert len(report["policy"]["sha256"]) == 64
    assert [gate["id"] for gate in report["gates"]] == [
        "coverage",
        "class-iou[car]",
        "class-iou[person]",
    ]
    assert [gate["value"] for gate in report["gates"]] == [1.0, 1.0, 0.5]
    assert report["waivers"] == []
    assert report["counts"]["gold"] == {"annotations_read": 4, "ignored": {}, "rejected": 0, "used": 4}


def test_two_runs_differ_in_the_run_block_only(batch):
    first = report_of(batch)
    second = report_of(batch)

    assert first.pop("run").keys() == second.pop("run").keys()
    assert first == second


def test_a_subset_of_the_gates_accepts_nothing(batch):
    report = report_of(batch, "-k", "car")

    assert report["outcome"] == "insufficient"
    assert report["not_run"] == 2


def test_several_policies_are_listed_and_the_worst_decides(batch, policy_text):
    batch.path.joinpath("a.gate.yaml").write_text(policy_text.replace("0.8", "0.3"))

    report = report_of(batch)

    assert report["outcome"] == "reject"
    assert [(p["policy"]["path"], p["outcome"]) for p in report["policies"]] == [
        ("a.gate.yaml", "accept"),
        ("batch.gate.yaml", "reject"),
    ]


def test_a_report_of_no_gate_is_no_acceptance(pytester):
    pytester.makepyfile("def test_other(): pass")

    report = report_of(pytester)

    assert report["outcome"] == "insufficient"


def test_junit_has_flat_properties(batch):
    batch.runpytest_inprocess("--junitxml=junit.xml")

    tree = ET.parse(batch.path / "junit.xml")
    case = tree.find(".//testcase[@name='class-iou[person]']")
    properties = {p.get("name"): p.get("value") for p in case.iter("property")}
    assert properties["segcore.verdict"] == "FAIL"
    assert properties["segcore.value"] == "0.5"
    assert properties["segcore.limit"] == "0.8"
    assert properties["segcore.class"] == "person"
    assert all(name.startswith("segcore.") and "{" not in value for name, value in properties.items())


def test_github_gets_annotations_and_a_job_summary(batch, monkeypatch):
    summary = batch.path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(batch.path.parent))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))

    result = batch.runpytest_inprocess()

    place = f"file={batch.path.name}/batch.gate.yaml,line=11"
    result.stdout.fnmatch_lines([f"::error {place}::class-iou[[]person]: IoU 0.5000 < 0.80*"])
    text = summary.read_text()
    assert text.startswith("before\n")
    assert "REJECT" in text
    assert "| 0.5000 | 0.80 |" in text


def test_a_session_without_gates_is_silent_and_loads_nothing(pytester):
    pytester.makepyfile(
        """
        import sys

        def test_nothing_was_loaded():
            heavy = {"numpy", "pydantic", "yaml", "segcore", "scipy", "filelock"}
            assert not heavy & set(sys.modules)
        """
    )

    result = pytester.runpytest_subprocess("-p", "no:hypothesispytest")

    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*segmentation gates*")
