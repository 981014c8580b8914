"""The policy file as typed models.  A field's description is what an editor shows beside the key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, WithJsonSchema

from segcore_gates.rules import ExtraImages, Judge, Level, Thin

__all__ = [
    "ClassIouGate",
    "Coverage",
    "Defaults",
    "Gate",
    "InputSpec",
    "MeanIouGate",
    "Policy",
    "Support",
]

GATE_ID = r"^[a-z0-9]+(-[a-z0-9]+)*$"
"""What a gate may be called."""

_ABSENT = "What a gated class does that neither side contains: error or warn."
_CONFIDENCE = "One-sided confidence of the bound, between 0.5 and 1."
_JUDGE = "What is compared with min: the estimate, or the pessimistic end of its interval (bound)."
_SEVERITY = "error fails the batch, warn never does."

_INLINE_ONTOLOGY: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "description": "The classes themselves, or a preset.",
    "properties": {
        "classes": {
            "type": "array",
            "minItems": 1,
            "description": "The classes; their order is the order of every report.",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["id", "name"],
                "properties": {
                    "id": {
                        "type": "integer",
                        "minimum": 0,
                        "maximum": 65535,
                        "description": "Mask value.",
                    },
                    "name": {
                        "type": ["string", "number", "boolean"],
                        "description": "The name the class is matched and reported by.",
                    },
                    "color": {
                        "type": "string",
                        "pattern": "^#[0-9a-fA-F]{6}$",
                        "description": "In quotes.",
                    },
                    "thing": {"type": "boolean", "description": "true is countable, false is stuff."},
                    "aliases": {
                        "type": "array",
                        "description": "Other names it may be delivered under.",
                    },
                },
            },
        },
        "preset": {
            "enum": ["ade20k", "cityscapes", "coco", "voc"],
            "description": "The classes of a well-known data set, instead of classes.",
        },
        "ignore": {
            "type": ["integer", "array"],
            "description": "Mask values that are not counted where gold has them.",
        },
        "unlabeled": {
            "type": ["integer", "array"],
            "description": "Mask values of pixels nobody claimed; counted as <other>.",
        },
        "overlap": {
            "enum": ["smallest", "last", "error"],
            "description": "Which region owns a pixel that several cover.",
        },
        "crowd": {
            "enum": ["ignore", "class"],
            "description": "What a COCO crowd region of the gold is.",
        },
    },
}


def _kind(value: object) -> str:
    """The branch of a union by what was written, so that an error speaks of one branch only."""
    if isinstance(value, (Mapping, BaseModel)):
        return "<mapping>"
    return "<list>" if isinstance(value, (list, tuple)) else "<text>"


def _all_is_one(value: object) -> object:
    return 1.0 if value == "all" else value


Text = Annotated[str, Field(strict=True, min_length=1)]
Name = Annotated[Text, WithJsonSchema({"type": ["string", "number", "boolean"]})]
"""Read as it is written: a class may be called 123 or true."""
Share = Annotated[float, Field(strict=True, ge=0, le=1)]
Confidence = Annotated[float, Field(strict=True, gt=0.5, lt=1)]
Sha256 = Annotated[str, Field(strict=True, pattern="^[0-9a-f]{12,64}$")]
PerClass = Annotated[dict[str, Share], Field(min_length=1)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class InputSpec(BaseModel):
    """A source as a mapping; every other key is an option of its format."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, Name]

    format: Text = Field(description="coco, png, cityscapes, label-studio ...")
    path: Text = Field(description="Where it is, relative to this file. May hold ${VARIABLE}.")
    sha256: Sha256 | None = Field(
        default=None,
        description="First 12 or more hex digits of the input's SHA-256: an edited input stops the run.",
    )


class Coverage(_Model):
    """Which images must be delivered."""

    gold_images: Annotated[
        Share,
        BeforeValidator(_all_is_one),
        WithJsonSchema({"anyOf": [{"const": "all"}, {"type": "number", "minimum": 0, "maximum": 1}]}),
    ] = Field(
        default=1.0, description="all, or the share of gold images that must be delivered, such as 0.98."
    )
    extra_images: ExtraImages = Field(
        default=ExtraImages.ALLOW,
        description="What delivered images without gold do: allow, warn or error.",
    )


