"""What a person reads in the terminal: the block of a failed gate and the table of a policy.

Pure functions of records.  Every name that comes from an input is escaped.
"""

from __future__ import annotations

import os
import shlex
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from unicodedata import combining, east_asian_width

from segcore.errors import counted_faults
from segcore.faults import CODES, Fault, fault_lines
from segcore.wording import escaped
from segcore_gates.agreement.said import limit_text, too_high
from segcore_gates.conversion.said import shares
from segcore_gates.details import details_lines
from segcore_gates.groups import Group, grouped, label, reason
from segcore_gates.metrics import METRICS, title
from segcore_gates.metrics.finding import no_gold_of
from segcore_gates.out_of_reach import out_of_reach
from segcore_gates.records import (
    FOUND,
    Interval,
    Outcome,
    Record,
    Verdict,
    WorstImage,
    measured,
    number,
)
from segcore_gates.report import PolicyReport
from segcore_gates.rules import LimitKind, Metric
from segcore_gates.waivers.waiver import idle, unexcused

__all__ = [
    "cells_of",
    "explain",
    "headings",
    "headline",
    "note",
    "refusal_lines",
    "refusing",
    "relative",
    "remarks",
    "shown_value",
    "summary_line",
    "table",
    "worst_first",
]

_WIDTH = 48
_NOTE_LINES = 3

_SAID_BY_REASON = {Verdict.THIN, Verdict.WAIVED}

_TOLD_BY_COVERAGE = {"delivery.missing_image", "delivery.extra_image"}


def worst_first(records: Sequence[Record]) -> list[Record]:
    """What blocks before what does not, then by verdict, then in the order given."""
    order = list(Verdict)
    return sorted(records, key=lambda r: (not r.blocks, -order.index(r.verdict)))


def headline(record: Record) -> str:
    """The number against the limit, or the reason where there is no number; one line."""
    name = "" if record.class_name is None else escaped(_what(record))
    where = f"{name}, " if name else ""
    if record.unit == FOUND:
        return f"{escaped(record.id)} {shown_value(record)}, {escaped(record.reason)}"
    if record.value is None or not _misses(record) or record.verdict in _SAID_BY_REASON:
        found = "" if record.value is None else f"{_measure(record)} {shown_value(record)}, "
        return f"{found}{escaped(record.reason)}" + (f"  ({name})" if name else "")
    value, limit = _apart(record.value, record.limit, record.unit)
    sign, by = ("<", "short") if record.limit_kind.at_least else (">", "over")
    distance = f"{by} by {_digits(abs(record.limit - record.value), record.unit)}"
    beside = escaped(unexcused(record))
    found = f"{_measure(record)} {value} {sign} {limit}  ({where}{distance})"
    return f"{found}; {beside}" if beside else found


def explain(record: Record, *, policy: str, node_id: str) -> str:
    """The block under FAILURES: what, by how much, how sure, where to look, how to go on.

    Parameters
    ----------
    record : Record
        A record that blocks.
    policy : str
        The policy file, as the reader would name it.
    node_id : str
        What pytest is called with to run this gate again.
    """
    lines = [headline(record)]
    if _why((record,)) not in lines[0]:
        lines.append(f"  {_why((record,))}")
    if divided := shares(record):
        lines.append(f"  {divided}")
    if record.interval is not None and record.value is not None:
        lines += ["", *_interval_lines(record.interval, record.value, record)]
    if record.worst and record.metric is Metric.COVERAGE:
        lines += ["", "  missing images", *(f"  {escaped(w.image)}" for w in record.worst)]
    elif record.worst:
        names = [escaped(w.image) for w in record.worst]
        width = max(len(name) for name in [*names, "worst images"])
        how = METRICS.get(record.metric)
        of_image = (how.of_image if how else "") or title(record.metric)
        values = [measured(w.value, record.unit) for w in record.worst]
        wide = max(len(cell) for cell in [*values, of_image])
        lines += ["", f"  {'worst images':<{width}}  {of_image:>{wide}}"]
        lines += [
            f"  {name:<{width}}  {value:>{wide}}  {_beside(w)}".rstrip()
            for name, value, w in zip(names, values, record.worst, strict=True)
        ]
    if record.details:
        lines += ["", *details_lines(record)]
    if record.confusions and record.class_name is not None:
        lines.append("")
        lines += [f"  {escaped(c.describe(record.class_name))}" for c in record.confusions]
    lines += [
        "",
        f"  policy  {escaped(policy)}:{record.policy_line}",
        f"  rerun   pytest {escaped(shlex.quote(node_id))}",
    ]
    return "\n".join(lines)


def _beside(image: WorstImage) -> str:
    """What is wrong with an image, and who annotated it."""
    who = "" if image.annotator is None else f"by {image.annotator}"
    return escaped(", ".join(filter(None, [image.reason, who])))


