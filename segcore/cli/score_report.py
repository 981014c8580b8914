"""What ``segcore score`` prints and writes as CSV, for each task."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final, NamedTuple

from segcore.cli.output import share, table_text
from segcore.evaluation import ClassScores, Evaluation, MeasuredBatch
from segcore.instance_evaluation import InstanceEvaluation, InstanceScores
from segcore.wording import escaped

__all__ = ["csv_rows", "report_text"]

MAX_NAMES: Final = 5
"""Image keys named in one line of the summary."""

_SEMANTIC: Final = {
    name: name
    for name in (
        "id", "name", "iou", "dice", "precision", "recall", "intersection", "union", "gold_pixels",
        "delivery_pixels", "support_images", "support_instances",
    )
}  # fmt: skip

_COCO: Final = (
    "ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large",
    "ar1", "ar10", "ar", "ar_small", "ar_medium", "ar_large",
)  # fmt: skip

_INSTANCE: Final = {
    "id": "id",
    "name": "name",
    **{name: f"coco.{name}" for name in _COCO},
    **{f"{name}_50": f"at50.{name}" for name in ("f1", "precision", "recall")},
    **{f"{name}_75": f"at75.{name}" for name in ("f1", "precision", "recall")},
    **{name: f"at50.{name}" for name in ("matched", "missed", "extra")},
    "merged": "merged",
    "split": "split",
    "mean_matched_iou": "mean_iou",
    "support_images": "support_images",
    "support_instances": "support_instances",
}


def csv_rows(evaluation: MeasuredBatch) -> tuple[list[str], list[list[Any]]]:
    """Headings and a row a class, in ontology order."""
    columns = _LAYOUTS[type(evaluation)].columns
    read = attrgetter(*columns.values())
    return list(columns), [list(read(scores)) for scores in evaluation.classes]


def report_text(evaluation: MeasuredBatch) -> str:
    """The table, worst class first, and below it the sums and the conventions.

    Classes that cannot be scored come last.
    """
    headings, rows, summary = _LAYOUTS[type(evaluation)].parts(evaluation)
    notes = ["", *summary, *_notes(evaluation)]
    return table_text(headings, rows, notes=[escaped(note) for note in notes])


_Parts = tuple[Sequence[str], Sequence[Sequence[str]], list[str]]


def _semantic(evaluation: Evaluation) -> _Parts:
    def worst_first(c: ClassScores) -> tuple[bool, float]:
        return c.iou is None, c.iou or 0.0

    ranked = sorted(evaluation.classes, key=worst_first)
    rows = [
        (c.name, share(c.iou), share(c.dice), share(c.precision), share(c.recall), str(c.support_images))
        for c in ranked
    ]
    scored = sum(c.iou is not None for c in ranked)
    summary = (
        f"mean IoU {share(evaluation.mean_iou)} over {scored} classes, "
        f"pixel accuracy {share(evaluation.pixel_accuracy)}, "
        f"frequency-weighted IoU {share(evaluation.frequency_weighted_iou)}"
    )
    return ("class", "IoU", "Dice", "precision", "recall", "gold images"), rows, [summary]


def _instance(evaluation: InstanceEvaluation) -> _Parts:
    def worst_first(c: InstanceScores) -> tuple[bool, float, bool, float]:
        f1 = c.at50.f1
        return f1 is None, f1 or 0.0, c.coco.ap is None, c.coco.ap or 0.0

    rows = [
        (
            c.name,
            *map(share, (c.coco.ap, c.coco.ap50, c.coco.ap75, c.at50.f1, c.at75.f1)),
            *map(str, (c.at50.missed, c.at50.extra, c.support_instances)),
        )
        for c in sorted(evaluation.classes, key=worst_first)
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
    headings = ("class", "AP", "AP50", "AP75", "F1@.5", "F1@.75", "missed", "extra", "gold objects")
    return headings, rows, summary


def _notes(evaluation: MeasuredBatch) -> list[str]:
    images = evaluation.images
    return [
        f"images: {len(images.paired)} compared, "
        f"{_named(images.missing_in_delivery, 'missing in the delivery')}, "
        f"{_named(images.extra_in_delivery, 'not in the gold')}",
        *(f"{_words(key)}: {_words(value)}" for key, value in sorted(evaluation.conventions.items())),
    ]


def _named(keys: Sequence[str], what: str) -> str:
    if not keys:
        return f"0 {what}"
    more = ", ..." if len(keys) > MAX_NAMES else ""
    return f"{len(keys)} {what} ({', '.join(keys[:MAX_NAMES])}{more})"


def _words(value: Any) -> str:
    return str(value).replace("_", " ")


class _Layout(NamedTuple):
    """How the evaluations of one task are shown.

    ``columns`` are those of the CSV file, and the attributes they come from.
    """

    columns: Mapping[str, str]
    parts: Callable[[Any], _Parts]


_LAYOUTS: Final[Mapping[type[MeasuredBatch], _Layout]] = {
    Evaluation: _Layout(_SEMANTIC, _semantic),
    InstanceEvaluation: _Layout(_INSTANCE, _instance),
}
