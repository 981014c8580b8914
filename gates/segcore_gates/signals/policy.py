"""The section ``signals`` of a policy: every signal warns or is off."""

from __future__ import annotations

import enum
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Discriminator, Field, Tag, WithJsonSchema

from segcore_gates.gate_base import Model
from segcore_gates.gate_values import Text, kind

__all__ = ["SignalLevel", "SignalOptions", "Signals"]


class SignalLevel(enum.StrEnum):
    """What a signal does."""

    WARN = "warn"
    """It is reported."""
    OFF = "off"
    """Nobody looks."""
    ERROR = "error"
    """Refused: an honest vendor can have each of them, so none rejects a batch."""


_SEVERITY = "warn or off; a signal never rejects a batch."
_LevelSchema = WithJsonSchema({"enum": ["warn", "off"], "description": _SEVERITY})
_MIN_AREA = "Smaller masks are the same by chance, and not looked at: pixels, or any; 400 without."


def _any_is_one(value: object) -> object:
    return 1 if value == "any" else value


_Area = Annotated[
    int,
    Field(strict=True, ge=1),
    BeforeValidator(_any_is_one),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"const": "any"}]}),
]


class SignalOptions(Model):
    """A signal with more to say than whether it warns."""

    severity: Annotated[SignalLevel, _LevelSchema] = Field(
        default=SignalLevel.WARN, description=_SEVERITY
    )


class Masks(SignalOptions):
    """A signal about the pixels of masks."""

    min_area: _Area | None = Field(default=None, description=_MIN_AREA)


class Earlier(Masks):
    """A signal about earlier deliveries."""

    earlier: Annotated[tuple[Text, ...], Field(min_length=1)] = Field(
        description="Earlier deliveries, such as coco:last.json, or the SHA-256 of one (64 hex digits)."
    )


class LeadTime(SignalOptions):
    """A signal about how long images took."""

    floor: Annotated[float, Field(strict=True, gt=0, le=1e6)] = Field(
        description="Seconds for 1000 annotated pixels; what took less was drawn faster than can be."
    )


class Favoured(SignalOptions):
    """A signal about the images of the gold."""

    audit: Text | None = Field(
        default=None,
        description="Gold of other images, made afterwards; without it lead times are compared.",
    )
    p: Annotated[float, Field(strict=True, gt=0, le=1)] | None = Field(
        default=None, description="Below this p value the samples differ; 0.01 without this key."
    )


_Level = Annotated[SignalLevel, Tag("<text>"), _LevelSchema]
_Masks = Annotated[_Level | Annotated[Masks, Tag("<mapping>")], Discriminator(kind)]
_Earlier = Annotated[_Level | Annotated[Earlier, Tag("<mapping>")], Discriminator(kind)]
_LeadTime = Annotated[_Level | Annotated[LeadTime, Tag("<mapping>")], Discriminator(kind)]
_Favoured = Annotated[_Level | Annotated[Favoured, Tag("<mapping>")], Discriminator(kind)]


def _signal(name: str, what: str) -> Any:
    return Field(default=None, alias=name, description=f"{what}: warn or off.")


class Signals(Model):
    """What is looked for; a signal that is not named is off."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=False)

    identical_to_gold: _Masks | None = _signal("identical-to-gold", "Masks of the gold")
    repeated_mask: _Masks | None = _signal("repeated-mask", "The same mask in several images")
    identical_to_earlier: _Earlier | None = _signal(
        "identical-to-earlier", "Masks of an earlier delivery, or all of it"
    )
    lead_time: _LeadTime | None = _signal("lead-time", "Images drawn faster than can be")
    gold_favoured: _Favoured | None = _signal(
        "gold-favoured", "More care for the images of the gold than for the others"
    )