def table(report: PolicyReport, *, width: int) -> list[tuple[str, Record | None]]:
    """The rows of a policy's table, heading first, each with the record it shows, or the first of them.

    Parameters
    ----------
    report : PolicyReport
        Of one policy.
    width : int
        Columns of the terminal; a reason that does not fit beside its row stands below it.
    """
    groups = grouped(worst_first(report.records))
    rows = [headings(report.records), *map(cells_of, groups)]
    wide = [max(_columns(row[k]) for row in rows) for k in range(len(rows[0]))]
    shown: list[Record | None] = [None, *(group[0] for group in groups)]
    found: list[tuple[str, Record | None]] = []
    for row, record in zip(rows, shown, strict=True):
        line = _line(row, wide)
        if _columns(line) <= width:
            found.append((line, record))
            continue
        found.append((_line((*row[:-1], ""), wide), record))
        found += [(f"  {part}", record) for part in _wrapped(row[-1], max(width - 2, 20))]
    return found


def headings(records: Sequence[Record]) -> tuple[str, ...]:
    """The heads of the columns; the bounds say at what confidence they hold if it is one."""
    confidences = {record.interval.confidence for record in records if record.interval is not None}
    bounds = f"{_percent(min(confidences))} bounds" if len(confidences) == 1 else "bounds"
    return "gate", "value", "limit", bounds, "images", "verdict", ""


def note(group: Group) -> str:
    """The last cell of a row: why the verdict is what it is, and what the conversion has in it."""
    return "; ".join(filter(None, (_why(group), shares(group[0]))))


def _why(group: Group) -> str:
    record = group[0]
    if (
        record.verdict is Verdict.FAIL
        and record.limit_kind in {LimitKind.MIN, LimitKind.MAX}
        and record.reason.startswith(("below", "above"))
    ):
        return escaped(unexcused(record))
    return reason(group)


def summary_line(report: PolicyReport) -> str:
    """``REJECT  2 fail, 1 thin, 1 warn, 1 pass``."""
    found = report.outcome
    if found is Outcome.INVALID:
        errors = sum(fault["severity"] == "error" for fault in report.inputs.faults)
        judged = sum(record.verdict is not Verdict.ERROR for record in report.records)
        rest = f"{_gates(judged)} could be judged all the same" if judged else "nothing was judged"
        return f"INVALID  the input was refused, {rest}: {counted_faults(errors)}"
    counted = Counter(record.verdict for record in report.records)
    parts = [f"{counted[v]} {v.value.lower()}" for v in reversed(Verdict) if counted[v]]
    if report.not_run:
        parts.append(f"{report.not_run} not run")
    return f"{found.value.upper()}  {', '.join(parts)}"


def remarks(report: PolicyReport) -> list[str]:
    """What to know beside the verdict: evidence the policy let pass, warnings about the input."""
    lines = []
    let_pass = sum(record.verdict is Verdict.THIN and not record.blocks for record in report.records)
    if let_pass:
        why = "not proven, let pass by `thin` in the policy"
        lines.append(f"{_gates(let_pass)} with less gold than `support` asks for: {why}")
    lines += out_of_reach(report.records)
    lines += [f"warning: {escaped(text)}" for text in map(idle, report.records) if text]
    lines += [*too_high(report.records), *report.sampling.remarks()]
    missing = [record for record in report.records if record.verdict is Verdict.MISSING]
    if absent := sum(not record.blocks for record in missing):
        lines.append(f"{_gates(absent)} without anything to judge: let pass by `absent` in the policy")
    blocking = {_lacks_size(record) for record in missing if record.blocks}
    if False in blocking:
        lines.append("what a class that neither side has does is said by `absent` in the policy")
    if True in blocking:
        lines.append("what a size without gold does is said by `absent` below `sizes` in the policy")
    counted = Counter(
        fault["code"]
        for fault in report.inputs.faults
        if fault["severity"] == "warning" and fault["code"] not in _TOLD_BY_COVERAGE
    )
    lines += [f"warning: {n} x {code}: {CODES[code][1]}" for code, n in sorted(counted.items())]
    return lines


def _gates(n: int) -> str:
    return "1 gate" if n == 1 else f"{n} gates"


def _lacks_size(record: Record) -> bool:
    size = record.settings.get("size")
    return size is not None and record.reason == no_gold_of(size)


def refusing(faults: Sequence[Mapping[str, Any]]) -> list[Fault]:
    """The faults that refuse the input, from the JSON they cross processes as."""
    return [Fault.from_json(fault) for fault in faults if fault["severity"] == "error"]


def refusal_lines(faults: Sequence[Mapping[str, Any]]) -> list[str]:
    """Why the input was refused; of a kind with many faults the first few and their number."""
    errors = refusing(faults)
    lines = fault_lines(errors)
    return lines if len(lines) == len(errors) else [*lines, "the JSON report lists all of them"]


def _what(record: Record) -> str:
    size = record.settings.get("size")
    return f"{size} {record.class_name}" if size else f"{record.class_name}"


def _measure(record: Record) -> str:
    """The measure, or what became of it: ``loss of IoU``, ``rise of HD95``."""
    if record.limit_kind is not LimitKind.MAX_DROP:
        return _measured(record)
    less_is_better = record.unit or record.metric is Metric.BAD_IMAGE_SHARE
    return f"{'rise' if less_is_better else 'loss'} of {_measured(record)}"


