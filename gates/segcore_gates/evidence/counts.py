"""The counts that verdicts follow from, image by image, as plain values.

A table is named by what was counted and how: ``pixels``, ``boundary 0.02``, ``outlines 3.0 px``,
``objects iou=0.5 size=small``.  A rule names its table (:func:`table_of`), so that whoever judges the
counts again need not know how objects are matched or outlines are measured.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from segcore.average_precision import BANDS, IOU_THRESHOLDS, Ranking, ScoreRule, rank_objects
from segcore.evaluation import Evaluation, MeasuredBatch
from segcore.instance_evaluation import InstanceEvaluation
from segcore.panoptic_evaluation import PanopticEvaluation
from segcore.surface_scores import assd, hd95
from segcore_gates.metrics import METRICS
from segcore_gates.metrics.finding import class_indices
from segcore_gates.metrics.objects import counted
from segcore_gates.metrics.outlines import outlines_of, surfaces_of
from segcore_gates.metrics.segments import segments_of
from segcore_gates.rules import Metric, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from segcore.evaluation import Images
    from segcore.tally import ImageCounts
    from segcore_gates.metrics.object_counts import ClassObjects

__all__ = ["counts_of", "no_counts", "ranking_of", "table_of"]

Columns = dict[str, Any]

PIXELS: Final = "pixels"
SEGMENTS: Final = "segments"

_OBJECTS: Final = frozenset(
    {Metric.F1, Metric.PRECISION, Metric.RECALL, Metric.MATCHED_IOU, Metric.GOOD_OBJECT_SHARE}
)
_SEGMENTS: Final = frozenset({Metric.PQ, Metric.SQ, Metric.RQ, Metric.MEAN_PQ})
_PIXELS: Final = frozenset({Metric.IOU, Metric.MEAN_IOU, Metric.BAD_IMAGE_SHARE})
_NEAR: Final = frozenset({Metric.NSD, Metric.BOUNDARY_F1})
_APART: Final = frozenset({Metric.HD95, Metric.ASSD})
_RANKED: Final = frozenset({Metric.AP, Metric.AR, Metric.BOUNDARY_AP})


def table_of(rule: Rule) -> str | None:
    """The table a rule is judged by; None where the counts do not say what it measures."""
    if rule.metric in _PIXELS:
        return PIXELS
    if rule.metric in _SEGMENTS:
        return SEGMENTS
    if rule.metric is Metric.BOUNDARY_IOU:
        return f"boundary {rule.dilation}"
    if rule.metric in _NEAR:
        return f"outlines {rule.tolerance_px} px"
    if rule.metric in _APART:
        return f"distances {rule.metric.value}"
    if rule.metric not in _OBJECTS | _RANKED:
        return None
    found = f"curve={rule.curve}" if rule.curve else f"iou={rule.ious[0]}"
    size = "" if rule.size is None else f" size={rule.size.value}"
    width = "" if rule.dilation is None else f" dilation={rule.dilation}"
    return f"objects {found}{width}{size}"


def ranking_of(rule: Rule) -> str | None:
    """The table of ranked objects that a rule needs beside its own; None where it needs none."""
    if rule.metric not in _RANKED:
        return None
    size = "" if rule.size is None else f" size={rule.size.value}"
    width = "" if rule.dilation is None else f" dilation={rule.dilation}"
    return f"ranked scores={'own' if rule.scores is None else rule.scores.value}{width}{size}"


def no_counts() -> dict[str, Any]:
    """Of an input that was refused."""
    images: dict[str, Any] = {"gold": 0, "keys": [], "paired": [], "missing": [], "extra": []}
    return {"images": images, "tables": {}}


def counts_of(rules: Iterable[Rule], evaluation: Callable[[Rule], MeasuredBatch]) -> dict[str, Any]:
    """The counts behind all rules that follow from counts.

    Parameters
    ----------
    rules : iterable of Rule
        Of one policy; one of them at least, since coverage always is.
    evaluation : callable
        Gives the evaluation of a rule's view.
    """
    tables: dict[str, dict[str, Columns]] = {}
    rankings: dict[tuple[int, bool], Ranking] = {}
    keys: tuple[str, ...] = ()
    images: Images | None = None
    for rule in rules:
        seen = evaluation(rule)
        images, keys = seen.images, _keys(seen)
        place = {key: k for k, key in enumerate(keys)}
        if rule.metric not in METRICS or (name := table_of(rule)) is None:
            continue
        if isinstance(seen, Evaluation) and PIXELS not in tables:
            tables[PIXELS] = {
                scores.name: {
                    **_pixels(seen.image_counts(scores.index), place),
                    "instances": scores.support_instances,
                }
                for scores in seen.classes
            }
        table = tables.setdefault(name, {})
        if isinstance(seen, PanopticEvaluation) and not table:
            table |= {
                scores.name: _objects(segments_of(seen, (scores.index,)), seen, scores.index)
                for scores in seen.classes
            }
        for class_name in rule.members or filter(None, [rule.class_name]):
            if class_name not in table:
                alone = replace(rule, class_name=class_name, members=())
                table[class_name] = _columns(alone, seen, place)
        if (ranking := ranking_of(rule)) is not None and isinstance(seen, InstanceEvaluation):
            _add_ranked(tables.setdefault(ranking, {}), rule, seen, rankings)
    if images is None:
        return no_counts()
    return {
        "images": {
            "gold": images.gold,
            "keys": list(keys),
            "paired": list(images.paired),
            "missing": list(images.missing_in_delivery),
            "extra": list(images.extra_in_delivery),
        },
        "tables": tables,
    }


def _keys(evaluation: MeasuredBatch) -> tuple[str, ...]:
    if isinstance(evaluation, Evaluation | InstanceEvaluation | PanopticEvaluation):
        return evaluation.tallies.keys
    raise TypeError(f"the {evaluation.task} evaluation holds no counts of images")


def _columns(rule: Rule, evaluation: MeasuredBatch, place: Mapping[str, int]) -> Columns:
    (index,) = class_indices(rule, evaluation)
    if isinstance(evaluation, InstanceEvaluation):
        return _objects(counted(rule, evaluation), evaluation, index)
    if not isinstance(evaluation, Evaluation):
        raise TypeError(f"{rule.id} is not judged by the {evaluation.task} evaluation")
    if rule.metric is Metric.BOUNDARY_IOU and evaluation.boundary is not None:
        return _pixels(evaluation.boundary.image_counts(index), place)
    if rule.metric in _APART:
        images = surfaces_of(index, evaluation)
        values = (hd95 if rule.metric is Metric.HD95 else assd)(images)
        return {"image": [place[key] for key in images.keys], "distance": values.tolist()}
    outlines = outlines_of(rule, evaluation)
    return {
        "image": [place[key] for key in outlines.keys],
        "gold_near": outlines.gold_near.tolist(),
        "gold": outlines.gold.tolist(),
        "delivery_near": outlines.delivery_near.tolist(),
        "delivery": outlines.delivery.tolist(),
    }


def _add_ranked(
    table: dict[str, Columns],
    rule: Rule,
    evaluation: InstanceEvaluation,
    rankings: dict[tuple[int, bool], Ranking],
) -> None:
    """The objects of the rule's class, the surest first: 1 for right, 0 for wrong."""
    name = rule.class_name or ""
    if not evaluation.has_scores:
        table[name] = {"scored": False, "one_point": False, "wanted": 0, "outcomes": {}}
        return
    key = id(evaluation), rule.dilation is not None
    if key not in rankings:
        rankings[key] = rank_objects(
            evaluation.tallies,
            num_classes=len(evaluation.ontology),
            rule=evaluation.score_rule,
            boundary=key[1],
        )
    (index,) = class_indices(rule, evaluation)
    band = list(BANDS).index("all" if rule.size is None else rule.size.value)
    known = table.setdefault(
        name,
        {
            "scored": True,
            "one_point": evaluation.score_rule is ScoreRule.EQUAL,
            "wanted": int(rankings[key].wanted[band, index]),
            "outcomes": {},
        },
    )
    for iou in rule.ious:
        found = rankings[key].outcomes(index, band=band, threshold=IOU_THRESHOLDS.index(iou))
        known["outcomes"][str(iou)] = "".join("1" if right else "0" for right in found.tolist())


def _pixels(counts: ImageCounts, place: Mapping[str, int]) -> Columns:
    return {
        "image": [place[key] for key in counts.keys],
        "intersection": counts.intersection.tolist(),
        "gold": counts.gold_pixels.tolist(),
        "delivery": counts.delivery_pixels.tolist(),
    }


def _objects(
    objects: ClassObjects, evaluation: InstanceEvaluation | PanopticEvaluation, index: int
) -> Columns:
    matched, missed, extra = objects.matched, objects.missed, objects.extra
    held = (matched + missed + extra).nonzero()[0].tolist()
    ious: dict[int, list[float]] = {image: [] for image in held}
    images = evaluation.tallies.gold_images[objects.found.gold].tolist()
    for image, iou in zip(images, objects.found.iou.tolist(), strict=True):
        ious[image].append(iou)
    return {
        "image": held,
        "matched": matched[held].tolist(),
        "missed": missed[held].tolist(),
        "extra": extra[held].tolist(),
        "ious": list(ious.values()),
        "in_gold": objects.in_gold,
        "in_delivery": objects.in_delivery,
        "thing": evaluation.ontology.classes[index].thing,
    }
