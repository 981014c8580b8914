"""From the section ``signals`` to its checks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from segcore.signals.names import Signal, SignalSettings
from segcore_gates.rules import Level, Metric, Thin
from segcore_gates.signals.policy import SignalLevel, SignalOptions, Signals
from segcore_gates.signals.rules import SignalRule

if TYPE_CHECKING:
    from segcore_gates.resolution import Around

__all__ = ["resolve_signals"]

_SHA256: Final = re.compile("[0-9a-f]{64}")

_SETTING_OF: Final[Mapping[tuple[Signal, str], str]] = {
    (Signal.IDENTICAL_TO_GOLD, "min_area"): "gold_px",
    (Signal.REPEATED_MASK, "min_area"): "repeated_px",
    (Signal.IDENTICAL_TO_EARLIER, "min_area"): "earlier_px",
    (Signal.LEAD_TIME, "floor"): "floor_s",
    (Signal.GOLD_FAVOURED, "p"): "p",
}
"""The keys of the policy, and what the signals call them."""


def resolve_signals(section: Signals | None, around: Around) -> tuple[SignalRule, ...]:
    """The signals of a policy that are not off, in one order whatever that of the policy.

    Parameters
    ----------
    section : Signals or None
    around : Around
        Takes what cannot be meant: a signal that is to reject, one that lacks what it compares with.
    """
    wanted: dict[Signal, dict[str, Any]] = {}
    settings: dict[str, Any] = {}
    for signal in Signal:
        given = None if section is None else getattr(section, signal.value.replace("-", "_"))
        if given is None:
            continue
        path: tuple[str | int, ...] = ("signals", signal.value)
        level = given.severity if isinstance(given, SignalOptions) else given
        if level is SignalLevel.ERROR:
            at = (*path, "severity") if isinstance(given, SignalOptions) else path
            problem = "a signal proves nothing and never rejects a batch: write warn or off"
            around.refuse("policy.bad_value", at, problem)
            continue
        if level is SignalLevel.OFF:
            continue
        told: dict[str, Any] = {}
        if isinstance(given, SignalOptions):
            told = {key: value for key, value in given if key != "severity" and value is not None}
        elif signal in _NEEDS:
            problem = f"{signal.value} needs more: write {{{_NEEDS[signal]}}}"
            around.refuse("policy.missing_key", path, problem)
        for key, value in told.items():
            if (signal, key) in _SETTING_OF:
                settings[_SETTING_OF[signal, key]] = value
        wanted[signal] = told
    shared = SignalSettings(**settings)
    return tuple(_rule(signal, told, shared, around) for signal, told in wanted.items())


_NEEDS: Final[Mapping[Signal, str]] = {
    Signal.IDENTICAL_TO_EARLIER: "earlier: [coco:last.json]",
    Signal.LEAD_TIME: "floor: 0.5",
}
"""Signals that compare with what only the policy can say."""


def _rule(signal: Signal, told: dict[str, Any], settings: SignalSettings, around: Around) -> SignalRule:
    path = ("signals", signal.value)
    given = tuple(told.get("earlier", ()))
    hashes = tuple(text for text in given if _SHA256.fullmatch(text))
    specs = [
        around.named(text, (*path, "earlier", i)) for i, text in enumerate(given) if text not in hashes
    ]
    audit = around.named(told["audit"], (*path, "audit")) if "audit" in told else None
    plain = {key: list(value) if isinstance(value, tuple) else value for key, value in told.items()}
    return SignalRule(
        id=f"signal[{signal.value}]",
        gate="signal",
        metric=Metric.SIGNAL,
        severity=Level.WARN,
        line=around.document.line(path),
        thin=Thin.SKIP,
        signal=signal,
        told=settings,
        settings=plain,
        earlier=tuple(spec for spec in specs if spec is not None),
        earlier_sha256=hashes,
        audit=audit,
    )