def _measured(record: Record) -> str:
    """``F1@0.5``, ``NSD@2px``, ``boundary AP@0.5/0.02``: with what decides on its meaning."""
    told, tolerance = record.settings, record.settings.get("tolerance_px")
    below = told.get("below_iou")
    near = None if tolerance is None else f"{tolerance:g}px"
    kinds = told.get("classes", "all")
    if kinds != "all":
        return f"{title(record.metric)} of {kinds}"
    wrong = None if below is None else f"{below:g}"
    parts = (told.get("iou"), told.get("dilation"), near, wrong)
    given = [part for part in parts if part is not None]
    gap = " gap" if record.limit_kind is LimitKind.MAX_GAP else ""
    return (f"{title(record.metric)}@{'/'.join(given)}" if given else title(record.metric)) + gap


def shown_value(record: Record) -> str:
    """The value with its unit; empty where there is none."""
    return "" if record.value is None else measured(record.value, record.unit)


def _misses(record: Record) -> bool:
    """Whether the value itself, not a bound of it, is on the wrong side of the limit."""
    value = record.value
    if value is None:
        return False
    return value < record.limit if record.limit_kind.at_least else value > record.limit


def _apart(value: float, limit: float, unit: str) -> tuple[str, str]:
    """Both with as many digits as it takes to tell them apart."""
    few = 2 if unit else 4
    digits = next(d for d in range(few, 18) if f"{value:.{d}f}" != f"{limit:.{d}f}" or d == 17)
    end = f" {unit}" if unit else ""
    if digits == few and float(f"{limit:.2f}") == limit:
        return f"{value:.{digits}f}{end}", number(limit, unit)
    return f"{value:.{digits}f}{end}", f"{limit:.{digits}f}{end}"


def _digits(difference: float, unit: str) -> str:
    few, end = (2, f" {unit}") if unit else (4, "")
    return (f"{difference:.{few}f}" if difference >= 0.5 / 10**few else f"{difference:.1e}") + end


def _interval_lines(interval: Interval, value: float, record: Record) -> list[str]:
    limit = record.limit
    lo, hi = min(interval.lower, limit), max(interval.upper, limit)
    span = (hi - lo) or 1.0

    def at(x: float) -> int:
        return round((x - lo) / span * (_WIDTH - 1))

    cells = [" "] * _WIDTH
    cells[at(interval.lower) : at(interval.upper) + 1] = "─" * (
        at(interval.upper) - at(interval.lower) + 1
    )
    for x, mark in ((interval.lower, "├"), (interval.upper, "┤"), (value, "●"), (limit, "┃")):
        cells[at(x)] = mark
    if not record.limit_kind.at_least:
        sure = "the limit lies between the bounds"
        if interval.lower > limit:
            sure = "even the lower bound is above the limit"
        elif interval.upper <= limit:
            sure = "the upper bound keeps the limit"
    elif interval.upper < limit:
        sure = "even the upper bound is below the limit"
    elif interval.lower >= limit:
        sure = "the lower bound reaches the limit"
    else:
        sure = "the limit lies between the bounds"
    images = "image" if interval.images == 1 else "images"
    return [
        f"  {''.join(cells).rstrip()}   ● measured  ┃ limit",
        f"  {_percent(interval.confidence)} bounds [{interval.lower:.4f}, {interval.upper:.4f}]: {sure}",
        f"  from {interval.images} {images} that weigh like {interval.effective_images:.1f} equal ones",
    ]


def _percent(share: float) -> str:
    return f"{100 * share:g} %"


def cells_of(group: Group) -> tuple[str, ...]:
    """The cells of a row, as :func:`headings` has them."""
    record, *others = group
    interval = record.interval
    return (
        label(group),
        shown_value(record),
        limit_text(group),
        "" if interval is None else f"[{interval.lower:.3f}, {interval.upper:.3f}]",
        "" if record.images is None or others else str(record.images),
        record.verdict.value,
        note(group),
    )


def _line(row: Sequence[str], wide: Sequence[int]) -> str:
    left = {0, 5, 6}
    cells = []
    for k, (cell, columns) in enumerate(zip(row, wide, strict=True)):
        space = " " * (columns - _columns(cell))
        cells.append(cell + space if k in left else space + cell)
    return "  ".join(cells).rstrip()


def _columns(text: str) -> int:
    """How many columns of a terminal ``text`` takes: two for wide letters, none for combining marks."""
    if text.isascii():
        return len(text)
    return sum((not combining(c)) + (east_asian_width(c) in "WF") for c in text)


def _wrapped(text: str, width: int) -> list[str]:
    lines = textwrap.wrap(text, width, break_on_hyphens=False)
    return lines if len(lines) <= _NOTE_LINES else [*lines[:_NOTE_LINES], "..."]


def relative(path: str, start: str) -> str:
    """``path`` as someone standing in ``start`` would type it."""
    try:
        return os.path.relpath(path, start)
    except ValueError:  # another drive
        return path
