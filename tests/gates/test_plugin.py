"""The pytest plugin as a user sees it: verdicts and refused input."""

from __future__ import annotations

import json

import pytest

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
        ["neither gold nor delivery contains the class  (rider)", "REJECT  1 missing, 2 pass"]
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
    assert text.count("ERROR at setup of gate") == 1
    assert "  the same holds for class-iou[car], class-iou[person]\n" in text
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
