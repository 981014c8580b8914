"""Records that say the same of many classes, so that people read it once.  The JSON report has each."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from segcore.wording import escaped
from segcore_gates.records import Record

__all__ = ["Group", "grouped", "label", "listed", "reason"]

Group = tuple[Record, ...]
"""Of one gate; more than one only where none has a value and all say the same."""

_NAMES = 5


def grouped(records: Iterable[Record]) -> list[Group]:
    """The records in their order; those that say the same of several classes stand with the first."""
    found: dict[Hashable, list[Record]] = {}
    for place, record in enumerate(records):
        key: Hashable = place
        if record.value is None and record.class_name is not None and record.reason:
            key = record.gate, record.verdict, record.blocks, record.reason
        found.setdefault(key, []).append(record)
    return [tuple(group) for group in found.values()]


def label(group: Group) -> str:
    """The id of the one record, or ``found@small, 47 classes``; escaped."""
    first = group[0]
    if len(group) == 1:
        return escaped(first.id)
    sizes = {record.settings.get("size") for record in group}
    names = {record.class_name for record in group}
    own = first.id.removesuffix(f"[{first.class_name}]")
    gate = own if len(sizes) == 1 and own != first.id else first.gate
    classes = "1 class" if len(names) == 1 else f"{len(names)} classes"
    return escaped(f"{gate}, {classes}") + ("" if len(sizes) == 1 else f", {len(group)} gates")


def reason(group: Group) -> str:
    """Why the verdict is what it is, after the classes it holds for where they are several; escaped."""
    text = escaped(group[0].reason)
    return text if len(group) == 1 else f"{listed(f'{r.class_name}' for r in group)}: {text}"


def listed(names: Iterable[str]) -> str:
    """``car, person, rider, truck, bus and 42 more``, each once; escaped."""
    known = list(dict.fromkeys(names))
    shown = ", ".join(map(escaped, known[:_NAMES]))
    return shown if len(known) <= _NAMES else f"{shown} and {len(known) - _NAMES} more"
