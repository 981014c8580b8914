"""What is judged about the parts of a batch."""

from __future__ import annotations

from dataclasses import dataclass, replace

from segcore_gates.metrics import METRICS
from segcore_gates.rules import Check, LimitKind, Rule
from segcore_gates.slices.query import Query
from segcore_gates.views import View

__all__ = ["SliceCheck"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceCheck(Check):
    """The rules of one gate, held against the parts of the batch.

    Attributes
    ----------
    name : str
        Of the slice, in the policy.
    by : str or None
        The attribute whose values are the parts.
    where : Query or None
        Which images are the one part.
    rules : tuple of Rule
        Of the gate; their own limits are not looked at.
    kind : LimitKind
        Of the limits.
    limits : tuple of float
        One for each rule.
    support_images, support_instances : int
        The evidence below which a class of a part is thin.
    """

    name: str
    by: str | None
    where: Query | None
    rules: tuple[Rule, ...]
    kind: LimitKind
    limits: tuple[float, ...]
    support_images: int
    support_instances: int

    @property
    def limit(self) -> tuple[LimitKind, float]:
        """The strictest; the record has the one that decided."""
        return self.kind, max(self.limits) if self.kind is LimitKind.MIN else min(self.limits)

    @property
    def views(self) -> tuple[View, ...]:
        """What its rules need, with the counts of each image."""
        return tuple(dict.fromkeys(self.view(rule) for rule in self.rules))

    @staticmethod
    def view(rule: Rule) -> View:
        """What one of them needs."""
        view = METRICS[rule.metric].view(rule)
        return replace(view, cells=view.task == "semantic")
