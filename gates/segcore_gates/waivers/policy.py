"""Waivers as they are written in a policy."""

from __future__ import annotations

import datetime
import re
from typing import Annotated, Final

from pydantic import BeforeValidator, Field, WithJsonSchema

from segcore_gates.gate_base import Model
from segcore_gates.gate_values import Pixels

__all__ = ["WaiverEntry"]

_DAY: Final = "[0-9]{4}-[0-9]{2}-[0-9]{2}"


def _day(value: object) -> datetime.date:
    """Of the forms ISO 8601 knows only the one that everybody reads alike."""
    if isinstance(value, datetime.date):
        return value
    if not isinstance(value, str) or not re.fullmatch(_DAY, value):
        raise ValueError("expected a day such as 2027-01-15")
    try:
        return datetime.date.fromisoformat(value)
    except ValueError:
        raise ValueError("the calendar has no such day") from None


Day = Annotated[
    datetime.date,
    BeforeValidator(_day),
    WithJsonSchema({"type": "string", "pattern": f"^{_DAY}$"}),
]
Said = Annotated[
    str,
    Field(strict=True, pattern=r"\S"),
    WithJsonSchema({"type": ["string", "number", "boolean"], "pattern": r"\S"}),
]


class WaiverEntry(Model):
    """One waiver."""

    gate: Said = Field(description="The id it excuses, as reports have it: class-iou[car].")
    until: Day = Field(description="The last day it holds, in UTC; at most 60 days ahead.")
    floor: Pixels = Field(
        description=(
            "The worst value that is excused, in the unit of the limit; beyond it the gate fails "
            "all the same."
        )
    )
    reason: Said = Field(description="Why. Every report shows it.")
    by: Said = Field(description="Who answers for it.")
