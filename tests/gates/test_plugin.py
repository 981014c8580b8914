"""The pytest plugin, seen the way a user sees it: files in, terminal, reports and exit code out."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import pytest

PLUGIN = ("-p", "segcore")

COUNTING = """
import os
from pathlib import Path

import segcore

real = segcore.evaluate

def evaluate(*args, **kwargs):
    with Path(__file__).with_name("calls.log").open("a") as log:
        log.write(f"{os.getpid()}\\n")
    return real(*args, **kwargs)

segcore.evaluate = evaluate
"""
"""A conftest that keeps a log of evaluations, in whichever process they happen."""


@pytest.fixture
def batch(pytester, write_batch):
    write_batch(pytester.path)
    return pytester


def report_of(pytester, *args):
    pytester.runpytest_inprocess("--gate-report=report.json", *args)
    return json.loads((pytester.path / "report.json").read_text())


# -- collection -----------------------------------------------------------------------------------


def test_a_policy_becomes_one_item_a_rule_in_file_and_ontology_order(batch):
    result = batch.runpytest_inprocess("--collect-only", "-q")

    result.stdout.fnmatch_lines(
        [
            "batch.gate.yaml::coverage",
            "batch.gate.yaml::class-iou[[]car]",
            "batch.gate.yaml::class-iou[[]person]",
        ],
        consecutive=True,
    )


def test_other_yaml_files_are_left_alone(batch):
    batch.path.joinpath("batch.gate.yaml").rename(batch.path / "batch.yaml")

    result = batch.runpytest_inprocess()

    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_the_ini_value_says_which_files_are_policies(batch):
    batch.path.joinpath("batch.gate.yaml").rename(batch.path / "quality.yaml")
    batch.makeini("[pytest]\ngate_files = quality.yaml\n")

    result = batch.runpytest_inprocess()

    result.assert_outcomes(passed=2, failed=1)


def test_a_gate_can_be_run_by_its_id(batch):
    result = batch.runpytest_inprocess("batch.gate.yaml::class-iou[car]")

    result.assert_outcomes(passed=1)


def test_the_marker_selects_the_gates(batch):
    batch.makepyfile("def test_other(): pass")

    gates = batch.runpytest_inprocess("-m", "gate", "--strict-markers")
    others = batch.runpytest_inprocess("-m", "not gate")

    gates.assert_outcomes(passed=2, failed=1, deselected=1)
    others.assert_outcomes(passed=1, deselected=3)


def test_a_broken_policy_is_named_with_its_line_and_without_a_traceback(
    pytester, write_batch, policy_text
):
    write_batch(pytester.path, policy=policy_text.replace("0.8", "95"))

    result = pytester.runpytest_inprocess("--gate-report=report.json")

    result.stdout.fnmatch_lines(["*ERROR collecting batch.gate.yaml*", "batch.gate.yaml:11: *95*0.95*"])
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*.py:*")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    report = json.loads((pytester.path / "report.json").read_text())
    assert report["outcome"] == "error"
    assert report["error"]["kind"] == "policy"


def test_a_missing_extra_is_a_usage_error_that_says_what_to_install(batch):
    batch.makeconftest("import sys; sys.modules['pydantic'] = None")

    result = batch.runpytest_subprocess(*PLUGIN)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    text = result.stdout.str() + result.stderr.str()
    assert "batch.gate.yaml needs pydantic, which is not installed" in text
    assert 'pip install "segcore[gates]"' in text
    assert "Traceback" not in text


@pytest.mark.usefixtures("xdist")
def test_a_missing_extra_is_seen_through_workers_too(batch):
    batch.makeconftest("import sys; sys.modules['pydantic'] = None")
    batch.makepyfile("def test_other(): pass")

    result = batch.runpytest_subprocess("-n", "2")

    assert result.ret != pytest.ExitCode.OK
    result.stdout.fnmatch_lines(['*batch.gate.yaml needs pydantic*pip install "segcore[[]gates]"*'])


# -- verdicts -------------------------------------------------------------------------------------


def test_a_failure_names_value_limit_confusion_line_and_how_to_run_it_again(batch):
    result = batch.runpytest_inprocess()

    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*gate class-iou[[]person]*",
            "IoU 0.5000 < 0.80  (person, short by 0.3000)",
            "*limit*",
            "*95 % bounds*",
            "*worst images*IoU*",
            "*000*0.5000*",
            "*100 % of missed person pixels went to <other>*",
            "*policy  batch.gate.yaml:11*",
            "*rerun   pytest 'batch.gate.yaml::class-iou[[]person]'*",
        ]
    )
    result.stdout.no_fnmatch_line("*Traceback*")
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_the_table_has_the_worst_first_and_the_outcome_last(batch):
    result = batch.runpytest_inprocess()

    result.stdout.fnmatch_lines(
        [
            "*segmentation gates: batch.gate.yaml*",
            "gate *value *limit *95 % bounds *images *verdict",
            "class-iou[[]person] *0.5000 *0.80 *FAIL",
            "coverage *1.0000 *1.00 *PASS",
            "class-iou[[]car] *1.0000 *0.80 *PASS",
            "REJECT  1 fail, 2 pass",
        ],
        consecutive=True,
    )


SOFT = "defaults: {support: {images: 1, instances: 1}}"


def test_warnings_and_thin_evidence_are_counted_apart_and_do_not_fail(
    pytester, write_batch, policy_text
):
    text = policy_text.replace(
        "min: {default: 0.8}", "min: {default: 0.5}\n    warn_below: {person: 0.6}"
    )
    write_batch(
        pytester.path, policy=text.replace(SOFT, "defaults: {support: {images: 2, instances: 1}}")
    )
    thin = pytester.path / "thin.gate.yaml"
    thin.write_text(text.replace(SOFT, "defaults: {support: {images: 3, instances: 1}}"))

    result = pytester.runpytest_inprocess("-v")

    assert result.ret == pytest.ExitCode.OK
    assert result.parseoutcomes() == {"passed": 3, "warn": 1, "thin": 2}
    result.stdout.fnmatch_lines(
        ["*class-iou[[]person] WARN*", "ACCEPT  1 warn, 2 pass", "ACCEPT  2 thin, 1 pass"]
    )


def test_strict_fails_them(pytester, write_batch, policy_text):
    text = policy_text.replace(
        "min: {default: 0.8}", "min: {default: 0.5}\n    warn_below: {person: 0.6}"
    )
    write_batch(pytester.path, policy=text)

    result = pytester.runpytest_inprocess("--gate-strict")

    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(
        ["IoU 0.5000 < 0.60  (person, short by 0.1000)", "REJECT  1 warn, 2 pass"]
    )


def test_a_class_that_is_absent_is_missing(pytester, write_batch, policy_text):
    write_batch(pytester.path, policy=policy_text.replace("[car, person]", "[car, rider]"))

    result = pytester.runpytest_inprocess()

    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(
        ["neither gold nor delivery contains rider*", "REJECT  1 missing, 2 pass"]
    )


def test_a_missing_image_fails_coverage_and_is_named(pytester, write_batch):
    write_batch(pytester.path, gold=({"car": (0, 4)},) * 3, delivery=({"car": (0, 4)},) * 2)

    result = pytester.runpytest_inprocess("batch.gate.yaml::coverage")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["coverage 0.6667 < 1.00*", "*1 of 3 gold images not delivered: 002*"])


# -- invalid input --------------------------------------------------------------------------------


def test_invalid_input_is_an_error_of_every_gate_told_in_full_once(batch):
    broken = json.loads((batch.path / "delivery.json").read_text())
    broken["annotations"][2]["segmentation"] = [[0, 0, 1, 1]]
    broken["annotations"][3]["category_id"] = 77
    (batch.path / "delivery.json").write_text(json.dumps(broken))

    result = batch.runpytest_inprocess("--gate-report=report.json")

    result.assert_outcomes(errors=3)
    text = result.stdout.str()
    assert text.count("poly.too_few_points: delivery.json: image 001") == 1
    assert text.count("coco.unknown_category: delivery.json: image 001") == 1
    assert text.count("(see the first error of batch.gate.yaml)") >= 2
    assert "Traceback" not in text
    result.stdout.fnmatch_lines(["INVALID  the input was refused, nothing was judged: 2 faults"])
    report = json.loads((batch.path / "report.json").read_text())
    assert report["outcome"] == "invalid"
    assert {f["code"] for f in report["faults"]} == {"poly.too_few_points", "coco.unknown_category"}
    assert [gate["verdict"] for gate in report["gates"]] == ["ERROR"] * 3
    assert {info["role"] for info in report["inputs"]} == {"gold", "delivery"}


def test_a_file_that_is_not_there_is_an_error_and_no_verdict(batch):
    (batch.path / "delivery.json").unlink()

    result = batch.runpytest_inprocess("--gate-report=report.json")

    result.assert_outcomes(errors=3)
    assert json.loads((batch.path / "report.json").read_text())["outcome"] in {"invalid", "error"}
    assert "Traceback" not in result.stdout.str()


def test_an_input_other_than_the_pinned_one_is_not_judged(pytester, write_batch, policy_text):
    pinned = 'gold: {path: gold.json, format: coco, sha256: "000000000000"}'
    write_batch(pytester.path, policy=policy_text.replace("gold: coco:gold.json", pinned))

    result = pytester.runpytest_inprocess()

    result.assert_outcomes(errors=3)
    result.stdout.fnmatch_lines(
        ["*the gold is not the one the policy pins: expected sha256 000000000000*"]
    )


# -- reports --------------------------------------------------------------------------------------


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


def test_the_plugin_can_be_switched_off(batch):
    result = batch.runpytest_subprocess("-p", "no:segcore")

    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED


# -- once per session, with and without workers ---------------------------------------------------


def test_one_process_evaluates_once(batch):
    batch.makeconftest(COUNTING)

    batch.runpytest_subprocess("-p", "no:xdist", "-p", "no:cacheprovider").assert_outcomes(
        passed=2, failed=1
    )

    assert len((batch.path / "calls.log").read_text().splitlines()) == 1


@pytest.mark.usefixtures("xdist")
def test_four_workers_evaluate_once_and_tell_the_controller_everything(batch):
    batch.makeconftest(COUNTING)
    serial = report_of(batch)
    (batch.path / "calls.log").unlink()

    result = batch.runpytest_subprocess("-n", "4", "--gate-report=report.json")

    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["IoU 0.5000 < 0.80*", "REJECT  1 fail, 2 pass"])
    assert len((batch.path / "calls.log").read_text().splitlines()) == 1
    parallel = json.loads((batch.path / "report.json").read_text())
    serial.pop("run"), parallel.pop("run")
    assert parallel == serial


@pytest.mark.usefixtures("xdist")
def test_invalid_input_is_refused_once_for_all_workers(batch):
    batch.makeconftest(COUNTING)
    (batch.path / "delivery.json").write_text("{")

    result = batch.runpytest_subprocess("-n", "4")

    result.assert_outcomes(errors=3)
    assert len((batch.path / "calls.log").read_text().splitlines()) == 1


@pytest.mark.usefixtures("xdist")
def test_nothing_is_left_behind(batch, monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    result = batch.runpytest_subprocess("-n", "2", "-p", "no:cacheprovider")

    result.assert_outcomes(passed=2, failed=1)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("segcore")] == []


# -- hand-written tests ---------------------------------------------------------------------------


HAND_WRITTEN = """
import pytest

