"""What ``segcore score`` prints and writes as CSV, for each task."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from segcore.cli.output import share, table_text
from segcore.evaluation import Evaluation, MeasuredBatch, SideCounts
from segcore.instance_evaluation import InstanceEvaluation, InstanceScores
from segcore.instance_tally import InstanceTable
from segcore.panoptic_evaluation import PanopticEvaluation, PanopticScores
from segcore.surface_scores import mean_of
from segcore.wording import escaped

__all__ = ["csv_rows", "document", "report_text"]

MAX_NAMES: Final = 5
"""Image keys named in one line of the summary."""


def document(evaluation: MeasuredBatch, *, tolerance_px: float | None = None) -> dict[str, Any]:
    """What is written as JSON; the tolerance is that of the surfaces, where they were counted."""
    if isinstance(evaluation, Evaluation):
        return evaluation.to_json(tolerance_px=tolerance_px)
    return evaluation.to_json()


def csv_rows(classes: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[list[Any]]]:
    """Headings and a row a class, in ontology order: ``classes`` of the JSON document, made flat.

    A column is called after the keys that lead to its value, joined by ``_`` as
    ``pandas.json_normalize(..., sep="_")`` does: ``support_images``, ``f1_0.5``.
    """
    rows = [dict(_flat(scores)) for scores in classes]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    return columns, [[row.get(name) for name in columns] for row in rows]


def _flat(value: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for key, item in value.items():
        if isinstance(item, Mapping):
            yield from _flat(item, f"{path}{key}_")
        else:
            yield f"{path}{key}", item


def report_text(evaluation: MeasuredBatch, *, tolerance_px: float | None = None) -> str:
    """The table, worst class first, and below it the sums and the conventions.

    Classes that neither side has are counted below the table; others that cannot be scored come last.
    """
    outlines = _outlines(evaluation, tolerance_px)
    headings, rows, summary = _PARTS[type(evaluation)](evaluation, outlines)
    if "nsd" in outlines:
        summary.append(f"NSD and boundary F1 at a tolerance of {tolerance_px:g} px")
    left_out = len(evaluation.ontology) - len(rows)
    absent = [] if not left_out else [f"{_classes(left_out)} on neither side: not evaluated"]
    notes = ["", *absent, *summary, *_notes(evaluation)]
    return table_text(headings, rows, notes=[escaped(note) for note in notes])


_Outlines = Mapping[str, Sequence[float | None]]

_OUTLINES: Final = {
    "boundary_iou": "boundary IoU",
    "nsd": "NSD",
    "boundary_f1": "boundary F1",
    "hd95": "HD95 px",
    "assd": "ASSD px",
}


def _outlines(evaluation: MeasuredBatch, tolerance_px: float | None) -> _Outlines:
    """What was asked for of the outlines: a value for every class, in ontology order."""
    if not isinstance(evaluation, Evaluation):
        return {}
    found: dict[str, list[float | None]] = {}
    if evaluation.boundary is not None:
        found["boundary_iou"] = [scores.boundary_iou for scores in evaluation.classes]
    if evaluation.surfaces is not None:
        surfaces = evaluation.surface_scores(tolerance=tolerance_px)
        for name in ("nsd", "boundary_f1", "hd95", "assd"):
            found[name] = [getattr(scores, name) for scores in surfaces]
    return found


_Parts = tuple[Sequence[str], Sequence[Sequence[str]], list[str]]


def _semantic(evaluation: Evaluation, outlines: _Outlines) -> _Parts:
    ranked = sorted((c for c in evaluation.classes if c.union), key=lambda c: c.iou or 0.0)
    rows = [
        (
            c.name,
            *map(share, (c.iou, c.dice, c.precision, c.recall)),
            *(_shown(name, values[c.index]) for name, values in outlines.items()),
            str(c.support_images),
        )
        for c in ranked
    ]
    summary = (
        f"mean IoU {share(evaluation.mean_iou)} over {_classes(len(ranked))}, "
        f"pixel accuracy {share(evaluation.pixel_accuracy)}, "
        f"frequency-weighted IoU {share(evaluation.frequency_weighted_iou)}"
    )
    means = [f"{_OUTLINES[name]} {_shown(name, mean_of(values))}" for name, values in outlines.items()]
    notes = [summary, f"mean {', '.join(means)}"] if means else [summary]
    added = [_OUTLINES[name] for name in outlines]
    return ("class", "IoU", "Dice", "precision", "recall", *added, "gold images"), rows, notes


def _shown(name: str, value: float | None) -> str:
    """A share, or a distance with two digits."""
    if name not in {"hd95", "assd"}:
        return share(value)
    return "-" if value is None else f"{value:.2f}"


def _instance(evaluation: InstanceEvaluation) -> _Parts:
    def worst_first(c: InstanceScores) -> tuple[bool, float, bool, float]:
        f1 = c.at50.f1
        return f1 is None, f1 or 0.0, c.coco.ap is None, c.coco.ap or 0.0

    present = _present(evaluation.tallies)
    rows = [
        (
            c.name,
            *map(share, (c.coco.ap, c.coco.ap50, c.coco.ap75, c.at50.f1, c.at75.f1)),
            *([] if c.boundary is None else map(share, (c.boundary.coco.ap, c.boundary.mean_iou))),
            *map(str, (c.at50.missed, c.at50.extra, c.support_instances)),
        )
        for c in sorted((c for c in evaluation.classes if c.index in present), key=worst_first)
    ]
    total = evaluation.overall
    ap = (
        f"AP {share(total.coco.ap)}, AP50 {share(total.coco.ap50)}, AP75 {share(total.coco.ap75)}, "
        f"AR {share(total.coco.ar)}"
        if evaluation.has_scores
        else "AP and AR undefined: the delivery has no scores (--scores states a rule for them)"
    )
    summary = [
        ap,
        f"F1 {share(total.at50.f1)} at IoU .5, {share(total.at75.f1)} at .75, mean IoU of matched "
        f"objects {share(total.mean_iou)}",
        f"objects: {total.at50.matched} matched, {total.at50.missed} missed, {total.at50.extra} extra, "
        f"{total.merged} merged, {total.split} split",
    ]
    bands = total.boundary
    if bands is not None:
        summary.append(
            f"boundary AP {share(bands.coco.ap)}, F1 by the smaller of IoU and boundary IoU "
            f"{share(bands.at50.f1)} at .5, {share(bands.at75.f1)} at .75, mean boundary IoU of matched "
            f"objects {share(bands.mean_iou)}"
        )
    headings = (
        *("class", "AP", "AP50", "AP75", "F1@.5", "F1@.75"),
        *(() if bands is None else ("boundary AP", "boundary IoU")),
        *("missed", "extra", "gold objects"),
    )
    return headings, rows, summary


def _panoptic(evaluation: PanopticEvaluation) -> _Parts:
    def worst_first(c: PanopticScores) -> tuple[bool, float]:
        return c.pq is None, c.pq or 0.0

    present = _present(evaluation.tallies)
    rows = [
        (
            c.name,
            "thing" if c.thing else "stuff",
            *map(share, (c.pq, c.sq, c.rq)),
            *([] if c.boundary is None else map(share, (c.boundary.pq, c.boundary.sq, c.boundary.rq))),
            *map(str, (c.fn, c.fp, c.support_instances)),
        )
        for c in sorted((c for c in evaluation.classes if c.index in present), key=worst_first)
    ]
    kinds = ("all", "things", "stuff")
    found = [(kind, getattr(evaluation.overall, kind)) for kind in kinds]
    summary = [
        f"{kind}: PQ {share(q.pq)}, SQ {share(q.sq)}, RQ {share(q.rq)} over {_classes(q.classes)}"
        for kind, q in found
    ]
    bands = evaluation.overall.boundary
    if bands is not None:
        summary += [
            f"{kind}: boundary PQ {share(q.pq)}, boundary SQ {share(q.sq)}, boundary RQ {share(q.rq)}"
            for kind, q in ((kind, getattr(bands, kind)) for kind in kinds)
        ]
    total = evaluation.overall.all
    summary.append(
        f"segments: {total.tp} matched, {total.fn} missed, {total.fp} extra, {total.ignored} delivered "
        "ones not counted (void or crowd)"
    )
    headings = (
        *("class", "kind", "PQ", "SQ", "RQ"),
        *(() if bands is None else ("boundary PQ", "boundary SQ", "boundary RQ")),
        *("missed", "extra", "gold segments"),
    )
    return headings, rows, summary


def _present(table: InstanceTable) -> frozenset[int]:
    """The classes of which either side has an object, be it a crowd."""
    return frozenset([*table.gold.classes.tolist(), *table.delivery.classes.tolist()])


def _classes(n: int) -> str:
    return "1 class" if n == 1 else f"{n} classes"


def _notes(evaluation: MeasuredBatch) -> list[str]:
    images = evaluation.images
    return [
        f"images: {len(images.paired)} compared, "
        f"{_named(images.missing_in_delivery, 'missing in the delivery')}, "
        f"{_named(images.extra_in_delivery, 'not in the gold')}",
        *(_side(role, counts) for role, counts in evaluation.counts.items()),
        *(f"{_words(key)}: {_words(value)}" for key, value in sorted(evaluation.conventions.items())),
    ]


def _side(role: str, counts: SideCounts) -> str:
    """What became of the annotations of one input."""
    parts = [f"{counts.read} annotations read, {counts.used} used"]
    if counts.rejected:
        parts.append(f"{counts.rejected} rejected")
    if ignored := counts.ignored_text():
        parts.append(ignored)
    return f"{role}: {', '.join(parts)}"


def _named(keys: Sequence[str], what: str) -> str:
    if not keys:
        return f"0 {what}"
    more = ", ..." if len(keys) > MAX_NAMES else ""
    return f"{len(keys)} {what} ({', '.join(keys[:MAX_NAMES])}{more})"


def _words(value: Any) -> str:
    return str(value).replace("_", " ")


_PARTS: Final[Mapping[type[MeasuredBatch], Callable[[Any, _Outlines], _Parts]]] = {
    Evaluation: _semantic,
    InstanceEvaluation: lambda evaluation, _: _instance(evaluation),
    PanopticEvaluation: lambda evaluation, _: _panoptic(evaluation),
}
"""How the evaluations of one task are shown."""
