"""What gates have in common: the keys that each of them takes, and the shapes of their limits."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from segcore_gates.gate_values import Confidence, Name, PerClass, PerClassPx, Share, kind
from segcore_gates.rules import Judge, Level, Thin

__all__ = [
    "ABSENT",
    "CONFIDENCE",
    "JUDGE",
    "SEVERITY",
    "BatchGate",
    "CeilingGate",
    "ClassGate",
    "FloorGate",
    "MetricGate",
    "Model",
    "ShareCeilingGate",
    "Support",
]

ABSENT = "What a gated class does that neither side contains: error or warn."
CONFIDENCE = "One-sided confidence of the bound, between 0.5 and 1."
JUDGE = "What is compared with min or max: the estimate, or the pessimistic end of its interval (bound)."
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


class MetricGate(Model):
    """What every gate may say, whatever its metric."""

    needs_things: ClassVar[bool] = False
    """Whether the ontology has to say which classes are things."""
    takes_stuff: ClassVar[bool] = True
    """Whether it can judge a class of stuff, which has no objects."""
    takes_groups: ClassVar[bool] = True
    """Whether what it counts of several classes can be summed."""

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


class BatchGate(MetricGate):
    """A metric with one value for the batch."""

    metric: Any
    min: Share = Field(description="The floor, a share between 0 and 1.")
    warn_below: Share | None = Field(default=None, description="A soft limit, not below min.")


class ClassGate(MetricGate):
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

    takes_groups: ClassVar[bool] = False

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


class ShareCeilingGate(ClassGate):
    """A metric of which less is better, a share."""

    max: PerClass = Field(
        description="The ceiling of each class, a share; default covers the classes that are not named."
    )
    warn_above: PerClass | None = Field(
        default=None,
        description=(
            "A soft limit of each class, not above its ceiling. A default above the ceiling of a class "
            "is off for that class."
        ),
    )
