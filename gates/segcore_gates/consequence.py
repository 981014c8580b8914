"""Records of checks, and what the verdict in them does to the batch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from segcore_gates.agreement.ceilings import human_json
from segcore_gates.metrics import METRICS
from segcore_gates.records import Record, Verdict, WorstImage
from segcore_gates.rules import Check, Judge, Level, Rule, Thin

__all__ = ["errored", "record_of", "rule_record", "unit_of", "with_consequence"]


def errored(check: Check, reason: str) -> Record:
    """The record of a check that could not be evaluated."""
    if isinstance(check, Rule):
        return rule_record(check, Verdict.ERROR, reason, blocks=True)
    return record_of(check, Verdict.ERROR, reason, blocks=True)


def record_of(check: Check, found: Verdict, reason: str, **measured: Any) -> Record:
    """The record of a check that is no metric: what it does not measure is at rest.

    Parameters
    ----------
    check : Check
    found : Verdict
    reason : str
    measured
        Further attributes of :class:`Record`.
    """
    kind, limit = check.limit
    at_rest: dict[str, Any] = {
        "class_name": None,
        "judge": Judge.ESTIMATE,
        "images_required": 0,
        "instances_required": 0,
        "blocks": False,
    }
    return Record(
        id=check.id,
        gate=check.gate,
        metric=check.metric,
        severity=check.severity,
        policy_line=check.line,
        limit_kind=kind,
        limit=limit,
        verdict=found,
        reason=reason,
        **(at_rest | measured),
    )


def with_consequence(check: Check, record: Record, *, strict: bool) -> Record:
    """Settle what the verdict of a check does to the batch; see :func:`verdict`."""
    found = record.verdict
    if found in {Verdict.FAIL, Verdict.MISSING} and check.severity is Level.WARN:
        return replace(record, verdict=Verdict.WARN, blocks=strict)
    if found is Verdict.MISSING:
        return replace(record, blocks=record.blocks or strict)
    if found is Verdict.THIN:
        if check.thin is Thin.SKIP:
            return replace(record, reason=f"skipped: {record.reason}", blocks=False)
        blocks = strict or (check.thin is Thin.ERROR and check.severity is Level.ERROR)
        return replace(record, blocks=blocks)
    if found is Verdict.WARN:
        return replace(record, blocks=strict)
    return replace(record, blocks=found is not Verdict.PASS)


def rule_record(
    rule: Rule,
    found: Verdict,
    reason: str,
    *,
    blocks: bool = False,
    value: float | None = None,
    images: int | None = None,
    instances: int | None = None,
    worst: tuple[WorstImage, ...] = (),
) -> Record:
    """The record of a rule."""
    kind, limit = rule.limit
    return Record(
        id=rule.id,
        gate=rule.gate,
        metric=rule.metric,
        class_name=rule.class_name,
        severity=rule.severity,
        judge=rule.judge,
        policy_line=rule.line,
        settings=rule.settings,
        limit_kind=kind,
        limit=limit,
        images_required=rule.support_images,
        instances_required=rule.support_instances,
        verdict=found,
        blocks=blocks,
        reason=reason,
        value=value,
        images=images,
        instances=instances,
        worst=worst,
        unit=unit_of(rule),
        human=None if rule.human is None else human_json(rule.human, rule.minimum),
        conversion=None if rule.conversion is None else rule.conversion.iou,
    )


def unit_of(rule: Rule) -> str:
    """Of the values and limits of a rule."""
    return METRICS[rule.metric].unit if rule.metric in METRICS else ""
