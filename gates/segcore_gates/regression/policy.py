"""The section ``regression`` of a policy, as it is written."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from segcore_gates.gate_base import SEVERITY, Model
from segcore_gates.gate_values import Name, PerClassPx, Text
from segcore_gates.rules import Level

__all__ = ["Regression"]


class Regression(Model):
    """How much worse than the last accepted batch a batch may be."""

    baseline: Text = Field(
        description=(
            "The file that segcore accept writes, relative to this file. Keep it under version control."
        )
    )
    of: Annotated[tuple[Name, ...], Field(min_length=1)] = Field(
        description="The gates whose values are compared, by their names."
    )
    max_drop: PerClassPx = Field(
        description=(
            "How much each class may lose, in the unit of its gate; default covers the classes that are "
            "not named. Where less is better it is how much it may rise."
        )
    )
    severity: Level | None = Field(default=None, description=SEVERITY)
    on_missing: Level | None = Field(
        default=None,
        description=(
            "What it does that there is no baseline yet, or none of a class: error or warn. Without "
            "this key it does what severity says."
        ),
    )
    on_not_comparable: Level | None = Field(
        default=None,
        description=(
            "What it does that the gold of an image, the classes or a metric is not what it was: error "
            "or warn. Without this key it does what severity says."
        ),
    )
