"""The gates of a policy as typed models, one for each metric.

A field's description is what an editor shows beside the key.  ``settings`` gives what the metric is told
beside its limits, as fields of :class:`segcore_gates.rules.Rule`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal, get_args

from pydantic import Field

from segcore_gates.gate_base import (
    BatchGate,
    CeilingGate,
    FloorGate,
    MetricGate,
    Model,
    ShareCeilingGate,
)
from segcore_gates.gate_values import (
    SWEEP,
    BandWidth,
    CurvePoints,
    Overlap,
    Overlaps,
    PerClass,
    Pixels,
    Text,
)
from segcore_gates.rules import Level, Size

__all__ = ["GATE_MODELS", "AgreementGate", "Gate", "SizedGate", "Sizes"]

_BAND: Final = (
    "Width of the band inside outlines: a share of the diagonal such as 0.02, or pixels such as 5px."
)


class ClassIouGate(FloorGate):
    """IoU, class by class."""

    metric: Literal["iou"] = Field(description="Pooled intersection over union of each class.")


class MeanIouGate(BatchGate):
    """Mean IoU over the classes."""

    metric: Literal["mean-iou"] = Field(description="Mean of the class IoUs, over classes that occur.")


class BadImageShareGate(ShareCeilingGate):
    """Share of the images on which a class is wrong, class by class."""

    metric: Literal["bad-image-share"] = Field(
        description="Share of the images on which the IoU of each class is below below_iou."
    )
    below_iou: Overlap = Field(
        description="The IoU below which a class is wrong on an image, such as 0.5."
    )

    def settings(self) -> dict[str, Any]:
        """What makes an image bad."""
        return {"below_iou": self.below_iou}


class BoundaryIouGate(FloorGate):
    """Boundary IoU, class by class."""

    metric: Literal["boundary-iou"] = Field(
        description="Pooled IoU of the bands inside the outlines of each class."
    )
    dilation: BandWidth = Field(description=_BAND)

    def settings(self) -> dict[str, Any]:
        """The width of the band."""
        return {"dilation": self.dilation}


class _ToleranceGate(FloorGate):
    tolerance_px: Pixels = Field(
        description="How far apart in pixels outlines may lie and still agree, such as 2."
    )

    def settings(self) -> dict[str, Any]:
        """The tolerance."""
        return {"tolerance_px": self.tolerance_px}


class NsdGate(_ToleranceGate):
    """Normalised surface distance, class by class."""

    metric: Literal["nsd"] = Field(
        description="Share of the outline pixels of both sides within tolerance_px of the other outline."
    )


class BoundaryF1Gate(_ToleranceGate):
    """Boundary F1, class by class."""

    metric: Literal["boundary-f1"] = Field(
        description="Harmonic mean of the shares of either outline within tolerance_px of the other."
    )


class Hd95Gate(CeilingGate):
    """The 95 % Hausdorff distance, class by class."""

    metric: Literal["hd95"] = Field(
        description="95 % Hausdorff distance of the outlines in pixels, mean over images."
    )


class AssdGate(CeilingGate):
    """The average symmetric surface distance, class by class."""

    metric: Literal["assd"] = Field(
        description="Average distance of the outlines in pixels, mean over images."
    )


class Sizes(Model):
    """Floors of objects of one size band of COCO."""

    small: PerClass | None = Field(default=None, description="Gold objects up to 32 x 32 pixels.")
    medium: PerClass | None = Field(default=None, description="From 32 x 32 to 96 x 96 pixels.")
    large: PerClass | None = Field(default=None, description="From 96 x 96 pixels.")
    absent: Level | None = Field(
        default=None,
        description=(
            "What a size without anything to judge does, because the gold of the class has no such "
            "object: error or warn. Without this key it is as absent of the gate says."
        ),
    )

    def given(self) -> dict[Size, PerClass]:
        """Those that are written."""
        found = {size: getattr(self, size.value) for size in Size}
        return {size: limits for size, limits in found.items() if limits is not None}


class SizedGate(FloorGate):
    """A metric of objects that may be judged by size band too, or only by it."""

    takes_stuff: ClassVar[bool] = False
    min: PerClass | None = Field(  # type: ignore[assignment]  # may be left out beside `sizes`
        default=None,
        description=(
            "The floor of each class, a share; default covers the classes that are not named. "
            "May be left out beside sizes."
        ),
    )
    sizes: Sizes | None = Field(
        default=None,
        description="Floors by size band, each judged by itself: class-f1@small[car].",
    )


class _MatchedGate(SizedGate):
    iou: Overlap = Field(description="The least IoU at which an object counts as found, such as 0.5.")

    def settings(self) -> dict[str, Any]:
        """The one overlap."""
        return {"ious": (self.iou,)}


class _BandedGate(_MatchedGate):
    dilation: BandWidth | None = Field(
        default=None,
        description=f"Found is then what reaches iou by IoU and by boundary IoU. {_BAND}",
    )

    def settings(self) -> dict[str, Any]:
        """The overlap, and the width of the band."""
        return {**super().settings(), "dilation": self.dilation}


class F1Gate(_BandedGate):
    """F1, class by class."""

    metric: Literal["f1"] = Field(description="2 x matched / (2 x matched + missed + extra) objects.")


class PrecisionGate(_BandedGate):
    """Precision, class by class."""

    metric: Literal["precision"] = Field(description="Matched of the delivered objects.")


class RecallGate(_BandedGate):
    """Recall, class by class."""

    metric: Literal["recall"] = Field(description="Matched of the gold objects.")


class MatchedIouGate(_MatchedGate):
    """Mean IoU of what was found, class by class."""

    metric: Literal["matched-iou"] = Field(description="Mean IoU of the matched objects.")


class GoodObjectShareGate(FloorGate):
    """Share of the gold objects that are drawn well enough for their size, class by class."""

    takes_stuff: ClassVar[bool] = False
    metric: Literal["good-object-share"] = Field(
        description="Share of the gold objects whose match has the IoU that curve asks of their size."
    )
    curve: CurvePoints = Field(
        description=(
            "The least IoU by the area of the gold object in pixels, such as {100: 0.4, 1000: 0.9}: "
            "linear between, constant beyond."
        )
    )

    def settings(self) -> dict[str, Any]:
        """The curve."""
        return {"curve": tuple((int(area), share) for area, share in self.curve.items())}


class _RankedGate(SizedGate):
    takes_groups: ClassVar[bool] = False

    iou: Overlaps = Field(
        description='The overlap: 0.5, 0.75 (steps of 0.05); "0.5:0.95" is the mean over all ten.'
    )
    scores: Literal["equal", "area"] | None = Field(
        default=None,
        description=(
            "What stands for confidences where the delivery has none: equal (all alike) or area (the "
            "larger, the surer)."
        ),
    )

    def settings(self) -> dict[str, Any]:
        """The overlaps and what stands for scores."""
        from segcore.average_precision import IOU_THRESHOLDS, ScoreRule

        one = () if self.iou == SWEEP else (float(self.iou),)
        return {
            "ious": one or IOU_THRESHOLDS,
            "scores": None if self.scores is None else ScoreRule(self.scores),
        }


class ApGate(_RankedGate):
    """Average precision, class by class."""

    metric: Literal["ap"] = Field(description="Average precision of each class, as COCO defines it.")


class ArGate(_RankedGate):
    """Average recall, class by class."""

    metric: Literal["ar"] = Field(
        description="Average recall of each class, up to 100 objects an image."
    )


class BoundaryApGate(_RankedGate):
    """Boundary AP, class by class."""

    metric: Literal["boundary-ap"] = Field(
        description="Average precision of each class by the smaller of IoU and boundary IoU."
    )
    dilation: BandWidth = Field(description=_BAND)

    def settings(self) -> dict[str, Any]:
        """As for AP, and the width of the band."""
        return {**super().settings(), "dilation": self.dilation}


class _SegmentGate(FloorGate):
    needs_things: ClassVar[bool] = True


class PqGate(_SegmentGate):
    """Panoptic quality, class by class."""

    metric: Literal["pq"] = Field(
        description="Panoptic quality: sum of the IoUs of matched segments / (TP + FP / 2 + FN / 2)."
    )


class SqGate(_SegmentGate):
    """Segmentation quality, class by class."""

    metric: Literal["sq"] = Field(description="Segmentation quality: mean IoU of the matched segments.")


class RqGate(_SegmentGate):
    """Recognition quality, class by class."""

    metric: Literal["rq"] = Field(
        description="Recognition quality: TP / (TP + FP / 2 + FN / 2) of the segments."
    )


class MeanPqGate(BatchGate):
    """Mean panoptic quality over classes."""

    needs_things: ClassVar[bool] = True
    metric: Literal["mean-pq"] = Field(
        description="Mean of the panoptic qualities of the classes that occur."
    )
    classes: Literal["all", "things", "stuff"] = Field(
        default="all", description="Over which classes the mean is: all, things or stuff."
    )

    def settings(self) -> dict[str, Any]:
        """Over which classes the mean is."""
        return {"kinds": self.classes}


class AgreementGate(FloorGate):
    """Agreement of annotators, class by class."""

    takes_groups: ClassVar[bool] = False
    metric: Literal["agreement"] = Field(
        description="Mean IoU of every two annotators of the same images, of each class."
    )
    annotators: Annotated[dict[str, Text], Field(min_length=2)] | None = Field(
        default=None,
        description=(
            "Who is compared, such as {maria: png:maria/, li: png:li/}; without this key everybody "
            "who annotated the delivery."
        ),
    )


AnyGate = (
    ClassIouGate
    | MeanIouGate
    | BadImageShareGate
    | BoundaryIouGate
    | NsdGate
    | BoundaryF1Gate
    | Hd95Gate
    | AssdGate
    | F1Gate
    | PrecisionGate
    | RecallGate
    | MatchedIouGate
    | GoodObjectShareGate
    | ApGate
    | ArGate
    | BoundaryApGate
    | PqGate
    | SqGate
    | RqGate
    | MeanPqGate
    | AgreementGate
)
Gate = Annotated[AnyGate, Field(discriminator="metric")]

GATE_MODELS: Final[Mapping[str, type[MetricGate]]] = {
    get_args(model.model_fields["metric"].annotation)[0]: model for model in get_args(AnyGate)
}
"""By metric, in the order messages name them."""
