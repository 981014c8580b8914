"""Checks and classes of a policy as plain values: every default filled in, limits as decimal text."""

from __future__ import annotations

import dataclasses
import datetime
import enum
from collections.abc import Mapping, Set
from fractions import Fraction
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

from segcore.dilation import Dilation
from segcore.sources import Spec
from segcore_gates.evidence.counts import ranking_of, table_of
from segcore_gates.rules import Check, Rule

if TYPE_CHECKING:
    from segcore.ontology import Ontology
    from segcore_gates.waivers.policy import WaiverEntry

__all__ = ["check_json", "ontology_json", "waiver_json"]

_RENAMED: Final = {"class_name": "class", "kinds": "classes"}

_BESIDE: Final = frozenset({"human", "conversion"})
"""What stands beside a limit and decides nothing; it comes from files that no bundle holds."""


def check_json(check: Check) -> dict[str, Any]:
    """One check; ``kind`` is ``metric`` for the rules of gates, else what it is called in the code."""
    fields = {
        _RENAMED.get(field.name, field.name): _plain(getattr(check, field.name))
        for field in dataclasses.fields(check)
        if field.name not in _BESIDE
    }
    if isinstance(check, Rule):
        return {**fields, "kind": "metric", "table": table_of(check), "ranking": ranking_of(check)}
    kind, limit = check.limit
    return {**fields, "kind": type(check).__name__, "limit": {"kind": kind.value, "applied": str(limit)}}


def waiver_json(waiver: WaiverEntry) -> dict[str, Any]:
    """One waiver as it is written, its floor as decimal text."""
    names = ("gate", "until", "floor", "reason", "by")
    return {name: _plain(getattr(waiver, name)) for name in names}


def ontology_json(ontology: Ontology) -> dict[str, Any]:
    """The classes, in their order, and how masks are read."""
    found: dict[str, Any] = _plain(ontology)
    return found


def _plain(value: object) -> Any:
    """What JSON can say; where a file lies is in the policy, or nobody's business."""
    if isinstance(value, enum.Enum):
        return value.value
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float | Fraction | Dilation | datetime.date):
        return str(value)
    if isinstance(value, PurePath):
        return "file"
    if isinstance(value, Spec):
        return value.format
    if isinstance(value, Mapping):
        return {str(_plain(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Set):
        return sorted(map(_plain, value), key=repr)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = (field.name for field in dataclasses.fields(value) if field.name not in _BESIDE)
        return {name: _plain(getattr(value, name)) for name in names}
    return type(value).__name__