def test_of_a_policy(segcore_evaluation):
    evaluation = segcore_evaluation("batch.gate.yaml")

    assert [c.iou for c in evaluation.classes] == [1.0, 0.5, None]

def test_of_two_specs(segcore_evaluation):
    evaluation = segcore_evaluation("coco:gold.json", "coco:delivery.json")

    assert evaluation.confusion[1, -1] == 40

@pytest.mark.parametrize("segcore_evaluation", ["batch.gate.yaml"], indirect=True)
def test_of_a_parameter(segcore_evaluation):
    assert segcore_evaluation.images.paired == ("000", "001")
"""


@pytest.mark.parametrize("workers", [(), ("-n", "3")], ids=["serial", "three workers"])
def test_the_fixture_gives_evaluations_that_the_gates_share(pytester, write_batch, workers, request):
    if workers:
        request.getfixturevalue("xdist")
    sub = pytester.path / "sub"
    write_batch(sub)
    (sub / "conftest.py").write_text(COUNTING)
    (sub / "test_hand_written.py").write_text(HAND_WRITTEN)

    result = pytester.runpytest_subprocess(*workers)

    result.assert_outcomes(passed=5, failed=1)
    assert len((sub / "calls.log").read_text().splitlines()) <= 2


def test_the_fixture_refuses_what_does_not_fit_together(batch):
    batch.makepyfile(
        """
        import pytest
        from segcore.errors import InvalidInputError, UsageError

        def test_ontology_with_a_policy(segcore_evaluation):
            with pytest.raises(UsageError, match="brings its own ontology"):
                segcore_evaluation("batch.gate.yaml", ontology="ontology.yaml")

        def test_invalid_input_is_raised_each_time(segcore_evaluation, request):
            request.path.with_name("delivery.json").write_text("{")
            for _ in range(2):
                with pytest.raises(InvalidInputError):
                    segcore_evaluation("coco:gold.json", "coco:delivery.json")
        """
    )

    result = batch.runpytest_inprocess("-k", "policy or invalid", "--ignore=batch.gate.yaml")

    result.assert_outcomes(passed=2)
