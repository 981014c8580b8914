"""Integrity signals: what asks for a question to the vendor.  None of them proves anything."""

from __future__ import annotations

from segcore.signals.audit import favoured_by_audit
from segcore.signals.names import Signal, SignalResult, SignalSettings
from segcore.signals.walk import signals

__all__ = ["Signal", "SignalResult", "SignalSettings", "favoured_by_audit", "signals"]
