"""A pilot that is extended is judged by the bound at the numbers of gold images written beforehand."""

from __future__ import annotations

import json

import pytest
from judged_batches import bound, cars, rule, seen

from segcore_gates.errors import PolicyError
from segcore_gates.policy_file import load_policy
from segcore_gates.records import Verdict
from segcore_gates.rules import Thin
from segcore_gates.verdict import verdict


def perfect(images):
    return cars(*[(100, 100)] * images)


@pytest.mark.parametrize(
    ("images", "reason"),
    [
        (14, "the first look is at 20 gold images, and there are 14"),
        (30, "between the looks at 20 and 40 gold images: there are 30"),
        (41, "the last look was at 40 gold images, and there are 41"),
    ],
)
def test_with_another_number_of_gold_images_nothing_is_certified(images, reason):
    assert seen(verdict(bound(), perfect(images))) == (Verdict.PASS, False)

    record = verdict(bound(looks=(20, 40), thin=Thin.ERROR), perfect(images))

    assert seen(record) == (Verdict.THIN, True)
    assert record.reason == reason


@pytest.mark.parametrize("images", [20, 40])
def test_at_a_look_the_batch_is_judged(images):
    assert seen(verdict(bound(looks=(20, 40)), perfect(images))) == (Verdict.PASS, False)


def test_between_looks_nothing_is_condemned_by_its_bound_either():
    poor = cars(*[(50, 100)] * 6)

    assert verdict(bound(), poor).verdict is Verdict.FAIL
    assert verdict(bound(looks=(5, 20)), poor).verdict is Verdict.THIN


def test_an_estimate_is_judged_whenever_it_is_looked_at():
    assert seen(verdict(rule(looks=(20,)), perfect(3))) == (Verdict.PASS, False)


BOUND = "defaults: {judge: bound, support: {images: 1}}"


def load(tmp_path, write_batch, policy_text, looks):
    text = policy_text.replace("defaults: {support: {images: 1, instances: 1}}", BOUND)
    return load_policy(write_batch(tmp_path, policy=f"{text}looks: {looks}\n"), environ={})


def test_strict_looks_share_the_error(tmp_path, write_batch, policy_text):
    lax = load(tmp_path, write_batch, policy_text, "{at: [25, 50, 100, 200]}")
    strict = load(tmp_path, write_batch, policy_text, "{at: [25, 50, 100, 200], strict: true}")

    assert [r.confidence for r in lax.rules[1:]] == [0.95, 0.95]
    assert [r.confidence for r in strict.rules[1:]] == [0.9875, 0.9875]
    assert {r.looks for r in strict.rules[1:]} == {(25, 50, 100, 200)}


@pytest.mark.parametrize(
    ("looks", "problem"),
    [
        ("{at: [50, 25]}", "looks.at: write the numbers of gold images in rising order"),
        ("{at: [25, 25]}", "looks.at: write the numbers of gold images in rising order"),
        ("{at: []}", "looks.at: it is empty"),
        ("{at: 25}", "looks.at: expected a list"),
        ("{at: [0]}", "looks.at[0]: expected a whole number, 1 or more"),
        ("{strict: true}", "looks: the key 'at' is missing"),
        ("{at: [25], stict: true}", "unknown key 'stict', did you mean 'strict'?"),
    ],
)
def test_looks_that_cannot_be_meant_are_refused(tmp_path, write_batch, policy_text, looks, problem):
    with pytest.raises(PolicyError) as refused:
        load(tmp_path, write_batch, policy_text, looks)

    assert problem in str(refused.value)


def test_looks_without_a_gate_on_a_bound_are_refused(tmp_path, write_batch, policy_text):
    path = write_batch(tmp_path, policy=f"{policy_text}looks: {{at: [25]}}\n")

    with pytest.raises(PolicyError, match="no gate has `judge: bound`"):
        load_policy(path, environ={})


def test_the_report_and_the_foot_of_the_table_say_which_look_it_is(batch):
    policy = batch.path / "batch.gate.yaml"
    told = policy.read_text().replace("{support:", "{judge: bound, support:")
    policy.write_text(told + "looks: {at: [2, 50]}\ncoverage: {sampled_from: 400}\n")

    result = batch.runpytest("--gate-report=report.json")

    result.stdout.fnmatch_lines(
        ["bounds are of the 400 images that the gold was drawn from", "this is look 1 of 2 (2, 50 gold*"]
    )
    report = json.loads((batch.path / "report.json").read_text())
    looks = {"at": [2, 50], "strict": False, "look": 1}
    assert report["sampling"] == {"sampled_from": 400, "looks": looks}


def test_between_looks_the_table_says_that_nothing_is_certified(batch):
    policy = batch.path / "batch.gate.yaml"
    told = policy.read_text().replace("{support:", "{judge: bound, support:")
    policy.write_text(told + "looks: {at: [25, 50], strict: true}\n")

    result = batch.runpytest("--gate-report=report.json")

    assert result.ret == 1
    result.stdout.fnmatch_lines(["this is no look, nothing is certified: the first look is at 25*"])
    report = json.loads((batch.path / "report.json").read_text())
    assert report["outcome"] == "insufficient"
    assert report["sampling"]["looks"]["look"] is None
