"""What the forms of the App ask for, and what was filled in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import segcore
from segcore.errors import UsageError
from segcore.wording import show
from segcore_fiftyone.limits import Limits
from segcore_fiftyone.rows import LIST_FIELDS
from segcore_fiftyone.sending import DEFAULT_KEY

__all__ = [
    "Context",
    "ask_classes",
    "ask_key",
    "ask_limit",
    "integers_of",
    "key_of",
    "label_fields",
    "limits_of",
    "refuse",
    "text_of",
]

Context = Any
"""``fiftyone.operators.ExecutionContext``; FiftyOne has no types."""


def label_fields(ctx: Context) -> list[str]:
    """The fields a source can be made of."""
    schema = ctx.dataset.get_field_schema().items()
    kinds = {name: getattr(field, "document_type", None) for name, field in schema}
    return [name for name, kind in kinds.items() if kind is not None and kind.__name__ in LIST_FIELDS]


def ask_classes(form: Any) -> None:
    """Ask for the ontology."""
    form.str(
        "ontology",
        label="Classes",
        description="An ontology file, or preset:NAME; what the gold says if left empty",
    )


def ask_limit(form: Any) -> None:
    """Ask for the IoU below which a sample fails."""
    form.float(
        "below",
        label="Threshold",
        description="A sample fails where a class of it has a lower IoU; none fails if left empty",
        min=0,
        max=1,
    )


def ask_key(form: Any, *, default: str | None = DEFAULT_KEY) -> None:
    """Ask for the key; without a default it may be left empty."""
    form.str(
        "key",
        required=default is not None,
        default=default,
        label="Key",
        description="What fields, views and tags are called after; what it has written before is renewed"
        + ("" if default else f". What the policy says if left empty, else {DEFAULT_KEY}"),
    )


def refuse(field: Any, parse: Callable[[], object]) -> None:
    """Say below a field of the form what is wrong with it."""
    try:
        parse()
    except UsageError as error:
        field.invalid = True
        field.error_message = str(error)


# ---- what was filled in


def text_of(params: Mapping[str, Any], name: str) -> str | None:
    """A field that may be empty."""
    return (params.get(name) or "").strip() or None


def key_of(params: Mapping[str, Any]) -> str:
    """What was filled in, else the default."""
    return text_of(params, "key") or DEFAULT_KEY


def integers_of(text: str | None) -> tuple[int, ...]:
    """``255`` or ``254, 255``.

    Raises
    ------
    UsageError
        Something else.
    """
    words = [word.strip() for word in (text or "").split(",")]
    try:
        return tuple(int(word) for word in words if word)
    except ValueError:
        raise UsageError(f"ignored values are whole numbers with commas, got {show(text)}") from None


def limits_of(params: Mapping[str, Any], evaluation: segcore.Evaluation) -> Limits | None:
    """The same limit for every class; None where none was given."""
    below = params.get("below")
    return None if below is None else Limits.below(below, evaluation.ontology.names)
