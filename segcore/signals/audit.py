"""Whether the images of the gold are better than those of an audit that nobody was told of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segcore.signals.names import SignalResult, SignalSettings
from segcore.signals.samples import care, image_ious

if TYPE_CHECKING:
    from segcore.evaluation import Evaluation

__all__ = ["favoured_by_audit"]


def favoured_by_audit(gold: Evaluation, audit: Evaluation, settings: SignalSettings) -> SignalResult:
    """The signal ``gold-favoured`` by the IoU of images.

    Parameters
    ----------
    gold, audit : Evaluation
        The delivery against the gold, and against gold that was made afterwards for other images;
        what the audit has of the gold's images is left out.
    settings : SignalSettings
    """
    known = image_ious(gold)
    blind = {key: iou for key, iou in image_ious(audit).items() if key not in known}
    return care(
        {**known, **blind},
        known.keys(),
        p=settings.p,
        fewest=settings.images,
        what="the images of the gold are better than those of the audit",
        unit="IoU",
        why_not="no image of it can be compared",
    )
