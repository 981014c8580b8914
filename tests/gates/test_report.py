"""What is written for people and machines: stable, escaped, atomic."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from segcore_gates.github import error_commands
from segcore_gates.markdown import append_job_summary, markdown
from segcore_gates.records import (
    Confusion,
    Interval,
    LimitKind,
    Outcome,
    Record,
    Verdict,
    WorstImage,
    number,
)
from segcore_gates.report import Failure, FailureKind, Inputs, PolicyReport, document
from segcore_gates.rules import Judge, Level, Metric
from segcore_gates.text import explain, headline, remarks, summary_line, table

HOSTILE = "\x1b[31mred\x1b[0m\r\n::error::|<script>\u202egnp.exe\x07`@all`"
"""ANSI, a workflow command, a table cell border, markup, a right-to-left override, a bell, a mention."""

FORBIDDEN = ("\x1b", "\r", "\x07", "\u202e")


def record(**changes) -> Record:
    values = {
        "id": "class-iou[car]",
        "gate": "class-iou",
        "metric": Metric.IOU,
        "class_name": "car",
        "severity": Level.ERROR,
        "judge": Judge.ESTIMATE,
        "policy_line": 7,
        "limit_kind": LimitKind.MIN,
        "limit": 0.8,
        "images_required": 30,
        "instances_required": 0,
        "verdict": Verdict.FAIL,
        "blocks": True,
        "reason": "below the floor of 0.80",
        "value": 0.681,
        "interval": Interval(
            lower=0.654, upper=0.7039, confidence=0.95, images=82, effective_images=31.2
        ),
        "images": 82,
        "worst": (WorstImage(image="frame_00018", value=0.2317),),
        "confusions": (Confusion(class_name="truck", extra=False, pixels=31, share=0.31),),
    }
    return Record(**{**values, **changes})


def hostile() -> Record:
    return record(
        id=f"class-iou[{HOSTILE}]",
        class_name=HOSTILE,
        reason=HOSTILE,
        worst=(WorstImage(image=HOSTILE, value=0.1),),
        confusions=(Confusion(class_name=HOSTILE, extra=False, pixels=1, share=1.0),),
    )


def policy(*records: Record, **changes) -> PolicyReport:
    return PolicyReport(
        **{"path": "batch.gate.yaml", "rules": len(records), "records": records, **changes}
    )


FAULT = {
    "code": "coco.unknown_class_name",
    "file": HOSTILE,
    "image": HOSTILE,
    "image_id": 3,
    "annotation": HOSTILE,
    "expected": "a class",
    "got": HOSTILE,
    "severity": "error",
}


def refused() -> PolicyReport:
    return policy(
        hostile(),
        inputs=Inputs(faults=[FAULT]),
        failure=Failure(kind=FailureKind.INVALID, message=HOSTILE),
    )


def test_the_block_of_a_failure_reads_like_this():
    text = explain(record(), policy="batch.gate.yaml", node_id="batch.gate.yaml::class-iou[car]")

    assert text.splitlines() == [
        "IoU 0.6810 < 0.80  (car, short by 0.1190)",
        "",
        "  ├────────●──────┤                              ┃   ● measured  ┃ limit",
        "  95 % bounds [0.6540, 0.7039]: even the upper bound is below the limit",
        "  from 82 images that weigh like 31.2 equal ones",
        "",
        "  worst images     IoU",
        "  frame_00018   0.2317",
        "",
        "  31 % of missed car pixels went to truck",
        "",
        "  policy  batch.gate.yaml:7",
        "  rerun   pytest 'batch.gate.yaml::class-iou[car]'",
    ]


def test_a_value_a_hair_below_the_limit_is_not_shown_equal_to_it():
    assert headline(record(value=0.79999999)) == "IoU 0.79999999 < 0.80000000  (car, short by 1.0e-08)"


def test_a_reason_that_does_not_fit_the_terminal_stands_below_its_row():
    thin = record(verdict=Verdict.THIN, reason="3 gold images < 30, 4 gold instances < 50", blocks=False)

    wide = [line for line, _ in table(policy(thin), width=110)]
    narrow = [line for line, _ in table(policy(thin), width=80)]

    row = "class-iou[car]  0.6810   0.80  [0.654, 0.704]      82  THIN"
    assert wide[1:] == [f"{row}     3 gold images < 30, 4 gold instances < 50"]
    assert narrow[1:] == [row, "  3 gold images < 30, 4 gold instances < 50"]


def test_a_reason_without_end_is_cut_after_three_lines():
    thin = record(verdict=Verdict.THIN, reason="not enough evidence " * 200, blocks=False)

    lines = [line for line, _ in table(policy(record(), thin), width=90)]

    assert max(map(len, lines)) <= 90
    assert lines[1].startswith("class-iou[car]")
    assert lines[-1] == "  ..."
    assert len(lines) == 1 + 1 + 1 + 3 + 1


def test_columns_stay_in_line_under_wide_letters():
    lines = [line for line, _ in table(policy(record(id="iou[車]"), record(id="iou[ca]")), width=90)]

    assert lines[1].startswith("iou[車]  0.6810")
    assert lines[2].startswith("iou[ca]  0.6810")


def test_what_is_let_pass_and_what_is_odd_about_the_input_is_said_beside_the_verdict():
    warning = {**FAULT, "code": "poly.clipped", "severity": "warning"}
    told_elsewhere = {**FAULT, "code": "delivery.missing_image", "severity": "warning"}
    thin = record(verdict=Verdict.THIN, blocks=False)

    said = remarks(policy(thin, inputs=Inputs(faults=[warning, told_elsewhere, warning])))

    assert said == [
        "1 gate with less gold than `support` asks for: not proven, let pass by `thin` in the policy",
        "warning: 2 x poly.clipped: a ring reaches over the border and is clipped",
    ]
    assert remarks(policy(record(verdict=Verdict.THIN, blocks=True))) == []


@pytest.mark.parametrize(
    ("limit", "shown"), [(0.8, "0.80"), (1.0, "1.00"), (0.975, "0.975"), (0.99999, "0.99999")]
)
def test_a_limit_is_shown_with_every_digit_it_was_written_with(limit, shown):
    assert number(limit) == shown


@pytest.mark.parametrize("where", ["block", "table", "markdown", "annotation"])
def test_names_from_an_input_cannot_act_on_whoever_reads_them(where):
    texts = {
        "block": explain(hostile(), policy=HOSTILE, node_id=HOSTILE),
        "table": "\n".join(line for line, _ in table(policy(hostile()), width=400)),
        "markdown": markdown([policy(hostile()), refused()]),
        "annotation": "\n".join(error_commands([policy(hostile()), refused()])),
    }

    assert not [c for c in FORBIDDEN if c in texts[where]]
    lines = texts[where].splitlines()
    if where != "annotation":
        assert not [line for line in lines if line.startswith("::")]
    if where == "markdown":
        assert "<script>" not in texts[where]
        assert "\\@all" in texts[where]
        rows = [line for line in lines if line.startswith("| class")]
        assert [row.replace("\\|", "").count("|") for row in rows] == [8]


def test_an_annotation_is_one_line_with_its_place():
    (line,) = error_commands([policy(record(class_name="a%b"))], prefix="sub/folder")

    assert line == (
        "::error file=sub/folder/batch.gate.yaml,line=7::"
        "class-iou[car]: IoU 0.6810 < 0.80  (a%25b, short by 0.1190)"
    )


def test_at_most_ten_annotations_worst_first():
    passed = record(verdict=Verdict.PASS, blocks=False)
    failed = [record(id=f"class-iou[{k}]") for k in range(12)]
    error = record(id="mean-iou", verdict=Verdict.ERROR)

    lines = error_commands([policy(passed, *failed, error)])

    assert len(lines) == 10
    assert "mean-iou" in lines[0]


def test_faults_of_a_kind_are_one_annotation_and_few_lines_of_the_summary():
    faults = [{**FAULT, "annotation": k} for k in range(30)]
    report = policy(failure=Failure(kind=FailureKind.INVALID, message="refused"))
    report = replace(report, inputs=Inputs(faults=[*faults, {**FAULT, "code": "seg.empty"}]))

    lines = error_commands([report])
    listed = [line for line in markdown([report]).splitlines() if line.startswith("- ")]

    assert [line.rpartition(" (")[2] for line in lines[:1]] == ["and 29 more)"]
    assert [line.partition("::")[2].partition("::")[2].partition(":")[0] for line in lines] == [
        "coco.unknown_class_name",
        "seg.empty",
    ]
    assert len(listed) == 8
    assert "and 25 more" in listed[5]


def test_the_document_of_one_policy_is_its_report():
    data = document([policy(record())], run={"at": "now"})

    assert data["schema"] == 1
    assert data["run"] == {"at": "now"}
    assert data["outcome"] == "reject"
    assert [gate["id"] for gate in data["gates"]] == ["class-iou[car]"]
    json.dumps(data, allow_nan=False)


def test_the_document_of_several_policies_has_the_worst_outcome():
    passed = policy(record(verdict=Verdict.PASS, blocks=False), path="a")

    data = document([passed, refused()], run={})

    assert data["outcome"] == "invalid"
    assert [p["outcome"] for p in data["policies"]] == ["accept", "invalid"]


@pytest.mark.parametrize(
    ("report", "outcome", "code"),
    [
        (policy(record(verdict=Verdict.PASS, blocks=False)), Outcome.ACCEPT, 0),
        (policy(record(verdict=Verdict.PASS, blocks=False), rules=2), Outcome.INSUFFICIENT, 2),
        (policy(record()), Outcome.REJECT, 1),
        (policy(record(verdict=Verdict.ERROR, value=None)), Outcome.ERROR, 4),
        (policy(record(verdict=Verdict.ERROR, value=None), record()), Outcome.REJECT, 1),
        (refused(), Outcome.INVALID, 3),
        (policy(failure=Failure(kind=FailureKind.POLICY, message="")), Outcome.ERROR, 4),
        (policy(failure=Failure(kind=FailureKind.USAGE, message="")), Outcome.ERROR, 4),
        (policy(failure=Failure(kind=FailureKind.INTERNAL, message="")), Outcome.ERROR, 5),
    ],
    ids=[
        "accept",
        "not all run",
        "reject",
        "no verdict",
        "no verdict and reject",
        "invalid",
        "policy",
        "usage",
        "internal",
    ],
)
def test_what_a_report_comes_to(report, outcome, code):
    assert (report.outcome, report.exit_code) == (outcome, code)


def test_the_last_line_counts_every_verdict():
    records = [
        record(),
        record(),
        record(verdict=Verdict.THIN, blocks=False),
        record(verdict=Verdict.WARN, blocks=False),
        record(verdict=Verdict.PASS, blocks=False),
    ]

    assert summary_line(policy(*records)) == "REJECT  2 fail, 1 thin, 1 warn, 1 pass"
    assert summary_line(policy(*records, rules=6)) == "REJECT  2 fail, 1 thin, 1 warn, 1 pass, 1 not run"


def test_a_job_summary_that_is_full_is_left_alone(tmp_path):
    full, free = tmp_path / "full.md", tmp_path / "free.md"
    full.write_bytes(b"x" * ((1 << 20) - 3))

    assert not append_job_summary(str(full), "text")
    assert append_job_summary(str(free), "text")
    assert full.stat().st_size == (1 << 20) - 3
    assert free.read_text() == "text\n"
