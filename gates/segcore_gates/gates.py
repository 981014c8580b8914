"""The gates of a policy as typed models, one for each metric.

A field's description is what an editor shows beside the key.  ``settings`` gives what the metric is told
beside its limits, as fields of :class:`segcore_gates.rules.Rule`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from segcore_gates.gate_values import (
    SWEEP,
    BandWidth,
    Confidence,
    CurvePoints,
    Name,
    Overlap,
    Overlaps,
    PerClass,
    PerClassPx,
    Pixels,
    Share,
    kind,
)
from segcore_gates.rules import Judge, Level, Size, Thin

__all__ = [
    "ABSENT",
    "CONFIDENCE",
    "GATE_MODELS",
    "JUDGE",
    "SEVERITY",
    "BatchGate",
    "CeilingGate",
    "ClassGate",
    "FloorGate",
    "Gate",
    "Model",
    "SizedGate",
    "Sizes",
    "Support",
]

BAND = "Width of the band inside outlines: a share of the diagonal such as 0.02, or pixels such as 5px."
ABSENT = "What a gated class does that neither side contains: error or warn."
CONFIDENCE = "One-sided confidence of the bound, between 0.5 and 1."
JUDGE = "What is compared with min: the estimate, or the pessimistic end of its interval (bound)."
SEVERITY = "error fails the batch, warn never does."


class Model(BaseModel):
    """Knows its keys and takes no other."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Support(Model):
    """How much gold makes a judgement."""

    images: int = Field(
        default=30,
        ge=1,
        strict=True,
        description="Gold images that hold the class; fewer is thin evidence.",
    )
    instances: int = Field(
        default=0, ge=0, strict=True, description="Gold instances of the class; fewer is thin evidence."
    )


class _Gate(Model):
    needs_things: ClassVar[bool] = False
    """Whether the ontology has to say which classes are things."""

    severity: Level | None = Field(default=None, description=SEVERITY)
    judge: Judge | None = Field(
        default=None,
        description=JUDGE,
    )
    confidence: Confidence | None = Field(default=None, description=CONFIDENCE)
    support: Support | None = Field(
        default=None,
        description="Less gold than this is thin evidence; keys left out come from defaults.",
    )
    thin: Thin | None = Field(default=None, description="What thin evidence does: error, warn or skip.")
    absent: Level | None = Field(default=None, description=ABSENT)

    def settings(self) -> dict[str, Any]:
        """What the metric is told beside its limits."""
        return {}


class BatchGate(_Gate):
    """A metric with one value for the batch."""

    metric: Any
    min: Share = Field(description="The floor, a share between 0 and 1.")
    warn_below: Share | None = Field(default=None, description="A soft limit, not below min.")


class ClassGate(_Gate):
    """A metric that is judged class by class.

    The floor stands below ``min``; where less is better there are ``max`` and ``warn_above`` instead.
    """

    metric: Any
    classes: Annotated[
        Annotated[Literal["all", "things", "stuff"], Tag("<text>")]
        | Annotated[Annotated[tuple[Name, ...], Field(min_length=1)], Tag("<list>")],
        Discriminator(kind),
    ] = Field(
        default="all", description="The classes it judges: all, things, stuff, or a list of names."
    )


class FloorGate(ClassGate):
    """A metric of which more is better, a share."""

    min: PerClass = Field(
        description="The floor of each class, a share; default covers the classes that are not named."
    )
    warn_below: PerClass | None = Field(
        default=None,
        description=(
            "A soft limit of each class, not below its floor. A default below the floor of a class is "
            "off for that class."
        ),
    )


class CeilingGate(ClassGate):
    """A metric of which less is better, in pixels."""

    max: PerClassPx = Field(
        description="The ceiling of each class in pixels; default covers the classes that are not named."
    )
    warn_above: PerClassPx | None = Field(
        default=None,
        description=(
            "A soft limit of each class, not above its ceiling. A default above the ceiling of a class "
            "is off for that class."
        ),
    )


class ClassIouGate(FloorGate):
    """IoU, class by class."""

    metric: Literal["iou"] = Field(description="Pooled intersection over union of each class.")


class MeanIouGate(BatchGate):
    """Mean IoU over the classes."""

    metric: Literal["mean-iou"] = Field(description="Mean of the class IoUs, over classes that occur.")


class BoundaryIouGate(FloorGate):
    """Boundary IoU, class by class."""

    metric: Literal["boundary-iou"] = Field(
        description="Pooled IoU of the bands inside the outlines of each class."
    )
    dilation: BandWidth = Field(description=BAND)

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

    def given(self) -> dict[Size, PerClass]:
        """Those that are written."""
        found = {Size(name): getattr(self, name) for name in type(self).model_fields}
        return {size: limits for size, limits in found.items() if limits is not None}


class SizedGate(FloorGate):
    """A metric of objects that may be judged by size band too, or only by it."""

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
        description=f"Found is then what reaches iou by IoU and by boundary IoU. {BAND}",
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
    iou: Overlaps = Field(
        description='The overlap: "0.5", "0.75" (steps of 0.05); "0.5:0.95" is the mean over all ten.'
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
    dilation: BandWidth = Field(description=BAND)

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


AnyGate = (
    ClassIouGate
    | MeanIouGate
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
)
Gate = Annotated[AnyGate, Field(discriminator="metric")]

GATE_MODELS: Final[Mapping[str, type[_Gate]]] = {
    get_args(model.model_fields["metric"].annotation)[0]: model for model in get_args(AnyGate)
}
"""By metric, in the order messages name them."""
