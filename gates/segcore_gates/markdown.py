"""The job summary: one Markdown table a policy, every name from an input escaped."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from segcore.wording import escaped
from segcore_gates.details import detail_cells
from segcore_gates.groups import Group, grouped
from segcore_gates.metrics import METRICS
from segcore_gates.records import Outcome, Record
from segcore_gates.report import PolicyReport
from segcore_gates.rules import Metric
from segcore_gates.text import cells_of, headings, refusal_lines, remarks, summary_line, worst_first

__all__ = ["accuracy", "append_job_summary", "markdown"]

_SUMMARY_LIMIT = 1 << 20
"""GitHub drops a step's summary altogether above one MiB."""

_CONFUSIONS = 10
_TABLES = 5
_ROWS = 5
"""Confusions, tables of details and rows of each that are shown; the JSON report has all."""

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|~<>@&:-])")

_PIXELS = {Metric.COVERAGE, *(metric for metric, how in METRICS.items() if how.judges_pixels)}
"""How pixels are counted is known; how objects are is said beside the table."""


def markdown(reports: Sequence[PolicyReport], *, sla: Mapping[str, Sequence[str]] | None = None) -> str:
    """All policies of a session.

    Parameters
    ----------
    reports : sequence of PolicyReport
    sla : mapping of str to sequence of str
        Lines about the accuracy of each batch, by the path of its report.
    """
    known = sla or {}
    return "\n".join(_section(report, known.get(report.path, ())) for report in reports)


def accuracy(sla: Mapping[str, Sequence[str]]) -> str:
    """The lines about the accuracy of each batch by themselves, by the path of its report."""
    return "\n".join(
        f"- {_cell(Path(path).name)}: SLA accuracy: {_cell(line)}"
        for path, lines in sla.items()
        for line in lines
    )


def append_job_summary(path: str, text: str) -> bool:
    """Append ``text`` to ``$GITHUB_STEP_SUMMARY`` unless that would make GitHub drop all of it.

    Returns
    -------
    bool
        Whether it was written.
    """
    data = f"{text}\n".encode()
    file = Path(path)
    if (file.stat().st_size if file.exists() else 0) + len(data) > _SUMMARY_LIMIT:
        return False
    with file.open("ab") as stream:
        stream.write(data)
    return True


def _section(report: PolicyReport, sla: Sequence[str]) -> str:
    lines = [f"### {_cell(Path(report.path).name)}: {_cell(summary_line(report))}", ""]
    if report.failure is not None:
        if report.outcome is Outcome.INVALID:
            lines += [f"- {_cell(line)}" for line in refusal_lines(report.inputs.faults)]
        else:
            lines += [f"- {_cell(line)}" for line in report.failure.message.splitlines()]
        return "\n".join([*lines, ""])
    records = report.records
    lines += [f"| {' | '.join(headings(records))} |", "|---|---:|---:|---|---:|---|---|"]
    lines += [_row(group) for group in grouped(worst_first(records))]
    beside = [*(f"SLA accuracy: {line}" for line in sla), *_confused(records), *remarks(report)]
    if beside:
        lines += ["", *(f"- {_cell(line)}" for line in beside)]
    for record in [record for record in worst_first(records) if record.details][:_TABLES]:
        lines += ["", *_details(record)]
    if not all(record.metric in _PIXELS for record in records):
        said = sorted(report.inputs.conventions.items())
        lines += ["", "<details><summary>Conventions</summary>", ""]
        lines += [*(f"- {_cell(topic)}: {_cell(text)}" for topic, text in said), "", "</details>"]
    return "\n".join([*lines, ""])


def _row(group: Group) -> str:
    record = group[0]
    interval = record.interval
    look = ", ".join(w.image for w in record.worst[:3]) if record.blocks else ""
    name, value, limit, _, images, found, why = cells_of(group)
    bounds = "" if interval is None else f"{interval.lower:.3f} to {interval.upper:.3f}"
    why = "; ".join(part for part in (why, f"worst images: {look}" if look else "") if part)
    cells = (name, value, limit, bounds, images, found, why)
    return f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _confused(records: Sequence[Record]) -> list[str]:
    """What was taken for what, of the gates that block; the first of them."""
    said = [
        f"{record.id}: {confusion.describe(record.class_name)}"
        for record in worst_first(records)
        if record.blocks and record.class_name is not None
        for confusion in record.confusions
    ]
    more = len(said) - _CONFUSIONS
    return said[:_CONFUSIONS] + ([f"and {more} more confusions"] if more > 0 else [])


def _details(record: Record) -> list[str]:
    """The first rows of what a check found."""
    columns, *rows = detail_cells(record)
    more = record.details_total - min(_ROWS, len(rows))
    return [
        f"{_cell(record.id)}: {_cell(record.reason)}" + (f" (and {more} more rows)" if more > 0 else ""),
        "",
        f"| {' | '.join(map(_cell, columns))} |",
        f"|{'---|' * len(columns)}",
        *(f"| {' | '.join(map(_cell, row))} |" for row in rows[:_ROWS]),
    ]


def _cell(text: str) -> str:
    """Printable, and nothing in it is markup, a mention or a cell border."""
    return _SPECIAL.sub(r"\\\1", escaped(text)).replace("\\<", "&lt;").replace("\\&", "&amp;")
