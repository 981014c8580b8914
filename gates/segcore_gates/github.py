"""Workflow commands that put a failed gate beside its line of the policy on GitHub."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from segcore.faults import Fault
from segcore.wording import escaped, escaped_lines
from segcore_gates.groups import Group, grouped, label, reason
from segcore_gates.records import Outcome
from segcore_gates.report import PolicyReport
from segcore_gates.text import headline, refusing, worst_first

__all__ = ["error_commands"]

_SHOWN = 10
"""GitHub shows ten annotations of a kind for each step."""


def error_commands(reports: Sequence[PolicyReport], *, prefix: str = "") -> list[str]:
    """Up to ten ``::error`` lines, worst first.

    Parameters
    ----------
    reports : sequence of PolicyReport
        Of the session.
    prefix : str
        The way from the root of the repository to the root of the session.
    """
    found: list[str] = []
    for report in reports:
        file = f"{prefix}/{report.path}" if prefix not in {"", "."} else report.path
        if report.outcome is Outcome.INVALID:
            found += [_command(file, 1, line) for line in _kinds(refusing(report.inputs.faults))]
        elif report.failure is not None:
            found.append(_command(file, 1, escaped_lines(report.failure.message)))
        else:
            blocking = [record for record in worst_first(report.records) if record.blocks]
            found += [
                _command(file, group[0].policy_line, f"{label(group)}: {_told(group)}")
                for group in grouped(blocking)
            ]
    return found[:_SHOWN]


def _told(group: Group) -> str:
    return headline(group[0]) if len(group) == 1 else reason(group)


def _kinds(faults: Sequence[Fault]) -> list[str]:
    """The first fault of each kind, with the number of the others."""
    counted = Counter(fault.code for fault in faults)
    firsts = {fault.code: fault for fault in reversed(faults)}
    return [
        escaped(firsts[code]) + (f" (and {n - 1} more)" if n > 1 else "") for code, n in counted.items()
    ]


def _command(file: str, line: int, message: str) -> str:
    return f"::error file={_property(file)},line={line}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
