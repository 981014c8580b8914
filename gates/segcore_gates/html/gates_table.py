"""The verdicts of a policy: one row a gate and class, what blocks first, and what is behind each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from segcore.page.markup import Child, Markup, element, joined, name
from segcore.page.tables import cell, head, row, table
from segcore_gates.agreement.said import limit_text
from segcore_gates.details import detail_cells
from segcore_gates.groups import Group, grouped, label
from segcore_gates.html.interval import drawn
from segcore_gates.metrics import METRICS, title
from segcore_gates.records import Record, Verdict, measured
from segcore_gates.report import PolicyReport
from segcore_gates.rules import Metric
from segcore_gates.text import headings, headline, note, shown_value, worst_first

__all__ = ["explained", "gates_table", "verdict_mark"]

_MARKS = {
    Verdict.PASS: "\N{HEAVY CHECK MARK}",
    Verdict.WARN: "!",
    Verdict.WAIVED: "~",
    Verdict.THIN: "?",
    Verdict.FAIL: "\N{MULTIPLICATION X}",
    Verdict.MISSING: "\N{EMPTY SET}",
    Verdict.ERROR: "\N{MULTIPLICATION X}",
}


_UNFOLDED: Final = 8
"""Of what blocks, so much is shown at once; the rest unfolds."""


def verdict_mark(verdict: Verdict, *, blocks: bool) -> Markup:
    """The verdict as a word with a sign of its own, so that colour says nothing alone."""
    return element(
        "span",
        element("span", _MARKS[verdict], aria_hidden="true"),
        f" {verdict.value}",
        class_=f"verdict {verdict.value.lower()}{' blocks' if blocks else ''}",
    )


def gates_table(
    report: PolicyReport, *, anchor: str, trends: Mapping[str, Child] | None = None
) -> Markup | None:
    """The table; None where no gate was judged.  The column of trends is there only with a trend."""
    if not report.records:
        return None
    groups = grouped(worst_first(report.records))
    known = trends or {}
    heads = headings(report.records)
    columns = [head(heads[0]), head(heads[5]), head(heads[1], right=True), head(heads[2], right=True)]
    columns += [head("on a line"), head(heads[3], right=True)]
    columns += [head("since accepted")] if known else []
    columns += [head(heads[4], right=True), head("why")]
    return element(
        "section",
        element("h3", "Gates", id=f"{anchor}-h"),
        element(
            "p",
            "On the line: ",
            element("span", "\N{BLACK CIRCLE}", class_="key-value", aria_hidden="true"),
            " measured, ",
            element("span", "\N{BOX DRAWINGS HEAVY VERTICAL}", class_="key-limit", aria_hidden="true"),
            " limit, bar bounds. Shares lie between 0 and 1, drops and gaps around 0.",
        ),
        table(
            "Every gate with its value, limit and verdict; what blocks the batch comes first",
            columns,
            [_row(group, known) for group in groups],
            class_="gates",
        ),
        id=anchor,
        aria_labelledby=f"{anchor}-h",
    )


def _row(group: Group, trends: Mapping[str, Child]) -> Markup:
    record, *others = group
    interval = record.interval
    bounds = None
    if interval is not None:
        bounds = joined(
            element("span", f"{interval.lower:.3f}", data_key="lower", data_value=repr(interval.lower)),
            " to ",
            element("span", f"{interval.upper:.3f}", data_key="upper", data_value=repr(interval.upper)),
        )
    limit = limit_text(group)
    images = None if others else record.images
    return row(
        name(label(group)),
        cell(verdict_mark(record.verdict, blocks=record.blocks)),
        cell(shown_value(record), value=record.value, key="value", right=True),
        cell(limit, value=record.limit, key="limit", right=True) if limit else cell(),
        cell(drawn(record)),
        cell(bounds, right=True),
        cell(trends.get(record.id)) if trends else None,
        cell(None if images is None else str(images), value=images, key="images", right=True),
        cell(note(group)),
        data_id=record.id,
        data_records=len(group),
        data_verdict=record.verdict.value,
        class_="blocking" if record.blocks else None,
    )


def explained(report: PolicyReport, *, anchor: str) -> Markup | None:
    """What is behind the gates that are not passed, and behind those that have details to show."""
    groups = [group for group in grouped(worst_first(report.records)) if _has_more(group[0])]
    if not groups:
        return None
    return element(
        "section",
        element("h3", "What is behind the verdicts", id=f"{anchor}-h"),
        [_explained(group, unfolded=place < _UNFOLDED) for place, group in enumerate(groups)],
        id=anchor,
        aria_labelledby=f"{anchor}-h",
    )


def _has_more(record: Record) -> bool:
    shown = record.verdict is not Verdict.PASS and bool(record.worst or record.confusions)
    return shown or bool(record.details)


def _explained(group: Group, *, unfolded: bool) -> Markup:
    record = group[0]
    summary = element(
        "summary",
        verdict_mark(record.verdict, blocks=record.blocks),
        " ",
        element("strong", name(label(group))),
        f": {headline(record)}",
    )
    said = []
    if record.class_name is not None:
        said = [element("li", c.describe(record.class_name)) for c in record.confusions]
    return element(
        "details",
        summary,
        element("ul", said) if said else None,
        _worst(record),
        _details(record),
        element("p", f"line {record.policy_line} of the policy", class_="quiet"),
        open=record.blocks and unfolded,
        data_id=record.id,
    )


def _worst(record: Record) -> Markup | None:
    if not record.worst:
        return None
    if record.metric is Metric.COVERAGE:
        items = [element("li", name(worst.image)) for worst in record.worst]
        return joined(element("p", "Missing images:"), element("ul", items))
    how = METRICS.get(record.metric)
    of_image = (how.of_image if how else "") or title(record.metric)
    told = any(worst.reason for worst in record.worst)
    owned = any(worst.annotator for worst in record.worst)
    heads = [head("image"), head(of_image, right=True)]
    heads += ([head("annotator")] if owned else []) + ([head("why")] if told else [])
    return table(
        "Images to look at first",
        heads,
        [
            row(
                name(worst.image),
                cell(measured(worst.value, record.unit), value=worst.value, key="worst", right=True),
                cell(worst.annotator and name(worst.annotator)) if owned else None,
                cell(worst.reason) if told else None,
            )
            for worst in record.worst
        ],
    )


def _details(record: Record) -> Markup | None:
    if not record.details:
        return None
    columns, *lines = detail_cells(record)
    shown, total = len(lines), record.details_total
    numeric = [not isinstance(value, str) for value in record.details[0].values()]
    return table(
        f"{shown} of {total} rows" if shown < total else "Details",
        [head(column, right=right) for column, right in zip(columns, numeric, strict=True)],
        [
            row(
                name(line[0]),
                [
                    cell(name(text), right=right)
                    for text, right in zip(line[1:], numeric[1:], strict=True)
                ],
            )
            for line in lines
        ],
        class_="details",
    )
