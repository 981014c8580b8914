"""The pytest plugin evaluates once per session: for all workers, and for hand-written tests."""

from __future__ import annotations

import json

import pytest
from plugin_runs import COUNTING, report_of

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
