"""The section ``agreement`` of a policy."""

from __future__ import annotations

from pydantic import Field

from segcore_gates.gate_base import Model
from segcore_gates.gate_values import Text

__all__ = ["AgreementSection"]


class AgreementSection(Model):
    """What people reach with each other."""

    file: Text = Field(
        description=(
            "What segcore agree --json wrote: the human ceiling of each class stands beside its "
            "threshold, with a warning where the threshold is above it. May hold ${VARIABLE}."
        )
    )
