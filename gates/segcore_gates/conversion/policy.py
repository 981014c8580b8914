"""The section ``conversion`` of a policy."""

from __future__ import annotations

from pydantic import Field

from segcore_gates.gate_base import Model
from segcore_gates.gate_values import Text

__all__ = ["ConversionSection"]


class ConversionSection(Model):
    """What the conversion that the delivery went through costs."""

    loss: Text = Field(
        description=(
            "What segcore loss --json wrote of this gold, sent through the same conversion: a threshold "
            "of iou above what is left of its class is an error. May hold ${VARIABLE}."
        )
    )