class Support(_Model):
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


class Defaults(_Model):
    """What every gate takes unless it says otherwise."""

    severity: Level = Field(default=Level.ERROR, description=_SEVERITY)
    judge: Judge = Field(
        default=Judge.ESTIMATE,
        description=_JUDGE,
    )
    confidence: Confidence = Field(default=0.95, description=_CONFIDENCE)
    support: Support = Field(default=Support(), description="Less gold than this is thin evidence.")
    thin: Thin | None = Field(
        default=None,
        description=(
            "What thin evidence does: error, warn or skip. Without this key it warns under "
            "judge: estimate and is an error under judge: bound."
        ),
    )
    absent: Level = Field(
        default=Level.ERROR,
        description=_ABSENT,
    )


class _Gate(_Model):
    severity: Level | None = Field(default=None, description=_SEVERITY)
    judge: Judge | None = Field(
        default=None,
        description=_JUDGE,
    )
    confidence: Confidence | None = Field(default=None, description=_CONFIDENCE)
    support: Support | None = Field(
        default=None,
        description="Less gold than this is thin evidence; keys left out come from defaults.",
    )
    thin: Thin | None = Field(default=None, description="What thin evidence does: error, warn or skip.")
    absent: Level | None = Field(default=None, description=_ABSENT)


class ClassIouGate(_Gate):
    """IoU, class by class."""

    metric: Literal["iou"] = Field(description="Pooled intersection over union of each class.")
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
    classes: Annotated[
        Annotated[Literal["all", "things", "stuff"], Tag("<text>")]
        | Annotated[Annotated[tuple[Name, ...], Field(min_length=1)], Tag("<list>")],
        Discriminator(_kind),
    ] = Field(
        default="all", description="The classes it judges: all, things, stuff, or a list of names."
    )


class MeanIouGate(_Gate):
    """Mean IoU over the classes."""

    metric: Literal["mean-iou"] = Field(description="Mean of the class IoUs, over classes that occur.")
    min: Share = Field(description="The floor, a share between 0 and 1.")
    warn_below: Share | None = Field(default=None, description="A soft limit, not below min.")


Gate = Annotated[ClassIouGate | MeanIouGate, Field(discriminator="metric")]

_Input = Annotated[
    Annotated[Text, Tag("<text>")] | Annotated[InputSpec, Tag("<mapping>")],
    Discriminator(_kind),
]
_Ontology = Annotated[
    Annotated[Text, Tag("<text>")]
    | Annotated[dict[str, Any], Tag("<mapping>"), WithJsonSchema(_INLINE_ONTOLOGY)],
    Discriminator(_kind),
]

_PushOptions = Annotated[
    dict[str, Any],
    WithJsonSchema({"type": "object", "description": "The options of the platform."}),
]


class Policy(_Model):
    """What a delivery must reach to be accepted."""

    version: Annotated[int, Field(strict=True, ge=1, le=1), WithJsonSchema({"const": 1})] = Field(
        description="The version of this format: 1."
    )
    name: Name | None = Field(default=None, description="What reports call the policy.")
    gold: _Input = Field(
        description="The trusted side, such as coco:gold.json. Paths are relative to this file."
    )
    delivery: _Input = Field(
        description="The batch under test, such as png:deliveries/${BATCH}/. Paths: see gold."
    )
    ontology: _Ontology | None = Field(
        default=None,
        description=(
            "The classes: a file, preset:NAME, or the mapping itself. May be left out where gold names "
            "its classes."
        ),
    )
    coverage: Coverage = Field(default=Coverage(), description="Which images must be delivered.")
    defaults: Defaults = Field(
        default=Defaults(), description="What every gate takes unless it says otherwise."
    )
    gates: Annotated[dict[str, Gate], Field(min_length=1)] = Field(
        description="The gates by name; reports carry it: class-iou gives class-iou[car]."
    )
    push: Annotated[dict[str, _PushOptions], Field(min_length=1)] | None = Field(
        default=None,
        description=(
            "Where segcore gate shows what is wrong with the batch: platforms such as label-studio, "
            "each with its options. Text may hold ${VARIABLE}."
        ),
    )
