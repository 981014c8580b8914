"""From waivers as they are written to waivers of checks."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from segcore.wording import did_you_mean, printable
from segcore_gates.consequence import unit_of
from segcore_gates.limits import beyond
from segcore_gates.records import FOUND, number
from segcore_gates.rules import Check, Metric, Rule
from segcore_gates.waivers.policy import WaiverEntry
from segcore_gates.waivers.waiver import Waiver

__all__ = ["MOST_DAYS", "resolve_waivers"]

MOST_DAYS: Final = 60
"""A waiver that could last for ever would be a limit by another name."""

_COUNTS: Final = frozenset({Metric.FORMAT_LOCK, Metric.LINT, Metric.SIGNAL})


def resolve_waivers(
    entries: Sequence[WaiverEntry],
    checks: Sequence[Check],
    *,
    today: datetime.date,
    refuse: Callable[[str, tuple[str | int, ...], str], None],
) -> dict[str, Waiver]:
    """The waivers of a policy by the ids of their checks; those with problems are left out.

    Parameters
    ----------
    entries : sequence of WaiverEntry
        As written.
    checks : sequence of Check
        All of the policy.
    today : date
        In UTC.
    refuse : callable
        Takes the code, the path and the message of a problem.
    """
    known = {check.id: check for check in checks}
    found: dict[str, Waiver] = {}
    last = today + datetime.timedelta(days=MOST_DAYS)
    for i, entry in enumerate(entries):
        path = ("waivers", i)
        check = known.get(entry.gate)
        if check is None:
            refuse("policy.bad_value", (*path, "gate"), _unknown(entry.gate, known))
        elif entry.gate in found:
            problem = f"{printable(entry.gate, limit=80)} has a waiver already"
            refuse("policy.bad_value", (*path, "gate"), problem)
        elif problem := _bad_floor(entry.floor, check):
            refuse("policy.threshold", (*path, "floor"), problem)
        if entry.until > last:
            problem = (
                f"a waiver lasts {MOST_DAYS} days at most: today that is until {last}, got {entry.until}"
            )
            refuse("policy.bad_value", (*path, "until"), problem)
        found.setdefault(
            entry.gate,
            Waiver(
                gate=entry.gate,
                until=entry.until,
                floor=entry.floor,
                reason=entry.reason,
                by=entry.by,
            ),
        )
    return found


def _unknown(name: str, known: Mapping[str, Check]) -> str:
    shown = printable(name, limit=80)
    inside = [check_id for check_id, check in known.items() if check.gate == name]
    if inside:
        return f"gate {shown!r} gives a verdict for each class: name one, such as {inside[0]}"
    return f"the policy has no gate {shown!r}{did_you_mean(name, known)}"


def _bad_floor(floor: float, check: Check) -> str:
    """What is wrong with the floor of a waiver; empty for nothing."""
    kind, limit = check.limit
    unit = unit_of(check) if isinstance(check, Rule) else ""
    unit = FOUND if check.metric in _COUNTS else unit
    if not unit and floor > 1:
        meant = f"; did you mean {floor / 100:.10g}?" if 10 <= floor <= 100 else ""
        return f"{floor:.10g} is not a share between 0 and 1{meant}"
    if not beyond(floor, kind, limit):
        side, other = ("below", "floor") if kind.at_least else ("above", "ceiling")
        shown = printable(check.id, limit=80)
        return (
            f"{number(floor, unit)} is not {side} the {other} of {shown}, {number(limit, unit)}: the "
            "waiver would excuse nothing"
        )
    return ""
