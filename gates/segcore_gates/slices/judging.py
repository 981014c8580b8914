"""The parts of a batch, judged by the rules of a gate.

A part is an evaluation of its images and nothing else, so every metric says of it what it would say of
a batch that holds no other image.  What is compared are estimates: a part is smaller than the batch, and
many parts are looked at, so some of them lie far off by chance.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from segcore.errors import UsageError
from segcore.wording import did_you_mean, show
from segcore_gates.consequence import record_of, unit_of, with_consequence
from segcore_gates.limits import beyond, exact
from segcore_gates.metrics import METRICS
from segcore_gates.metrics.finding import Finding, plural
from segcore_gates.metrics.objects import what
from segcore_gates.records import DETAILS, Plain, Record, Verdict, measured, number
from segcore_gates.rules import LimitKind, Rule

if TYPE_CHECKING:
    from segcore_gates.policy_batch import PolicyBatch
    from segcore_gates.slices.attributes import BatchAttributes
    from segcore_gates.slices.check import SliceCheck

__all__ = ["judge_slice"]

_MAX_PARTS: Final = 1000
"""Values of an attribute: one that has another value for every image is no attribute to go by."""

_NAMED: Final = 8

_RANK: Final = (Verdict.FAIL, Verdict.THIN, Verdict.PASS)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One class of one part."""

    part: str | None
    place: int
    rule: Rule
    verdict: Verdict
    finding: Finding
    whole: Fraction | float | None
    limit: float
    held: Fraction
    """What is held against the limit: the value, or how far it lies below the whole."""

    def order(self, kind: LimitKind) -> tuple[object, ...]:
        return (
            _RANK.index(self.verdict),
            self.held if kind.at_least else -self.held,
            self.part is None,
            self.part or "",
            self.place,
        )

    def details(self, kind: LimitKind) -> dict[str, Plain]:
        gap = kind is LimitKind.MAX_GAP
        return {
            "part": self.part,
            "class": _name(self.rule),
            "images": self.finding.images,
            "value": _float(self.finding.value),
            "whole": _float(self.whole),
            **({"gap": float(self.held)} if gap else {"limit": self.limit}),
            "verdict": self.verdict.value,
        }


def judge_slice(check: SliceCheck, batch: PolicyBatch, strict: bool) -> Record:
    """Judge the parts of a batch; see :func:`segcore_gates.judging.judge`.

    Raises
    ------
    UsageError
        The attribute has too many values, or gold and delivery contradict each other on it.
    """
    known = batch.attributes()
    parts, remark = (_grouped if check.where is None else _selected)(check, known)
    record = _judged(check, batch, parts, remark)
    return with_consequence(check, replace(record, slice=check.name), strict=strict)


# ---- which images


def _grouped(check: SliceCheck, known: BatchAttributes) -> tuple[dict[str | None, list[str]], str]:
    """The images of each value, those without one last; none where no delivered image has one."""
    by = check.by or ""
    values = known.values(by)
    parts: dict[str | None, list[str]] = {}
    for key, own in values.items():
        for value in own:
            parts.setdefault(value, []).append(key)
    if not parts:
        return {}, f"no image has the attribute {show(by)}{_hint(by, known.names())}"
    if len(parts) > _MAX_PARTS:
        raise UsageError(
            f"slices.{check.name}: {show(by)} has {len(parts)} values, at most {_MAX_PARTS} are compared"
        )
    without = [key for key in known.keys if key not in values]
    nobodys = [key for key in without if known.is_delivered(key)]
    found = {value: parts[value] for value in sorted(parts, key=str)}
    remarks = []
    if nobodys:
        found[None] = nobodys
        remarks.append(f"{plural(len(nobodys), 'image')} without {show(by)}")
    if lost := len(without) - len(nobodys):
        remarks.append(f"{plural(lost, 'image')} not delivered, in no part")
    return found, "; ".join(remarks)


def _selected(check: SliceCheck, known: BatchAttributes) -> tuple[dict[str | None, list[str]], str]:
    """The images of the query; none, and why, where there are none."""
    query = check.where
    if query is None:
        return {}, ""
    values = {name: known.values(name) for name in query.attributes}
    for name, wanted in query.wanted.items():
        there = {value for own in values[name].values() for value in own}
        if not there:
            return {}, f"no image has the attribute {show(name)}{_hint(name, known.names())}"
        if there.isdisjoint(wanted):
            asked = " or ".join(map(show, wanted))
            return {}, f"no image has the {show(name)} {asked}{_hint(wanted[0], sorted(there))}"
    keys = [
        key
        for key in known.keys
        if query.holds({name: own[key] for name, own in values.items() if key in own})
    ]
    return ({str(query): keys}, "") if keys else ({}, f"no image is meant by {query}")


def _hint(word: str, known: Iterable[str]) -> str:
    names = list(known)
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    there = f" (there are {', '.join(map(show, names[:_NAMED]))}{more})" if names else ""
    return f"{did_you_mean(word, names)}{there}"


