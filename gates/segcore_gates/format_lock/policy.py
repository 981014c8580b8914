"""The section ``format`` of a policy."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from segcore.fingerprint import FormatField
from segcore_gates.gate_base import Model
from segcore_gates.gate_values import Text

__all__ = ["FormatSection"]


class FormatSection(Model):
    """The form a delivery must have."""

    lock: Text = Field(
        description="The lock file, as segcore gates lock writes it. May hold ${VARIABLE}."
    )
    fields: Annotated[tuple[FormatField, ...], Field(min_length=1)] | None = Field(
        default=None,
        description="What is compared; without this key all that the lock holds.",
    )
