"""Metrics of objects ranked by confidence: average precision and average recall, as COCO has them."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Final, Literal

from segcore.average_precision import BANDS, IOU_THRESHOLDS, mean
from segcore_gates.metrics.finding import Counts, Credit, Finding, How, class_indices
from segcore_gates.metrics.objects import counted, f1_parts, one_sided, without_objects
from segcore_gates.views import View

if TYPE_CHECKING:
    from segcore.instance_evaluation import InstanceEvaluation
    from segcore_gates.rules import Rule

__all__ = ["AP", "AR", "BOUNDARY_AP"]

_UNSCORED: Final = (
    "ranks objects by confidence, and the delivery has objects without a score: gate people's work with "
    "f1 or pq, or state `scores: equal` or `scores: area` in this gate"
)


def _how(title: str, curve: Literal["precision", "recall"], about: str) -> How[InstanceEvaluation]:
    def find(rule: Rule, evaluation: InstanceEvaluation) -> Finding:
        if refused := without_objects(rule, evaluation):
            return refused
        if not evaluation.has_scores:
            return Finding(error=f"{title} {_UNSCORED}", images=None)
        objects = counted(rule, evaluation)
        known = one_sided(rule, objects, extra_counts=False)
        if known is not None:
            return known
        band = list(BANDS).index("all" if rule.size is None else rule.size.value)
        ranked = evaluation.boundary_average_precision if rule.dilation else evaluation.average_precision
        (index,) = class_indices(rule, evaluation)
        values = getattr(ranked, curve)[band, index]
        return Finding(
            value=mean(values[[IOU_THRESHOLDS.index(iou) for iou in rule.ious]].tolist()) or Fraction(0),
            images=objects.support_images,
            instances=objects.support_instances,
            confusions=objects.confusions,
            worst=objects.lowest(*f1_parts(objects)),
        )

    find.__doc__ = about
    return How(
        title=title,
        view=lambda rule: View(task="instance", scores=rule.scores, dilation=rule.dilation),
        find=find,
        of_image="F1",
        objects=Counts(missed=True, extra=curve == "precision", credit=Credit.OVERLAPS),
        no_bound=f"{title} has no bound, because it ranks the objects of all images together: write "
        "`judge: estimate`, or gate f1",
    )


AP = _how(
    "AP",
    "precision",
    """Average precision of a class at one overlap, or the mean over several.

    By COCO it is undefined for a class without gold; here one that only the delivery has is 0, like
    everywhere else.  A size band is missing where the gold has no such object.  Crowds and objects of
    other sizes are ignored by COCO's rule.  Without scores it is an error, unless the policy states
    what stands for them.  The worst images are those of lowest F1, at the least of the overlaps.
    """,
)
AR = _how(
    "AR",
    "recall",
    """Average recall of a class with up to 100 objects an image; cases as for AP.""",
)
BOUNDARY_AP = _how(
    "boundary AP",
    "precision",
    """AP by the smaller of IoU and boundary IoU (Cheng et al., CVPR 2021); cases and bands as for AP.

    The worst images are those of lowest F1 by the same measure.
    """,
)
