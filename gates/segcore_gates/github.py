"""Workflow commands that put a failed gate beside its line of the policy on GitHub."""

from __future__ import annotations

from collections.abc import Sequence

from segcore.wording import escaped, escaped_lines
from segcore_gates.records import Outcome
from segcore_gates.report import PolicyReport
from segcore_gates.text import fault_line, headline, worst_first

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
            errors = [fault for fault in report.inputs.faults if fault["severity"] == "error"]
            found += [_command(file, 1, fault_line(fault)) for fault in errors]
        elif report.failure is not None:
            found.append(_command(file, 1, escaped_lines(report.failure.message)))
        else:
            found += [
                _command(file, record.policy_line, f"{escaped(record.id)}: {headline(record)}")
                for record in worst_first(report.records)
                if record.blocks
            ]
    return found[:_SHOWN]


def _command(file: str, line: int, message: str) -> str:
    return f"::error file={_property(file)},line={line}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
