"""A signal as a check of a policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from segcore.signals.names import Signal, SignalSettings
from segcore_gates.rules import Check, LimitKind

if TYPE_CHECKING:
    from segcore.sources import Spec

__all__ = ["SignalRule"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalRule(Check):
    """One signal.

    Attributes
    ----------
    signal : Signal
    told : SignalSettings
        What all signals of the policy are told.
    settings : mapping of str to plain values
        What this one is told, by the keys of the policy.
    earlier : tuple of Spec
        Earlier deliveries.
    earlier_sha256 : tuple of str
        Of deliveries that are not at hand.
    audit : Spec or None
        Gold of other images.
    """

    signal: Signal
    told: SignalSettings
    settings: Mapping[str, Any] = field(default_factory=dict)
    earlier: tuple[Spec, ...] = ()
    earlier_sha256: tuple[str, ...] = ()
    audit: Spec | None = None

    @property
    def limit(self) -> tuple[LimitKind, float]:
        """No finding."""
        return LimitKind.MAX, 0.0
