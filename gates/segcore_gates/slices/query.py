"""Which images a slice is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from segcore.image_attributes import text_values

__all__ = ["NOT", "Query", "same_text"]

NOT = "not"
"""The key below which stands what images must not have."""

Values = tuple[str, ...]


def same_text(text: str) -> str:
    """A value of a policy in the way attributes write theirs."""
    folded = text.lower() if text.lower() in {"true", "false"} else text
    return next(iter(text_values(folded)), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What images must have, and must not have.

    Attributes
    ----------
    wanted : mapping of str to tuple of str
        An image has one of the values of every attribute.
    unwanted : mapping of str to tuple of str
        It has none of the values of any attribute.
    """

    wanted: Mapping[str, Values]
    unwanted: Mapping[str, Values]

    @property
    def attributes(self) -> tuple[str, ...]:
        """The attributes it asks for, each once."""
        return tuple(dict.fromkeys((*self.wanted, *self.unwanted)))

    def holds(self, found: Mapping[str, Values]) -> bool:
        """Whether an image with these attributes is meant."""
        return all(_any(found, name, values) for name, values in self.wanted.items()) and not any(
            _any(found, name, values) for name, values in self.unwanted.items()
        )

    def __str__(self) -> str:
        parts = [f"{name} {_or(values)}" for name, values in self.wanted.items()]
        parts += [f"not {name} {_or(values)}" for name, values in self.unwanted.items()]
        return ", ".join(parts)


def _any(found: Mapping[str, Values], name: str, values: Values) -> bool:
    return not set(values).isdisjoint(found.get(name, ()))


def _or(values: Values) -> str:
    return " or ".join(values)
