"""``segcore gate``: exit codes, streams and files, seen from outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest


def run(folder, *words, env=None):
    return subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from segcore.cli import main; sys.exit(main())",
            "gate",
            *words,
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **(env or {})},
    )


PERFECT = ({"car": (0, 4), "person": (6, 10)},) * 2


def test_a_good_batch_is_accepted(tmp_path, write_batch):
    write_batch(tmp_path, delivery=PERFECT)

    result = run(tmp_path, "batch.gate.yaml")

    assert result.returncode == 0, result.stdout + result.stderr
    assert "ACCEPT  3 pass" in result.stdout
    assert result.stderr == ""


def test_a_bad_batch_is_rejected_and_everything_is_written(tmp_path, write_batch):
    write_batch(tmp_path)

    result = run(tmp_path, "batch.gate.yaml", "--report", "out/first", "--json", "report.json")

    assert result.returncode == 1
    assert "IoU 0.5000 < 0.80  (person, short by 0.3000)" in result.stdout
    assert result.stderr == ""
    assert sorted(p.name for p in (tmp_path / "out" / "first").iterdir()) == [
        "image-class.csv",
        "junit.xml",
        "report.html",
        "report.json",
        "summary.md",
    ]
    report = json.loads((tmp_path / "report.json").read_text())
    assert report == json.loads((tmp_path / "out" / "first" / "report.json").read_text())
    assert report["outcome"] == "reject"
    assert ET.parse(tmp_path / "out" / "first" / "junit.xml").find(".//testsuite").get("failures") == "1"
    assert "REJECT" in (tmp_path / "out" / "first" / "summary.md").read_text()


def test_too_little_evidence_has_a_code_of_its_own(tmp_path, write_batch, policy_text):
    text = policy_text.replace("images: 1, instances: 1}", "images: 30}, thin: error")
    write_batch(tmp_path, delivery=PERFECT, policy=text)

    result = run(tmp_path, "batch.gate.yaml")

    assert result.returncode == 2
    assert "INSUFFICIENT  2 thin, 1 pass" in result.stdout


def test_invalid_input_is_neither_accepted_nor_rejected(tmp_path, write_batch):
    write_batch(tmp_path)
    broken = json.loads((tmp_path / "delivery.json").read_text())
    broken["annotations"][3]["segmentation"] = [[0, 0, 1, 1]]
    (tmp_path / "delivery.json").write_text(json.dumps(broken))

    result = run(tmp_path, "batch.gate.yaml", "--json", "report.json")

    assert result.returncode == 3
    assert result.stderr.startswith("batch.gate.yaml: the input is invalid: 1 fault\n")
    assert "poly.too_few_points: delivery.json: image 001 (id 2): annotation 4" in result.stderr
    assert "poly.too_few_points" not in result.stdout
    assert "INVALID  the input was refused, nothing was judged: 1 fault" in result.stdout
    assert "3 errors" in result.stdout
    assert "Traceback" not in result.stdout + result.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["outcome"] == "invalid"
    assert [fault["annotation"] for fault in report["faults"]] == [4]
    assert report["counts"]["delivery"]["annotations_read"] == 4


def test_a_broken_policy_is_a_usage_error_and_replaces_an_old_report(tmp_path, write_batch, policy_text):
    write_batch(tmp_path, policy=policy_text.replace("gates:", "gaits:"))
    (tmp_path / "report.json").write_text('{"outcome": "accept"}')

    result = run(tmp_path, "batch.gate.yaml", "--json", "report.json")

    assert result.returncode == 4
    assert "batch.gate.yaml:7: gaits:" in result.stderr
    assert "Traceback" not in result.stdout + result.stderr
    assert json.loads((tmp_path / "report.json").read_text())["outcome"] == "error"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere.gate.yaml",), "nowhere.gate.yaml: there is no such file"),
        ((".",), "it is a folder: name a policy in it"),
        (("odd[1].gate.yaml",), "pytest takes no path with [ in it"),
        (("batch.gate.yaml", "--json", "no/such/folder.json"), "there is no folder no/such"),
        (("batch.gate.yaml", "--images", "."), "name its folder with --report DIR"),
        (("batch.gate.yaml", "--report", "out", "--images", "photos"), "no such folder: photos"),
        ((), "Missing argument"),
    ],
    ids=["no file", "folder", "bracket", "no destination", "no report", "no photos", "nothing"],
)
def test_a_wrong_call_is_a_usage_error(tmp_path, write_batch, words, said):
    write_batch(tmp_path)
    write_batch(tmp_path, name="odd[1].gate.yaml")

    result = run(tmp_path, *words)

    assert result.returncode == 4
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_an_internal_error_is_one_line_and_a_traceback_with_debug(tmp_path, write_batch):
    write_batch(tmp_path)
    script = (
        "import sys, segcore\n"
        "def evaluate(*args, **kwargs): raise RuntimeError('out of luck')\n"
        "segcore.evaluate = evaluate\n"
        "from segcore.cli import main; sys.exit(main())"
    )

    def crash(*words):
        command = [sys.executable, "-c", script, "gate", "batch.gate.yaml", "--json", "r.json", *words]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    plain, debug = crash(), crash("--debug")

    assert plain.returncode == debug.returncode == 5
    assert "RuntimeError: out of luck" in plain.stderr
    assert "Traceback" not in plain.stderr + plain.stdout
    assert "Traceback" in debug.stderr
    assert json.loads((tmp_path / "r.json").read_text())["outcome"] == "error"


def test_json_on_standard_output_is_alone_there(tmp_path, write_batch):
    write_batch(tmp_path)

    result = run(tmp_path, "batch.gate.yaml", "--json", "-")

    assert json.loads(result.stdout)["outcome"] == "reject"
    assert "IoU 0.5000 < 0.80" in result.stderr


def test_the_surroundings_do_not_count(tmp_path, write_batch):
    write_batch(tmp_path, delivery=PERFECT)
    (tmp_path / "conftest.py").write_text("raise SystemExit(7)\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")

    result = run(tmp_path, "batch.gate.yaml", env={"PYTEST_ADDOPTS": "--no-such-option"})

    assert result.returncode == 0, result.stdout + result.stderr


def test_a_policy_may_have_any_name(tmp_path, write_batch):
    write_batch(tmp_path / "a", delivery=PERFECT, name="quality v1.yaml")
    write_batch(tmp_path / "b")

    result = run(tmp_path, "a/quality v1.yaml", "b/batch.gate.yaml", "--json", "r.json")

    assert result.returncode == 1
    report = json.loads((tmp_path / "r.json").read_text())
    assert {p["policy"]["path"]: p["outcome"] for p in report["policies"]} == {
        "a/quality v1.yaml": "accept",
        "b/batch.gate.yaml": "reject",
    }


def test_arguments_after_the_dashes_go_to_pytest(tmp_path, write_batch):
    write_batch(tmp_path)

    car_only = run(tmp_path, "batch.gate.yaml", "--", "-k", "car")
    strict = run(tmp_path, "batch.gate.yaml", "--", "--gate-strict", "--collect-only")

    assert "Warning" not in car_only.stdout
    assert car_only.returncode == 2
    assert "INSUFFICIENT  1 pass, 2 not run" in car_only.stdout
    assert strict.returncode == 2
    assert "class-iou[person]" in strict.stdout


def test_a_selection_that_leaves_no_gate_is_said_aloud(tmp_path, write_batch):
    write_batch(tmp_path)

    result = run(tmp_path, "batch.gate.yaml", "--", "-k", "nothing")

    assert result.returncode == 2
    assert result.stderr == "segcore gate: no gate was selected, so nothing was judged\n"


def test_a_broken_policy_is_told_once(tmp_path, write_batch, policy_text):
    write_batch(tmp_path, policy=policy_text.replace("gates:", "gaits:"))

    result = run(tmp_path, "batch.gate.yaml")

    assert result.stderr.count("batch.gate.yaml:7: gaits:") == 1
    assert "= ERRORS =" not in result.stdout


@pytest.mark.usefixtures("xdist")
def test_workers_give_the_same_report(tmp_path, write_batch):
    write_batch(tmp_path)

    serial = run(tmp_path, "batch.gate.yaml", "--json", "serial.json")
    parallel = run(tmp_path, "batch.gate.yaml", "--json", "parallel.json", "--", "-n", "2")

    reports = [json.loads((tmp_path / f"{name}.json").read_text()) for name in ("serial", "parallel")]
    assert serial.returncode == parallel.returncode == 1
    for report in reports:
        del report["run"]
    assert reports[0] == reports[1]
