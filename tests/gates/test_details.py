"""The small table that a record may carry."""

from __future__ import annotations

import json
from dataclasses import replace

from segcore_gates.details import detail_cells, details_lines
from segcore_gates.records import FOUND, LimitKind, Record, Verdict, measured, number
from segcore_gates.rules import Judge, Level, Metric
from segcore_gates.text import explain

RECORD = Record(
    id="lint[speck]",
    gate="lint",
    metric=Metric.LINT,
    class_name=None,
    severity=Level.ERROR,
    judge=Judge.ESTIMATE,
    policy_line=7,
    limit_kind=LimitKind.MAX,
    limit=0.0,
    images_required=0,
    instances_required=0,
    verdict=Verdict.FAIL,
    blocks=True,
    reason="2 specks",
    value=2.0,
    unit=FOUND,
    details=({"image": "a", "px": 3, "iou": 0.5}, {"image": "b\x1b[2J", "px": None, "iou": None}),
    details_total=12,
)


def test_details_cross_processes_as_json():
    assert Record.from_json(json.loads(json.dumps(RECORD.to_json()))) == RECORD


def test_a_record_without_details_has_no_key_for_them():
    assert "details" not in replace(RECORD, details=(), details_total=0).to_json()


def test_details_are_a_table_of_text():
    assert detail_cells(RECORD) == [
        ("image", "px", "iou"),
        ("a", "3", "0.5000"),
        ("b\x1b[2J", "-", "-"),
    ]
    assert detail_cells(replace(RECORD, details=(), details_total=0)) == []


def test_on_a_terminal_they_are_aligned_escaped_and_counted():
    assert details_lines(RECORD) == [
        "  image     px     iou",
        "  a          3  0.5000",
        "  b\\x1b[2J   -       -",
        "  and 10 more",
    ]


def test_few_rows_are_shown_where_few_are_asked_for():
    assert details_lines(RECORD, rows=1)[-1] == "  and 11 more"


def test_the_block_of_a_check_that_fails_shows_them():
    block = explain(RECORD, policy="p.gate.yaml", node_id="p.gate.yaml::lint[speck]")

    assert block.startswith("lint[speck] 2 found, 2 specks\n")
    assert "  a          3  0.5000" in block


def test_counts_have_no_decimals():
    assert measured(1200.0, FOUND) == "1200 found"
    assert number(0.0, FOUND) == "0"
