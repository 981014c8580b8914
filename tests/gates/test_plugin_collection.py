"""The pytest plugin as a user sees it: which files become which tests."""

from __future__ import annotations

import json

import pytest

PLUGIN = ("-p", "segcore")


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


def test_the_plugin_can_be_switched_off(batch):
    result = batch.runpytest_subprocess("-p", "no:segcore")

    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
