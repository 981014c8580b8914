"""A lint as a check of a policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from segcore.lints.names import Lint, LintSettings
from segcore_gates.rules import Check, LimitKind

__all__ = ["LintRule"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LintRule(Check):
    """One lint.

    Attributes
    ----------
    lint : Lint
    told : LintSettings
        What all lints of the policy are told.
    settings : mapping of str to plain values
        What this one is told, by the keys of the policy.
    """

    lint: Lint
    told: LintSettings
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def limit(self) -> tuple[LimitKind, float]:
        """No finding."""
        return LimitKind.MAX, 0.0
