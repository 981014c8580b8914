"""The policy file as typed models.  A field's description is what an editor shows beside the key."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
)

from segcore_gates.agreement.policy import AgreementSection
from segcore_gates.conversion.policy import ConversionSection
from segcore_gates.format_lock.policy import FormatSection
from segcore_gates.gate_base import ABSENT, CONFIDENCE, JUDGE, SEVERITY, Model, Support
from segcore_gates.gate_values import Confidence, Name, Share, Text, kind
from segcore_gates.gates import Gate
from segcore_gates.lints.policy import Lints
from segcore_gates.regression.policy import Regression
from segcore_gates.rules import ExtraImages, Judge, Level, Thin
from segcore_gates.signals.policy import Signals
from segcore_gates.slices.policy import Slice
from segcore_gates.waivers.policy import WaiverEntry

__all__ = ["Coverage", "Defaults", "Gate", "InputSpec", "Looks", "Policy", "pin_of", "usable_gates"]

GATE_ID = r"^[a-z0-9]+(-[a-z0-9]+)*$"
"""What a gate may be called."""

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


def _all_is_one(value: object) -> object:
    return 1.0 if value == "all" else value


Sha256 = Annotated[str, Field(strict=True, pattern="^[0-9a-f]{12,64}$")]


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


class Coverage(Model):
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
    sampled_from: Annotated[int, Field(strict=True, ge=1)] | None = Field(
        default=None,
        description=(
            "How many images the gold was drawn from at random; all of them together are judged."
        ),
    )


class Looks(Model):
    """When the batch of a pilot that is extended may be judged by the bound."""

    at: Annotated[tuple[Annotated[int, Field(strict=True, ge=1)], ...], Field(min_length=1)] = Field(
        description="Numbers of gold images, rising: 25, 50, 100, 200. With any other nothing is proven."
    )
    strict: bool = Field(
        default=False,
        strict=True,
        description="Share the error among the looks: each is judged at 1 - (1 - confidence) / looks.",
    )


class Defaults(Model):
    """What every gate takes unless it says otherwise."""

    severity: Level = Field(default=Level.ERROR, description=SEVERITY)
    judge: Judge = Field(
        default=Judge.ESTIMATE,
        description=JUDGE,
    )
    confidence: Confidence = Field(default=0.95, description=CONFIDENCE)
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
        description=ABSENT,
    )
    seed: Annotated[int, Field(strict=True, ge=0)] = Field(
        default=0,
        description="Kept for tools that draw samples; no number of a gate depends on it.",
    )


_Input = Annotated[
    Annotated[Text, Tag("<text>")] | Annotated[InputSpec, Tag("<mapping>")],
    Discriminator(kind),
]
_Ontology = Annotated[
    Annotated[Text, Tag("<text>")]
    | Annotated[dict[str, Any], Tag("<mapping>"), WithJsonSchema(_INLINE_ONTOLOGY)],
    Discriminator(kind),
]

_PushOptions = Annotated[
    dict[str, Any],
    WithJsonSchema({"type": "object", "description": "The options of the platform."}),
]


class Policy(Model):
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
    groups: dict[str, Annotated[tuple[Name, ...], Field(min_length=1)]] = Field(
        default={},
        description="Classes judged together where a gate names the group: rare: [rider, train].",
    )
    gates: Annotated[dict[str, Gate], Field(min_length=1)] = Field(
        description="The gates by name; reports carry it: class-iou gives class-iou[car]."
    )
    lints: Lints | None = Field(
        default=None, description="What is looked for before anything is measured."
    )
    regression: Regression | None = Field(
        default=None, description="How much worse than the last accepted batch a batch may be."
    )
    signals: Signals | None = Field(
        default=None, description="What asks for a question to the vendor; it never rejects a batch."
    )
    agreement: AgreementSection | None = Field(
        default=None, description="What people reach with each other, to stand beside the thresholds."
    )
    conversion: ConversionSection | None = Field(
        default=None, description="What the conversion of the delivery leaves of each class."
    )
    attributes: Text | None = Field(
        default=None,
        description=(
            "A CSV with a column `image` and one for each attribute of images, for what no source says. "
            "Relative to this file; may hold ${VARIABLE}."
        ),
    )
    slices: Annotated[dict[str, Slice], Field(min_length=1)] | None = Field(
        default=None,
        description="Gates on parts of the batch by name: slice[annotators]. They warn.",
    )
    format: FormatSection | None = Field(
        default=None, description="The form the delivery must have, as it was locked."
    )
    waivers: tuple[WaiverEntry, ...] = Field(
        default=(), description="Checks that may fail for a while, each down to a floor."
    )
    looks: Looks | None = Field(
        default=None, description="When a pilot that is extended may be judged by the bound."
    )
    push: Annotated[dict[str, _PushOptions], Field(min_length=1)] | None = Field(
        default=None,
        description=(
            "Where segcore gate shows what is wrong with the batch: platforms such as label-studio, "
            "each with its options. Text may hold ${VARIABLE}."
        ),
    )


def usable_gates(raw: dict[str, Any]) -> dict[str, Gate]:
    """The gates without errors of their own, so that their classes are checked in the same run."""
    adapter: TypeAdapter[Gate] = TypeAdapter(Gate)
    found: dict[str, Gate] = {}
    gates = raw.get("gates")
    for gate_id, gate in gates.items() if isinstance(gates, dict) else ():
        try:
            found[gate_id] = adapter.validate_python(gate)
        except ValidationError:
            continue
    return found


def pin_of(given: str | InputSpec) -> str | None:
    """What the digest of an input must begin with, where the policy says so."""
    return given.sha256 if isinstance(given, InputSpec) else None
