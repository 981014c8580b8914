"""Slices as they are written in a policy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Self

from pydantic import Discriminator, Field, Tag, WithJsonSchema, model_validator

from segcore_gates.gate_base import Model, Support
from segcore_gates.gate_values import Name, PerClassPx, Pixels, Text, kind
from segcore_gates.rules import Level

__all__ = ["Slice", "as_read"]

_TEXTS: Final = frozenset({"by", "where"})
"""Keys that hold attributes and their values."""

_TEXT = {"type": ["string", "number", "boolean"]}
_NOT = "Attributes with values, or lists of them: images of which any holds are left out."
_VALUES: dict[str, Any] = {"anyOf": [_TEXT, {"type": "array", "minItems": 1, "items": _TEXT}]}
_QUERY: dict[str, Any] = {"type": "object", "minProperties": 1, "additionalProperties": _VALUES}

Values = Annotated[
    Annotated[Text, Tag("<text>")] | Annotated[tuple[Text, ...], Field(min_length=1), Tag("<list>")],
    Discriminator(kind),
]
"""One value, or several of which an image has to have one."""

_Entry = Annotated[
    Annotated[Text, Tag("<text>")]
    | Annotated[tuple[Text, ...], Field(min_length=1), Tag("<list>")]
    | Annotated[dict[str, Values], Field(min_length=1), Tag("<mapping>")],
    Discriminator(kind),
]

Limit = Annotated[
    Annotated[Pixels, Tag("<text>")] | Annotated[PerClassPx, Tag("<mapping>")],
    Discriminator(kind),
]
"""A number for a metric of the batch, numbers by class for the others; shares, or pixels."""


class Slice(Model):
    """One part of the batch, or one for each value of an attribute, and what must hold there."""

    by: Name | None = Field(
        default=None,
        description="An attribute of images, such as annotator or tag: each of its values is a part.",
    )
    where: (
        Annotated[
            dict[str, _Entry],
            Field(min_length=1),
            WithJsonSchema({**_QUERY, "properties": {"not": {**_QUERY, "description": _NOT}}}),
        ]
        | None
    ) = Field(
        default=None,
        description=(
            "Which images: attributes with the value they must have, or a list of which one is enough. "
            "not: {...} leaves out images of which any entry holds."
        ),
    )
    of: Text = Field(description="The gate whose metric and classes are judged here.")
    max_gap: Annotated[float, Field(strict=True, gt=0, le=1)] | None = Field(
        default=None,
        description="How far a class may lie below its value in the whole batch, such as 0.05.",
    )
    min: Limit | None = Field(
        default=None,
        description="The floor of each class here; default covers the classes that are not named.",
    )
    max: Limit | None = Field(
        default=None,
        description="The ceiling, for metrics of which less is better; as min.",
    )
    support: Support | None = Field(
        default=None,
        description="A class with less gold in a part is told and never fails; as support of a gate.",
    )
    severity: Level = Field(
        default=Level.WARN,
        description="warn (the default here, whatever defaults say) or error, which fails the batch.",
    )

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        if (self.by is None) == (self.where is None):
            raise ValueError("a slice has either by or where")
        if sum(limit is not None for limit in (self.max_gap, self.min, self.max)) != 1:
            raise ValueError("a slice has one of max_gap, min and max")
        return self


def as_read(
    slices: Mapping[str, Any], as_text: Callable[[tuple[str | int, ...]], object]
) -> dict[str, Any]:
    """Slices whose attributes and values are text, as they are written: a batch called 007.

    Parameters
    ----------
    slices : mapping of str to any
        As YAML gives them, sound or not.
    as_text : callable
        The text at a path of the policy.
    """
    return {
        name: {
            key: as_text(("slices", name, key)) if key in _TEXTS else item for key, item in one.items()
        }
        if isinstance(one, dict)
        else one
        for name, one in slices.items()
    }
