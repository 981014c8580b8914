"""A gate on the agreement of annotators, as checks of a policy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from segcore_gates.rules import Check, LimitKind, Rule

if TYPE_CHECKING:
    from segcore.sources import Spec

__all__ = ["AgreementRule"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementRule(Check):
    """One class.

    Attributes
    ----------
    rule : Rule
        Its class, limits and evidence.
    annotators : tuple of (str, Spec)
        Who is compared, by name; empty is everybody who annotated the delivery.
    """

    rule: Rule
    annotators: tuple[tuple[str, Spec], ...] = ()

    @property
    def limit(self) -> tuple[LimitKind, float]:
        """The floor."""
        return self.rule.limit
