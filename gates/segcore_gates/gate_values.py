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
]

SWEEP: Final = "0.5:0.95"
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
        return SWEEP
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
Overlap = Annotated[float, Field(strict=True, gt=0, le=1)]
Overlaps = Annotated[
    str,
    BeforeValidator(_overlaps),
    WithJsonSchema(
        {"enum": [SWEEP, *(value for k in range(10, 20) for value in (f"{k / 20:g}", k / 20))]}
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
