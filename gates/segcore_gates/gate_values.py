"""The values of a policy as it is written: names, shares, pixels, overlaps, curves, widths of bands."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    InstanceOf,
    WithJsonSchema,
)

from segcore.dilation import Dilation
from segcore.errors import UsageError

__all__ = [
    "SWEEP",
    "BandWidth",
    "Confidence",
    "CurvePoints",
    "Name",
    "Overlap",
    "Overlaps",
    "PerClass",
    "PerClassPx",
    "Pixels",
    "Share",
    "Text",
    "kind",
    "likely_overlap",
]

SWEEP: Final = "0.5:0.95"
_SWEEPS: Final = r"0?\.50?:(0?\.05:)?0?\.95"
_STEPS: Final = r"0?\.[5-9][05]?0*"
_ANY: Final = r"0?\.(?!0+$)[0-9]{1,15}|1(\.0{1,15})?"


def kind(value: object) -> str:
    """The branch of a union by what was written, so that an error speaks of one branch only."""
    if isinstance(value, (Mapping, BaseModel)):
        return "<mapping>"
    return "<list>" if isinstance(value, (list, tuple)) else "<text>"


def _overlap(value: object) -> object:
    """The number, if it is one in quotes."""
    return float(value) if isinstance(value, str) and re.fullmatch(_ANY, value) else value


def _overlaps(value: object) -> object:
    """One of COCO's ten overlaps, or all of them, in one way of writing it."""
    if isinstance(value, str) and re.fullmatch(_SWEEPS, value):
        return SWEEP
    if isinstance(value, float) or (isinstance(value, str) and re.fullmatch(_STEPS, value)):
        found = float(value)
        if 0.5 <= found <= 0.95 and found == round(20 * found) / 20:
            return f"{found:g}"
    raise ValueError(f"expected one of 0.5, 0.55, ... 0.95, or {SWEEP} for the mean over all ten")


def likely_overlap(value: object) -> str:
    """``, did you mean 0.5?`` for 50, ``50%``, ``0,5`` and ``AP50``; what else to write for others."""
    if isinstance(value, (list, dict)):
        return ": write a gate for each"
    written = [float(n.replace(",", ".")) for n in re.findall(r"[0-9]*[.,]?[0-9]+", str(value)[:40])]
    shares = [share / 100 if share > 1 else share for share in written]
    if len(shares) > 1 and (shares[0], shares[-1]) == (0.5, 0.95):
        return f", did you mean {SWEEP}?"
    if len(shares) != 1 or not 0 < shares[0] <= 1:
        return ""
    if 0.5 <= shares[0] <= 0.95 and shares[0] == round(20 * shares[0]) / 20:
        return f", did you mean {shares[0]:g}?"
    return "; f1, precision and recall take any overlap"


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


def _width(value: object) -> Dilation:
    """A share of the diagonal, below 1 (``dilation: 1`` means a pixel), or pixels, as text."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < 1
    if isinstance(value, (int, float, str)) and (number or (isinstance(value, str) and "px" in value)):
        try:
            return Dilation.parse(value)
        except UsageError:
            pass
    if isinstance(value, str) and re.fullmatch(r"0?\.[0-9]+", value):
        raise ValueError("a share of the diagonal is a number, written without quotes")
    raise ValueError("expected a share of the diagonal such as 0.02, or pixels such as 5px")


Text = Annotated[str, Field(strict=True, min_length=1)]
Name = Annotated[Text, WithJsonSchema({"type": ["string", "number", "boolean"]})]
"""Read as it is written: a class may be called 123 or true."""
Share = Annotated[float, Field(strict=True, ge=0, le=1)]
Confidence = Annotated[float, Field(strict=True, gt=0.5, lt=1)]
PerClass = Annotated[dict[str, Share], Field(min_length=1)]
Pixels = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
PerClassPx = Annotated[dict[str, Pixels], Field(min_length=1)]
Overlap = Annotated[
    float,
    Field(strict=True, gt=0, le=1),
    BeforeValidator(_overlap),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
                {"type": "string", "pattern": f"^({_ANY})$"},
            ]
        }
    ),
]
"""A number; quotes make no difference, because of SWEEP they are met beside it."""
Overlaps = Annotated[
    str,
    BeforeValidator(_overlaps),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": [*(k / 20 for k in range(10, 20)), SWEEP]},
                {"type": "string", "pattern": f"^({_STEPS}|{_SWEEPS})$"},
            ]
        }
    ),
]
"""One way of writing it, whatever was written: ``0.5`` for 0.5, "0.50" and ".5", or SWEEP."""
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
BandWidth = Annotated[
    InstanceOf[Dilation],
    BeforeValidator(_width),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
                {"type": "string", "pattern": "^(?!0+ ?px$)[0-9]{1,6} ?px$"},
            ]
        }
    ),
]
"""No default: the number decides what the gate means."""
