"""The signals by name, what they are told, and what they say."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from segcore.lints.findings import LintFinding

__all__ = ["Signal", "SignalResult", "SignalSettings"]


class Signal(enum.StrEnum):
    """Something that asks for a question to the vendor, and proves nothing by itself."""

    IDENTICAL_TO_GOLD = "identical-to-gold"
    """Masks that are those of the gold, pixel by pixel."""
    REPEATED_MASK = "repeated-mask"
    """The same mask in several images."""
    IDENTICAL_TO_EARLIER = "identical-to-earlier"
    """Masks of an earlier delivery, or an earlier delivery as a whole."""
    LEAD_TIME = "lead-time"
    """Images that were drawn faster than can be."""
    GOLD_FAVOURED = "gold-favoured"
    """More care for the images of the gold than for the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalSettings:
    """What the signals are told; each reads its own.

    Attributes
    ----------
    gold_px, repeated_px, earlier_px : int
        Smaller masks are the same by chance, and are not looked at.
    floor_s : float
        Seconds for 1000 annotated pixels below which an image was drawn too fast.
    percentile : float
        Of the batch, in percent: only the fastest images are named.
    p : float
        Below it two samples differ.
    images : int
        Fewer images on either side say nothing.
    """

    gold_px: int = 400
    repeated_px: int = 400
    earlier_px: int = 400
    floor_s: float = 0.0
    percentile: float = 1.0
    p: float = 0.01
    images: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalResult:
    """What one signal says about a delivery.

    Attributes
    ----------
    signal : Signal
    found : int
        How many findings there are.
    findings : tuple of LintFinding
        The first of them.
    examined : int
        How many things were looked at.
    subject : str
        What they are, in the plural.
    said : str
        What is to be known besides; empty for nothing.
    not_applicable : str
        Why the delivery cannot show it; empty where it can.
    """

    signal: Signal
    found: int
    findings: tuple[LintFinding, ...]
    examined: int
    subject: str
    said: str = ""
    not_applicable: str = ""
