"""The HTML report: one file with a section for each policy, which asks for nothing from anywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import PurePath
from typing import Any, Final

from segcore.page.frame import framed
from segcore.page.markup import Child, Markup, element, joined, name
from segcore.page.tables import cell, head, row, table
from segcore_gates.html.content import BatchContent
from segcore_gates.html.gallery import gallery
from segcore_gates.html.gates_table import explained, gates_table
from segcore_gates.html.heatmap import heatmap
from segcore_gates.html.lost import lost_iou
from segcore_gates.html.provenance import conventions, faults, inputs, missing_images, waivers
from segcore_gates.html.trends import trends
from segcore_gates.records import Outcome, outcome_of_all
from segcore_gates.report import PolicyReport
from segcore_gates.sla import Sla
from segcore_gates.text import headline, refusal_lines, remarks, summary_line, worst_first

__all__ = ["page"]

_REASONS: Final = 8

_MEANS: Final = {
    Outcome.ACCEPT: "Every gate was judged and none blocks.",
    Outcome.INSUFFICIENT: "Nothing failed, but what there is does not prove enough.",
    Outcome.REJECT: "At least one gate blocks.",
    Outcome.INVALID: "The input was refused; nothing was judged.",
    Outcome.ERROR: "The policy could not be judged.",
}


def page(
    reports: Sequence[PolicyReport],
    contents: Mapping[str, BatchContent | str] | None = None,
    *,
    run: Mapping[str, Any] | None = None,
) -> str:
    """The text of the report.

    Parameters
    ----------
    reports : sequence of PolicyReport
    contents : mapping of str to BatchContent or str
        By the path of the report: what its batch shows, or why nothing of it can be shown.
    run : mapping
        Whatever differs from run to run; it stands in the footer, and nothing else differs.
    """
    known = contents or {}
    overall = outcome_of_all(report.outcome for report in reports)
    sections = [
        _policy(report, known.get(report.path), place=f"p{k}") for k, report in enumerate(reports, 1)
    ]
    named = ", ".join(_title(report) for report in reports)
    return framed(
        title=f"{overall.value.upper()}: {named}",
        header=_header(reports, overall),
        main=sections,
        skip="Skip to the verdicts",
        style=files("segcore_gates.html").joinpath("report.css").read_text("utf-8"),
        run=run or {},
    )


def _header(reports: Sequence[PolicyReport], overall: Outcome) -> Markup:
    several = None
    if len(reports) > 1:
        several = element(
            "nav",
            element(
                "ul",
                [
                    element(
                        "li", element("a", _title(report), href=f"#p{k}"), f": {report.outcome.value}"
                    )
                    for k, report in enumerate(reports, 1)
                ],
            ),
            aria_label="Policies",
        )
    return element(
        "header",
        element("p", "segcore gate report", class_="brand"),
        element("h1", element("span", overall.value.upper(), class_=f"outcome {overall.value}")),
        element("p", _MEANS[overall], id="outcome", data_outcome=overall.value),
        several,
    )


def _title(report: PolicyReport) -> str:
    return report.name or PurePath(report.path).name


def _policy(report: PolicyReport, content: BatchContent | str | None, *, place: str) -> Markup:
    shown = content if isinstance(content, BatchContent) else None
    return element(
        "section",
        element("h2", name(_title(report)), id=f"{place}-h"),
        _summary(report, shown),
        element("p", f"Not shown: {content}", class_="note") if isinstance(content, str) else None,
        gates_table(report, anchor=f"{place}-gates", trends=trends(report.records)),
        explained(report, anchor=f"{place}-behind"),
        _sla(shown.sla, anchor=f"{place}-sla") if shown else None,
        lost_iou(shown.lost, anchor=f"{place}-lost") if shown and shown.lost else None,
        heatmap(shown.evaluation, anchor=f"{place}-confusion") if shown else None,
        gallery(shown, anchor=f"{place}-images") if shown else None,
        faults(report.inputs, anchor=f"{place}-faults"),
        waivers(report.waivers, anchor=f"{place}-waivers"),
        conventions(report.inputs, anchor=f"{place}-conventions"),
        inputs(report, anchor=f"{place}-inputs"),
        class_="policy",
        id=place,
        aria_labelledby=f"{place}-h",
        data_policy=report.path,
    )


def _summary(report: PolicyReport, content: BatchContent | None) -> Markup:
    """Why, in a few lines."""
    if report.failure is not None:
        failed = report.outcome is Outcome.INVALID
        lines = refusal_lines(report.inputs.faults) if failed else report.failure.message.splitlines()
        return joined(
            element(
                "p", summary_line(report) if failed else report.failure.kind.value, class_="verdict-line"
            ),
            element("ul", [element("li", line) for line in lines]),
        )
    blocking = [record for record in worst_first(report.records) if record.blocks]
    more = len(blocking) - _REASONS
    why = [element("li", element("strong", name(r.id)), ": ", headline(r)) for r in blocking[:_REASONS]]
    why += [element("li", f"and {more} more, in the table")] if more > 0 else []
    return joined(
        element("p", summary_line(report), class_="verdict-line"),
        element("ul", why, class_="why-blocked") if why else None,
        _facts(report, content),
        missing_images(report.inputs),
        element("ul", [element("li", line) for line in remarks(report)], class_="remarks"),
    )


def _facts(report: PolicyReport, content: BatchContent | None) -> Markup | None:
    images = report.inputs.images
    if images is None:
        return None
    missing, extra = len(images["missing_in_delivery"]), len(images["extra_in_delivery"])
    facts: list[Child] = [
        f"{images['paired']} images judged, {missing} missing in the delivery, {extra} extra"
    ]
    if content is not None:
        facts += [f"SLA accuracy: {one.line}" for one in content.sla]
    return element("ul", [element("li", fact) for fact in facts], class_="facts")


def _sla(found: Sequence[Sla], *, anchor: str) -> Markup | None:
    if not found:
        return None
    return element(
        "section",
        element("h3", "Accuracy as agreements state it", id=f"{anchor}-h"),
        element(
            "p",
            "Perfect units / (perfect units + errors), as Sama's standard SLA has it. A class image is "
            "a class in an image that either side has it in; it is perfect if its IoU there reaches "
            "what the policy asks of the class, and one error otherwise. An object is perfect if it is "
            "matched; a missed one and an extra one are an error each. It is a share of units, not of "
            "pixels, and no gate goes by it.",
        ),
        [_sla_table(one) for one in found],
        id=anchor,
        aria_labelledby=f"{anchor}-h",
    )


def _sla_table(one: Sla) -> Markup:
    limited = any(c.limit is not None for c in one.classes)
    heads = [
        head("class"),
        head("accuracy", right=True),
        head("perfect", right=True),
        head("errors", right=True),
    ]
    heads += [head("IoU asked for", right=True)] if limited else []
    rows = [
        row(
            name(c.name),
            cell("-" if c.share is None else f"{c.share:.4f}", value=c.share, key="share", right=True),
            cell(str(c.perfect), value=c.perfect, key="perfect", right=True),
            cell(str(c.errors), value=c.errors, key="errors", right=True),
            cell(None if c.limit is None else f"{c.limit:g}", right=True) if limited else None,
            data_class=c.name,
        )
        for c in one.classes
    ]
    return table(one.line, heads, rows, class_="sla")
