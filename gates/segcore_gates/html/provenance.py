"""What was read, what was wrong with it, what was excused, and by which rules it was counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from segcore.faults import CODES
from segcore.page.markup import Child, Markup, element, name
from segcore.page.tables import cell, head, row, table
from segcore.wording import show
from segcore_gates.report import Inputs, PolicyReport

__all__ = ["conventions", "faults", "inputs", "missing_images", "waivers"]

_EXAMPLES: Final = 5
_MISSING: Final = 50


def inputs(report: PolicyReport, *, anchor: str) -> Markup:
    """The files behind the numbers, with their hashes."""
    given = report.inputs
    rows = [
        row(
            info["role"],
            cell(name(info["spec"])),
            cell(str(info["images"]), value=info["images"], key="images", right=True),
            *_counted(given, info["role"]),
            cell(element("code", info["sha256"])),
        )
        for info in given.inputs
    ]
    rows.append(
        row("policy", cell(name(report.path)), *[cell()] * 5, cell(element("code", report.sha256 or "")))
    )
    heads = [head("role"), head("what"), head("images", right=True)]
    heads += [head(key, right=True) for key in ("read", "used", "rejected", "ignored")]
    heads += [head("SHA-256")]
    return _section(
        "Inputs",
        anchor,
        table("What was read, in annotations, and the hash of its bytes", heads, rows),
        _ignored(given),
    )


def _counted(given: Inputs, role: str) -> list[Markup]:
    counts: Mapping[str, Any] = given.counts.get(role, {})
    found = [counts.get(key) for key in ("annotations_read", "used", "rejected")]
    ignored = counts.get("ignored")
    found.append(None if ignored is None else sum(ignored.values()))
    return [cell(None if n is None else str(n), value=n, right=True) for n in found]


def _ignored(given: Inputs) -> Markup | None:
    lines = [
        element("li", f"{side}: {n} ignored, {reason}")
        for side, counts in sorted(given.counts.items())
        for reason, n in sorted(counts.get("ignored", {}).items())
        if n
    ]
    return element("ul", lines) if lines else None


def missing_images(given: Inputs) -> Markup | None:
    """The gold images that were not delivered, the first 50 of them."""
    missing = [] if given.images is None else given.images["missing_in_delivery"]
    if not missing:
        return None
    more = f" The first {_MISSING} of them:" if len(missing) > _MISSING else ""
    return element(
        "details",
        element(
            "summary", f"{len(missing)} gold images were not delivered; they count as missed.{more}"
        ),
        element("ul", [element("li", name(key)) for key in missing[:_MISSING]]),
    )


def faults(given: Inputs, *, anchor: str) -> Markup | None:
    """What is wrong with the inputs, by kind, errors first; None if nothing is."""
    by_code: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for fault in given.faults:
        by_code.setdefault((fault["severity"], fault["code"]), []).append(fault)
    if not by_code:
        return None
    rows = []
    for (severity, code), found in sorted(by_code.items()):
        meaning = CODES[code][1] if code in CODES else ""
        more = len(found) - _EXAMPLES
        examples = [element("li", _place(fault)) for fault in found[:_EXAMPLES]]
        examples += [element("li", f"and {more} more, in the JSON report")] if more > 0 else []
        rows.append(
            row(
                element("code", code),
                cell(severity),
                cell(str(len(found)), value=len(found), key="faults", right=True),
                cell(meaning),
                cell(element("ul", examples)),
            )
        )
    heads = [head("code"), head("severity"), head("times", right=True), head("means"), head("where")]
    return _section("Faults of the input", anchor, table("Faults by kind", heads, rows, class_="faults"))


def _place(fault: Mapping[str, Any]) -> list[Child]:
    parts: list[Child] = [name(fault["file"]) if fault.get("file") else None]
    if fault.get("image") is not None:
        parts += [", image ", name(fault["image"])]
    if fault.get("annotation") is not None:
        parts += [", annotation ", name(fault["annotation"])]
    if fault.get("expected"):
        parts.append(f": expected {fault['expected']}")
    if fault.get("got"):
        parts.append(f", got {fault['got']}")
    return parts


def waivers(entries: Sequence[Mapping[str, Any]], *, anchor: str) -> Markup | None:
    """What was excused, by whom, why and for how long; None if nothing was."""
    if not entries:
        return None
    columns = list(dict.fromkeys(key for entry in entries for key in entry))
    return _section(
        "Waivers",
        anchor,
        table(
            "Gates that are excused",
            [head(column) for column in columns],
            [
                row(
                    name(_text(entry.get(columns[0]))),
                    [cell(name(_text(entry.get(key)))) for key in columns[1:]],
                )
                for entry in entries
            ],
        ),
    )


def _text(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else show(value)


def conventions(given: Inputs, *, anchor: str) -> Markup | None:
    """The rules behind the numbers."""
    if not given.conventions:
        return None
    said = sorted(given.conventions.items())
    return _section(
        "Conventions",
        anchor,
        element("p", "How things were counted. Other tools count some of them differently."),
        element("dl", [[element("dt", topic), element("dd", text)] for topic, text in said]),
    )


def _section(title: str, anchor: str, *children: Child) -> Markup:
    return element(
        "section",
        element("h3", title, id=f"{anchor}-h"),
        *children,
        id=anchor,
        aria_labelledby=f"{anchor}-h",
    )
