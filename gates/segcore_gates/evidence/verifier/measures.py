"""What each metric says of the counts, before it is held against a limit."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from segcore_gates.evidence.verifier.binomial import DrawnShare, SharePoints
from segcore_gates.evidence.verifier.container import RejectedError
from segcore_gates.evidence.verifier.documents import rational
from segcore_gates.evidence.verifier.ratios import Drawn, RatioPoints
from segcore_gates.evidence.verifier.tables import BatchCounts

__all__ = ["Measured", "has_bound", "measure", "recomputed"]

_FIXED = 10**12
_BY_PIXELS = {"iou", "bad-image-share", "boundary-iou", "nsd", "boundary-f1", "hd95", "assd"}
_BY_OBJECTS = {"f1", "precision", "recall", "good-object-share", "matched-iou"}
_BY_SEGMENTS = {"pq", "sq", "rq"}
_MEANS = {"mean-iou", "mean-pq"}
_RANKS = {"ap", "ar", "boundary-ap"}
_WITHOUT_BOUND = _MEANS | _RANKS | {"boundary-f1", "hd95", "assd", "matched-iou", "sq"}


class Measured:
    """A value with the evidence behind it.

    Attributes
    ----------
    value : Fraction, float or None
    images, instances : int or None
        Of the gold.
    absent, of_size, error : bool
        There is nothing to judge; of one size only; it cannot be judged.
    settled : bool
        Neither evidence nor a bound is asked for.
    points : RatioPoints, SharePoints or None
        What bounds are made of.
    """

    def __init__(self, value: Any = None, images: int | None = None, **more: Any) -> None:
        self.value: Fraction | float | None = value
        self.images = images
        self.instances: int | None = more.get("instances")
        self.absent = bool(more.get("absent"))
        self.of_size = bool(more.get("of_size"))
        self.error = bool(more.get("error"))
        self.settled = bool(more.get("settled"))
        self.points: RatioPoints | SharePoints | None = more.get("points")


def recomputed(rule: dict[str, Any]) -> bool:
    """Whether the table says what the metric of a rule says."""
    return rule["metric"] in _BY_PIXELS | _BY_OBJECTS | _BY_SEGMENTS | _MEANS | _RANKS


def has_bound(rule: dict[str, Any]) -> bool:
    """Whether the metric of a rule is a ratio of sums over images, or a share of them."""
    return rule["metric"] not in _WITHOUT_BOUND


def measure(rule: dict[str, Any], counts: BatchCounts) -> Measured:
    """The metric of a rule, of its class or of all."""
    metric = rule["metric"]
    if metric in _BY_PIXELS:
        return _of_pixels(rule, counts)
    if metric == "mean-iou":
        return _mean_iou(counts)
    if metric == "mean-pq":
        return _mean_pq(rule, counts)
    return _of_objects(rule, counts)


def _of_pixels(rule: dict[str, Any], counts: BatchCounts) -> Measured:
    rows = counts.rows("pixels", rule)
    both, gold, delivery = rows["intersection"], rows["gold"], rows["delivery"]
    images = sum(1 for n in gold if n)
    if not sum(gold) + sum(delivery):
        return Measured(None, images, instances=rows["instances"], absent=True)
    value, points = _pixel_value(rule, counts, list(zip(both, gold, delivery)))
    settled = not sum(delivery)
    return Measured(value, images, instances=rows["instances"], settled=settled, points=points)


_Valued = tuple[Any, Any]
"""A value, and the points of its bounds or None."""


def _pixel_value(rule: dict[str, Any], counts: BatchCounts, rows: list[tuple[int, int, int]]) -> _Valued:
    """The metric of a class that either side has; ``rows`` are intersection, gold and delivery."""
    metric, drawn = rule["metric"], _drawn(rule, counts)
    if metric == "iou":
        return _ratio([(i, g + d - i) for i, g, d in rows], drawn)
    if metric == "bad-image-share":
        limit = rational(rule["below_iou"])
        bad = sum(1 for i, g, d in rows if Fraction(i, g + d - i) < limit)
        if drawn is None:
            return Fraction(bad, len(rows)), SharePoints(bad, len(rows))
        population = len(rows) + drawn.population - drawn.images
        return Fraction(bad, len(rows)), DrawnShare(bad, len(rows), population)
    own = counts.rows(rule["table"], rule)
    if metric == "boundary-iou":
        bands = zip(own["intersection"], own["gold"], own["delivery"])
        return _ratio([(i, g + d - i) for i, g, d in bands], drawn)
    if metric in {"hd95", "assd"}:
        return math.fsum(own["distance"]) / len(own["distance"]), None
    gold_near, gold, delivery_near, delivery = (
        own[name] for name in ("gold_near", "gold", "delivery_near", "delivery")
    )
    if metric == "nsd":
        near = [g + d for g, d in zip(gold_near, delivery_near)]
        return _ratio(list(zip(near, [g + d for g, d in zip(gold, delivery)])), drawn)
    recall = Fraction(sum(gold_near), max(sum(gold), 1))
    precision = Fraction(sum(delivery_near), max(sum(delivery), 1))
    both = precision + recall
    return (2 * precision * recall / both if both else Fraction(0)), None


def _drawn(rule: dict[str, Any], counts: BatchCounts) -> Drawn | None:
    """From how many images the gold was drawn, where the policy says so."""
    if rule["sampled_from"] is None or not counts.gold:
        return None
    return Drawn(counts.gold, rule["sampled_from"])


def _ratio(points: list[tuple[int, int]], drawn: Drawn | None) -> tuple[Fraction, RatioPoints]:
    return Fraction(sum(i for i, _ in points), sum(u for _, u in points)), RatioPoints(points, drawn)


def _mean_iou(counts: BatchCounts) -> Measured:
    shares = []
    for rows in counts.classes("pixels"):
        both = sum(rows["intersection"])
        union = sum(rows["gold"]) + sum(rows["delivery"]) - both
        if union:
            shares.append(Fraction(both, union))
    if not shares:
        return Measured(None, counts.gold, absent=True)
    return Measured(sum(shares, Fraction(0)) / len(shares), counts.gold)


def _mean_pq(rule: dict[str, Any], counts: BatchCounts) -> Measured:
    found = []
    for rows in counts.classes("segments"):
        kind = "things" if rows["thing"] is True else "stuff"
        if rows["image"] and rule["classes"] in ("all", kind):
            weight = sum(rows["matched"]) + sum(rows["missed"]) / 2 + sum(rows["extra"]) / 2
            found.append(math.fsum(iou for ious in rows["ious"] for iou in ious) / weight)
    if not found:
        return Measured(None, counts.gold, absent=True)
    return Measured(math.fsum(found) / len(found), counts.gold)


def _of_objects(rule: dict[str, Any], counts: BatchCounts) -> Measured:
    metric = rule["metric"]
    rows = counts.rows(rule["table"], rule)
    if metric not in _BY_SEGMENTS and rows["thing"] is False:
        return Measured(error=True)  # stuff has no objects
    ranking = counts.ranking(rule["ranking"], rule) if metric in _RANKS else None
    if ranking is not None and not ranking["scored"]:
        return Measured(error=True)  # nobody said how sure the objects are
    cells = list(zip(rows["matched"], rows["missed"], rows["extra"], rows["ious"]))
    images = sum(1 for m, s, _, _ in cells if m + s)
    instances = sum(m + s for m, s, _, _ in cells)
    extra = sum(e for _, _, e, _ in cells)
    in_gold, in_delivery = rows["in_gold"], rows["in_delivery"]
    extra_counts = metric in {"f1", "precision", "pq", "rq"}
    points = _object_points(metric, cells, _drawn(rule, counts))
    if not instances and not (extra and (extra_counts or not in_gold)):
        of_size = rule["size"] is not None and (in_gold or in_delivery)
        return Measured(None, images, instances=instances, absent=True, of_size=of_size)
    if not (in_gold and in_delivery):
        settled = not (extra_counts and not in_gold)
        return Measured(Fraction(0), images, instances=instances, settled=settled, points=points)
    if ranking is not None:
        return Measured(_ranked_value(rule, ranking, instances), images, instances=instances)
    value, settled = _object_value(metric, cells)
    return Measured(value, images, instances=instances, settled=settled, points=points)


def _ranked_value(rule: dict[str, Any], ranking: dict[str, Any], instances: int) -> float:
    """The mean over the overlaps of a rule of average precision, or of recall."""
    if ranking["wanted"] != instances:
        raise RejectedError(f"counts.json: {rule['ranking']}: as many objects are not in the gold")
    found = []
    for iou in rule["ious"]:
        outcomes = ranking["outcomes"][iou]
        if rule["metric"] == "ar":
            found.append(outcomes.count("1") / instances)
        else:
            found.append(average_precision(outcomes, instances, one_point=ranking["one_point"]))
    return math.fsum(found) / len(found)


def average_precision(outcomes: str, wanted: int, *, one_point: bool) -> float:
    """Precision at 101 recalls, as COCO reads it, of objects that are right (1) or wrong (0).

    The surest comes first.  Precision at a recall is the best of all points that reach it; with
    ``one_point`` there is but the last.
    """
    points = []
    right = 0
    for place, one in enumerate(outcomes, start=1):
        right += one == "1"
        points.append((right, right / place))
    best: list[tuple[int, float]] = []
    highest = 0.0
    for reached, precision in reversed(points[-1:] if one_point else points):
        highest = max(highest, precision)
        best.append((reached, highest))
    terms = []
    for step in range(101):
        recall = step * 0.01  # not quite hundredths, as COCO has them
        while best and best[-1][0] / wanted < recall:
            best.pop()
        terms.append(best[-1][1] if best else 0.0)
    return math.fsum(terms) / 101


def _parts(metric: str, cells: list[Any]) -> list[tuple[Any, int]]:
    """Of each image what is right, and of how much."""
    if metric == "precision":
        return [(m, m + e) for m, _, e, _ in cells]
    if metric in {"recall", "good-object-share"}:
        return [(m, m + s) for m, s, _, _ in cells]
    return [(2 * m, 2 * m + s + e) for m, s, e, _ in cells]


def _object_points(metric: str, cells: list[Any], drawn: Drawn | None) -> RatioPoints | None:
    if metric in _RANKS | {"matched-iou", "sq"}:
        return None
    points = _parts(metric, cells)
    if metric == "pq":
        sums = [round(2 * math.fsum(ious) * _FIXED) for _, _, _, ious in cells]
        points = [(part, whole * _FIXED) for part, (_, whole) in zip(sums, points)]
    kept = [(part, whole) for part, whole in points if whole]
    return RatioPoints(kept, drawn) if kept else None


def _object_value(metric: str, cells: list[Any]) -> tuple[Fraction | float, bool]:
    """The value, and whether nothing is there to be counted."""
    ious = [iou for _, _, _, here in cells for iou in here]
    if metric in {"matched-iou", "sq"}:
        return (math.fsum(ious) / len(ious), False) if ious else (Fraction(0), True)
    points = _parts(metric, cells)
    whole = sum(u for _, u in points)
    if metric == "pq":
        return 2 * math.fsum(ious) / whole, False
    part = sum(i for i, _ in points)
    return (Fraction(part, whole), False) if whole else (Fraction(0), True)
