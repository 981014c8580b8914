"""What people reach, in words: beside a threshold, and as a warning where that asks for more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from segcore.wording import escaped
from segcore_gates.records import number

if TYPE_CHECKING:
    from segcore_gates.records import Record

__all__ = ["limit_text", "too_high"]

_NAMED: Final = 10
"""Thresholds that are warned of one by one."""


def limit_text(records: Sequence[Record]) -> str:
    """The limit of records that stand in one row, and what people reach; empty where limits differ.

    Parameters
    ----------
    records : sequence of Record
        Not empty.
    """
    record, *others = records
    if any(other.limit != record.limit for other in others):
        return ""
    limit = number(record.limit, record.unit)
    if others or record.human is None:
        return limit
    return f"{limit} (people {record.human['value']:.2f})"


def too_high(records: Iterable[Record]) -> list[str]:
    """A line for every threshold above what people reach with each other; escaped."""
    lines = []
    for record in records:
        human = record.human
        if human is None or not human["exceeded"]:
            continue
        bounds = ""
        if human["lower"] is not None and human["upper"] is not None:
            bounds = f", between {human['lower']:.4f} and {human['upper']:.4f} by the images"
        who = f"{human['annotators']} people reach {human['value']:.4f} with each other{bounds}"
        asked = f"{escaped(record.id)} asks for {human['threshold']:.10g}"
        lines.append(f"WARNING: {asked}, and {who}: a delivery as good as theirs fails")
    more = len(lines) - _NAMED
    return lines[:_NAMED] + ([f"WARNING: and {more} more thresholds above"] if more > 0 else [])