# ---- what they come to


def _judged(
    check: SliceCheck, batch: PolicyBatch, parts: Mapping[str | None, list[str]], remark: str
) -> Record:
    if not parts:
        return record_of(check, Verdict.MISSING, remark, blocks=True)
    rows: list[_Row] = []
    wholes = [METRICS[r.metric].find(r, batch.seen(check.view(r))).value for r in check.rules]
    for part, keys in parts.items():
        cut = {view: batch.seen(view).restricted_to(keys) for view in check.views}
        for place, (rule, limit) in enumerate(zip(check.rules, check.limits, strict=True)):
            finding = METRICS[rule.metric].find(rule, cut[check.view(rule)])
            if finding.error:
                return record_of(check, Verdict.ERROR, finding.error)
            if finding.absent:
                continue
            rows.append(_row(check, part, place, rule, limit, finding, wholes[place]))
    if not rows:
        reason = f"no class of the gate {check.rules[0].gate} occurs in {_counted(parts)}"
        return record_of(check, Verdict.MISSING, reason, blocks=True)
    rows.sort(key=lambda row: row.order(check.kind))
    alone = check.kind is LimitKind.MAX_GAP and len(parts) == 1 and check.by is not None
    return _record(check, rows, remark, alone=alone)


def _row(
    check: SliceCheck,
    part: str | None,
    place: int,
    rule: Rule,
    limit: float,
    finding: Finding,
    whole: Fraction | float | None,
) -> _Row:
    held = exact(finding.value or Fraction(0))
    if check.kind is LimitKind.MAX_GAP:
        held = exact(whole or Fraction(0)) - held
    broken = finding.value is None or beyond(held, check.kind, limit)
    found = Verdict.FAIL if broken else Verdict.PASS
    images, instances = finding.images, finding.instances
    few = images is not None and images < check.support_images
    if few or (instances is not None and instances < check.support_instances):
        found = Verdict.THIN
    return _Row(
        part=part,
        place=place,
        rule=rule,
        verdict=found,
        finding=finding,
        whole=whole,
        limit=limit,
        held=held,
    )


def _record(check: SliceCheck, rows: list[_Row], remark: str, *, alone: bool) -> Record:
    worst = rows[0]
    found = worst.verdict
    counts = {verdict: sum(row.verdict is verdict for row in rows) for verdict in _RANK}
    reasons = []
    if alone:
        found = Verdict.THIN if found is Verdict.PASS else found
        reasons.append(f"there is only one {check.by}, and nobody to compare it with")
    elif found is not Verdict.THIN:
        reasons.append(_told(check, worst))
    if counts[Verdict.FAIL] and len(rows) > 1:
        reasons.append(f"{counts[Verdict.FAIL]} of {len(rows)} comparisons fail")
    if counts[Verdict.THIN]:
        asked = plural(check.support_images, "gold image")
        if check.support_instances:
            asked += f" and {plural(check.support_instances, 'gold instance')}"
        reasons.append(f"{counts[Verdict.THIN]} of {len(rows)} rest on less than {asked}")
    record = record_of(
        check,
        found,
        "; ".join(filter(None, [*reasons, remark])),
        value=float(worst.held),
        exact=worst.held,
        unit=unit_of(worst.rule),
        images=worst.finding.images,
        instances=worst.finding.instances,
        images_required=check.support_images,
        instances_required=check.support_instances,
        settings=worst.rule.settings,
        details=tuple(row.details(check.kind) for row in rows[:DETAILS]),
        details_total=len(rows),
    )
    return replace(record, limit=worst.limit)


def _told(check: SliceCheck, row: _Row) -> str:
    """The worst class of the worst part, in words."""
    unit = unit_of(row.rule)
    part = f"images without {check.by}" if row.part is None else row.part
    value = "" if row.finding.value is None else f" {measured(float(row.finding.value), unit)}"
    who = f"{part}: {_name(row.rule)}{value}"
    if check.kind is LimitKind.MAX_GAP:
        whole = measured(float(row.whole or 0.0), unit)
        apart = measured(abs(float(row.held)), unit)
        side = "below" if row.held >= 0 else "above"
        return f"{who} is {apart} {side} the whole batch ({whole})"
    if row.verdict is Verdict.PASS:
        return f"{who} is the {'lowest' if check.kind is LimitKind.MIN else 'highest'}"
    side = "below" if check.kind is LimitKind.MIN else "above"
    return f"{who} is {side} {number(row.limit, unit)}"


def _counted(parts: Mapping[str | None, list[str]]) -> str:
    return plural(len({key for keys in parts.values() for key in keys}), "image")


def _name(rule: Rule) -> str:
    return "all" if rule.class_name is None else what(rule)


def _float(value: Fraction | float | None) -> float | None:
    return None if value is None else float(value)
