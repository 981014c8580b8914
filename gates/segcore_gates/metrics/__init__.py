"""What can be judged: one entry a metric.

A metric is a finder, ``(rule, evaluation) -> Finding``, and a :class:`How` around it that says which
view of the batch it needs.  To add one: a member of :class:`segcore_gates.rules.Metric`, its entry
here, and the model of its gate in :mod:`segcore_gates.gates`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from segcore_gates.metrics.bad_images import BAD_IMAGE_SHARE
from segcore_gates.metrics.finding import Finding, How
from segcore_gates.metrics.objects import F1, GOOD_OBJECT_SHARE, MATCHED_IOU, PRECISION, RECALL
from segcore_gates.metrics.outlines import ASSD, BOUNDARY_F1, BOUNDARY_IOU, HD95, NSD
from segcore_gates.metrics.pixels import IOU, MEAN_IOU
from segcore_gates.metrics.ranked import AP, AR, BOUNDARY_AP
from segcore_gates.metrics.segments import MEAN_PQ, PQ, RQ, SQ
from segcore_gates.rules import Metric

if TYPE_CHECKING:
    from segcore_gates.rules import Rule
    from segcore_gates.views import View

__all__ = ["METRICS", "Finding", "How", "title", "view_of"]

METRICS: Final[Mapping[Metric, How[Any]]] = {
    Metric.IOU: IOU,
    Metric.MEAN_IOU: MEAN_IOU,
    Metric.BAD_IMAGE_SHARE: BAD_IMAGE_SHARE,
    Metric.BOUNDARY_IOU: BOUNDARY_IOU,
    Metric.NSD: NSD,
    Metric.BOUNDARY_F1: BOUNDARY_F1,
    Metric.HD95: HD95,
    Metric.ASSD: ASSD,
    Metric.F1: F1,
    Metric.PRECISION: PRECISION,
    Metric.RECALL: RECALL,
    Metric.MATCHED_IOU: MATCHED_IOU,
    Metric.GOOD_OBJECT_SHARE: GOOD_OBJECT_SHARE,
    Metric.AP: AP,
    Metric.AR: AR,
    Metric.BOUNDARY_AP: BOUNDARY_AP,
    Metric.PQ: PQ,
    Metric.SQ: SQ,
    Metric.RQ: RQ,
    Metric.MEAN_PQ: MEAN_PQ,
}
"""Every metric a gate may have; coverage is a rule of its own."""


def view_of(rule: Rule) -> View | None:
    """What a rule needs to know of the batch; None is content with any view."""
    return None if rule.metric is Metric.COVERAGE else METRICS[rule.metric].view(rule)


def title(metric: Metric) -> str:
    """What reports write in front of a value."""
    return METRICS[metric].title if metric in METRICS else metric.value
