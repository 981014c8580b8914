"""What ``segcore agree`` prints: classes with the lowest agreement first, then the annotators."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from segcore.agreement.cause import Cause, Finding
from segcore.agreement.ceiling import HumanCeiling
from segcore.agreement.drift import Drift
from segcore.agreement.found import Agreement, ClassAgreement
from segcore.cli.output import share, table_text

__all__ = [
    "annotator_rows",
    "class_headings",
    "class_rows",
    "drift_text",
    "finding_text",
    "matrix_rows",
    "notes",
    "pair_names",
    "ranked",
    "report_text",
]

MAX_PAIRS: Final = 6
"""Pairs with a column of their own; the JSON has all."""


def report_text(found: Agreement) -> str:
    """The tables and what they rest on."""
    headings = class_headings(found)
    parts = [table_text(headings, class_rows(found))]
    names = found.names
    parts.append(table_text(["mean IoU", *names], matrix_rows(found)))
    parts.append(table_text(ANNOTATORS, annotator_rows(found), notes=["", *notes(found)]))
    return "\n".join(parts)


def ranked(found: Agreement) -> list[ClassAgreement]:
    """The classes somebody marks, the lowest agreement first."""
    there = [one for one in found.classes if one.ceiling.iou is not None]
    return sorted(there, key=lambda one: (one.ceiling.iou or 0.0, one.name))


def pair_names(found: Agreement) -> list[str]:
    """``li ~ maria`` of every pair; none where they are too many to stand side by side."""
    names, pairs = found.names, found.table.pairs
    return [f"{names[a]} ~ {names[b]}" for a, b in pairs] if 1 < len(pairs) <= MAX_PAIRS else []


def class_headings(found: Agreement) -> list[str]:
    """Of the table of classes."""
    objects = [] if found.objects is None else ["object F1"]
    return [
        "class", "human IoU", "95 % from", "to", "boundary", "alpha", *objects, *pair_names(found),
        "images", "why",
    ]  # fmt: skip


def class_rows(found: Agreement) -> list[list[str]]:
    """A row a class."""
    rows = []
    several = bool(pair_names(found))
    for one in ranked(found):
        at = found.ontology.names.index(one.name)
        row = [one.name, *_ceiling(one.ceiling), share(one.boundary.iou), share(one.alpha)]
        if found.objects is not None:
            f1 = [pair[at].f1 for pair in found.objects]
            row.append(share(_mean([value for value in f1 if value is not None])))
        if several:
            row += [share(value) for value in one.pair_iou]
        rows.append([*row, str(one.ceiling.images), finding_text(one.finding, found.names)])
    return rows


def finding_text(finding: Finding, names: Sequence[str]) -> str:
    """``annotator li (.41 with the others, who reach .88)``."""
    if finding.cause is not Cause.ANNOTATOR or finding.annotator is None:
        return finding.cause.value
    own, rest = finding.own or 0.0, finding.rest or 0.0
    return f"annotator {names[finding.annotator]} ({own:.2f} with the others, who reach {rest:.2f})"


def matrix_rows(found: Agreement) -> list[list[str]]:
    """Annotator x annotator: the mean over classes of their IoU."""
    names = found.names
    mean = {
        pair: _mean([
            value for one in found.classes if (value := one.pair_iou[at]) is not None
        ])
        for at, pair in enumerate(found.table.pairs)
    }  # fmt: skip
    return [
        [name, *(share(mean.get((min(i, j), max(i, j)))) for j in range(len(names)))]
        for i, name in enumerate(names)
    ]


ANNOTATORS: Final = (
    "annotator", "images", "IoU with the others", "with the majority", "STAPLE sensitivity",
    "specificity", "drift",
)  # fmt: skip
"""The headings of the table of annotators."""


def annotator_rows(found: Agreement) -> list[list[str]]:
    """A row an annotator; means over the classes for which there is a number."""
    rows = []
    for place, one in enumerate(found.annotators):
        own = [at for at, pair in enumerate(found.table.pairs) if place in pair]
        with_others = [
            value for c in found.classes for at in own if (value := c.pair_iou[at]) is not None
        ]
        majority = [value for c in found.classes if (value := c.majority_iou[place]) is not None]
        estimates = [c.staple for c in found.classes if c.staple is not None]
        rows.append([
            one.name,
            str(one.images),
            share(_mean(with_others)),
            share(_mean(majority)),
            share(_mean([s.sensitivity[place] for s in estimates])),
            share(_mean([s.specificity[place] for s in estimates])),
            drift_text(found.drift[place]),
        ])  # fmt: skip
    return rows


def drift_text(drift: Drift) -> str:
    """What the control chart of an annotator says, in a few words."""
    if not drift.baseline:
        return f"not judged: {drift.images} dated images, 20 are needed" if drift.images else "no dates"
    if drift.alarm is None:
        return f"none in {drift.images} images"
    way = "falls" if drift.falling else "rises"
    return f"{way} from {drift.alarm} on ({drift.alarm_at})"


def notes(found: Agreement) -> list[str]:
    """What the tables rest on, and what they leave out."""
    lines = [
        f"Krippendorff's alpha {share(found.alpha)} over {found.pixels} pixels of "
        f"{len(found.images)} images; {found.undecided_px} pixels have no majority",
    ]
    if found.single_images:
        lines.append(f"{found.single_images} images with one annotator are in no number")
    unmarked = len(found.classes) - len(ranked(found))
    if unmarked:
        lines.append(f"{unmarked} classes that nobody marks are not shown")
    if found.no_objects:
        lines.append(f"objects are not matched: {found.no_objects}")
    lines += [
        f"human IoU: the mean over the pairs; boundary: bands {found.dilation} wide; why: agreed from "
        f"an IoU of {found.agree_at:g} on (--agree-at; 0.75 is a proposal)",
        "source of every number: computed from these annotations",
        "people who agree can be wrong together: no number here says what is true",
    ]
    return lines


def _ceiling(ceiling: HumanCeiling) -> list[str]:
    return [share(ceiling.iou), share(ceiling.lower), share(ceiling.upper)]


def _mean(values: Sequence[float]) -> float | None:
    defined = [value for value in values if not math.isnan(value)]
    return math.fsum(defined) / len(defined) if defined else None
