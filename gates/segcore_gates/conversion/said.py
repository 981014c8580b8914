"""How a miss divides between the conversion and the annotator, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segcore_gates.records import Verdict

if TYPE_CHECKING:
    from segcore_gates.records import Record

__all__ = ["shares"]


def shares(record: Record) -> str:
    """``conversion ceiling 0.8600, annotator's share 0.0400``; empty for a pass or without a ceiling."""
    if record.conversion is None or record.value is None or record.verdict is Verdict.PASS:
        return ""
    own = record.conversion - record.value
    return f"conversion ceiling {record.conversion:.4f}, annotator's share {own:.4f}"
