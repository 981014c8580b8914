"""The gates of a policy as typed models, one for each metric.

A field's description is what an editor shows beside the key.  ``settings`` gives what the metric is told
beside its limits, as fields of :class:`segcore_gates.rules.Rule`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
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
    "Confidence",
    "FloorGate",
    "Gate",
    "Model",
    "Name",
    "PerClass",
    "Share",
    "Support",
    "Text",
    "kind",
]

ABSENT = "What a gated class does that neither side contains: error or warn."
CONFIDENCE = "One-sided confidence of the bound, between 0.5 and 1."
JUDGE = "What is compared with min: the estimate, or the pessimistic end of its interval (bound)."
SEVERITY = "error fails the batch, warn never does."

_SWEEP: Final = "0.5:0.95"
_SWEEPS: Final = re.compile(r"0?\.50?:0?\.95")


def kind(value: object) -> str:
    """The branch of a union by what was written, so that an error speaks of one branch only."""
    if isinstance(value, (Mapping, BaseModel)):
        return "<mapping>"
    return "<list>" if isinstance(value, (list, tuple)) else "<text>"


def _overlaps(value: object) -> object:
    """One of COCO's ten overlaps, or all of them, in one way of writing it."""
    text = str(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else ""
    if _SWEEPS.fullmatch(text):
        return _SWEEP
    try:
        found = round(20 * float(text))
    except (ValueError, OverflowError):
        found = 0
    if 10 <= found <= 19 and float(text) == found / 20:
        return f"{found / 20:g}"
    raise ValueError('expected "0.5:0.95", or one overlap from "0.5" to "0.95" in steps of 0.05')


def _points(curve: dict[str, float]) -> dict[str, float]:
    areas = list(curve)
    if any(not re.fullmatch("[1-9][0-9]{0,9}", area) for area in areas):
        raise ValueError("a curve goes by areas in pixels, whole numbers such as 100 and 1000")
    if sorted(areas, key=int) != areas:
        raise ValueError("write the areas of a curve in rising order")
    shares = list(curve.values())
    if len(shares) < 2:
        raise ValueError("a curve has two points or more; for one IoU for all sizes gate recall")
    if sorted(shares) != shares:
        raise ValueError("the IoU of a curve falls: larger objects are easier to draw, not harder")
    return curve


Text = Annotated[str, Field(strict=True, min_length=1)]
Name = Annotated[Text, WithJsonSchema({"type": ["string", "number", "boolean"]})]
"""Read as it is written: a class may be called 123 or true."""
Share = Annotated[float, Field(strict=True, ge=0, le=1)]
Confidence = Annotated[float, Field(strict=True, gt=0.5, lt=1)]
PerClass = Annotated[dict[str, Share], Field(min_length=1)]
Pixels = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
PerClassPx = Annotated[dict[str, Pixels], Field(min_length=1)]
Overlap = Annotated[float, Field(strict=True, gt=0, le=1)]
Overlaps = Annotated[
    str,
    BeforeValidator(_overlaps),
    WithJsonSchema(
        {"enum": [_SWEEP, *(value for k in range(10, 20) for value in (f"{k / 20:g}", k / 20))]}
    ),
]
"""As text, because 0.5:0.95 is no number; a single one may be written as a number."""
CurvePoints = Annotated[
    dict[str, Share],
    AfterValidator(_points),
    WithJsonSchema(
        {
            "type": "object",
            "additionalProperties": False,
            "minProperties": 2,
            "patternProperties": {"^[1-9][0-9]{0,9}$": {"type": "number", "minimum": 0, "maximum": 1}},
        }
    ),
]


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


class F1Gate(_MatchedGate):
    """F1, class by class."""

    metric: Literal["f1"] = Field(description="2 x matched / (2 x matched + missed + extra) objects.")


class PrecisionGate(_MatchedGate):
    """Precision, class by class."""

    metric: Literal["precision"] = Field(description="Matched of the delivered objects.")


class RecallGate(_MatchedGate):
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

        one = () if self.iou == _SWEEP else (float(self.iou),)
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


AnyGate = (
    ClassIouGate
    | MeanIouGate
    | F1Gate
    | PrecisionGate
    | RecallGate
    | MatchedIouGate
    | GoodObjectShareGate
    | ApGate
    | ArGate
)
Gate = Annotated[AnyGate, Field(discriminator="metric")]

GATE_MODELS: Final[Mapping[str, type[_Gate]]] = {
    get_args(model.model_fields["metric"].annotation)[0]: model for model in get_args(AnyGate)
}
"""By metric, in the order messages name them."""
