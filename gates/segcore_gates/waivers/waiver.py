"""What a waiver does to a record.

A waiver excuses a value on the wrong side of its limit, and nothing else: thin evidence, a class that
does not occur and a gate that could not be evaluated have no value that a floor could be held against.
"""

from __future__ import annotations

import datetime
import enum
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from segcore_gates.limits import beyond
from segcore_gates.records import Record, Verdict, number
from segcore_gates.rules import Level, LimitKind

if TYPE_CHECKING:
    from segcore_gates.records import Plain

__all__ = ["State", "Waiver", "idle", "unexcused", "waived"]


class State(enum.StrEnum):
    """What became of a waiver."""

    USED = "used"
    UNUSED = "unused"
    """There was nothing to excuse."""
    EXPIRED = "expired"
    BELOW_FLOOR = "below floor"
    """The value is worse than it excuses."""
    NOT_RUN = "not run"
    """Its gate was deselected, or could not be evaluated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """A waiver of a policy.

    Attributes
    ----------
    gate : str
        The id of the check it excuses.
    until : date
        The last day it holds.
    floor : float
        The worst value it excuses, in the unit of the limit; a ceiling where less is better.
    reason, by : str
        Why, and who answers for it.
    """

    gate: str
    until: datetime.date
    floor: float
    reason: str
    by: str

    def to_json(self, state: State = State.NOT_RUN) -> dict[str, Plain]:
        """Plain values, as the report lists them."""
        return {
            "gate": self.gate,
            "until": self.until.isoformat(),
            "floor": self.floor,
            "reason": self.reason,
            "by": self.by,
            "state": state.value,
        }


def waived(record: Record, waiver: Waiver, *, today: datetime.date, strict: bool = False) -> Record:
    """What is left of a record once its waiver is applied.

    Parameters
    ----------
    record : Record
        Of the check that ``waiver`` names.
    waiver : Waiver
    today : date
        In UTC; on its last day a waiver still holds.
    strict : bool
        Let a waiver that excuses nothing block.
    """
    if record.verdict is Verdict.ERROR:
        return replace(record, waiver=waiver.to_json())
    if not _broken(record):
        state = State.EXPIRED if today > waiver.until else State.UNUSED
        record = replace(record, waiver=waiver.to_json(state))
        if strict and record.verdict is Verdict.PASS:
            return replace(
                record, verdict=Verdict.WARN, blocks=True, reason="its waiver excuses nothing"
            )
        return record
    if today > waiver.until:
        state = State.EXPIRED
    elif _worse(record, waiver.floor):
        state = State.BELOW_FLOOR
    else:
        return replace(
            record,
            verdict=Verdict.WAIVED,
            blocks=False,
            reason=f"waived until {waiver.until} by {waiver.by}: {waiver.reason}",
            waiver=waiver.to_json(State.USED),
        )
    record = replace(record, waiver=waiver.to_json(state))
    return replace(record, reason="; ".join(filter(None, (record.reason, unexcused(record)))))


def unexcused(record: Record) -> str:
    """Why its waiver does not help a record that breaks its limit; empty where it does, or has none."""
    given = record.waiver
    if given is None or not _broken(record):
        return ""
    if given["state"] == State.EXPIRED:
        return f"its waiver expired on {given['until']}: {given['reason']}"
    if given["state"] == State.BELOW_FLOOR and isinstance(given["floor"], float):
        side = "below the floor" if record.limit_kind.at_least else "above the ceiling"
        return f"{side} of its waiver, {number(given['floor'], record.unit)}: {given['reason']}"
    return ""


def idle(record: Record) -> str:
    """What to say of a waiver that excuses nothing; empty where it does, or did not get to."""
    given = record.waiver
    if given is None or given["state"] not in {State.UNUSED, State.EXPIRED} or unexcused(record):
        return ""
    over = f" and has expired on {given['until']}" if given["state"] == State.EXPIRED else ""
    if record.verdict in {Verdict.PASS, Verdict.WARN}:
        return f"the waiver of {record.id} excuses nothing{over}: remove it"
    return f"the waiver of {record.id} excuses a value beyond its limit, and this is {record.verdict}"


def _broken(record: Record) -> bool:
    """Whether it is the value that breaks the limit."""
    warned = record.verdict is Verdict.WARN and record.severity is Level.WARN
    soft = record.limit_kind in {LimitKind.WARN_BELOW, LimitKind.WARN_ABOVE}
    if soft or not (record.verdict is Verdict.FAIL or warned):
        return False
    return _worse(record, record.limit)


def _worse(record: Record, limit: float) -> bool:
    value = record.value if record.exact is None else record.exact
    return value is not None and beyond(value, record.limit_kind, limit)
