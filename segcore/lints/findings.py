"""What a lint found: all of it counted, the first of it kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from segcore.annotation import AnnotationId
from segcore.lints.names import Lint

__all__ = ["KEPT", "Found", "LintFinding", "LintResult"]

KEPT: Final = 100
"""Findings of one lint that are kept; all are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LintFinding:
    """One finding.

    Attributes
    ----------
    image : str
        The image key; empty where it is about the delivery as a whole.
    annotation : int, str or None
        The id in the file, where there is one.
    class_name : str
        Empty where it is about several classes or none.
    what : str
        One line; may hold names from the input, so escape it before display.
    expected, got : str
        Short.
    """

    image: str = ""
    annotation: AnnotationId = None
    class_name: str = ""
    what: str
    expected: str = ""
    got: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LintResult:
    """What one lint found in a delivery.

    Attributes
    ----------
    lint : Lint
    found : int
        How many findings there are.
    findings : tuple of LintFinding
        The first of them, by image; at most :data:`KEPT`.
    examined : int
        How many things were looked at.
    subject : str
        What they are, in the plural.
    not_applicable : str
        Why the delivery cannot show it; empty where it can.
    unread : int
        Annotations that could not be read, and were not looked at for it.
    """

    lint: Lint
    found: int
    findings: tuple[LintFinding, ...]
    examined: int
    subject: str
    not_applicable: str = ""
    unread: int = 0


@dataclass(slots=True)
class Found:
    """Findings while they are collected, image after image in the order of their keys."""

    found: int = 0
    examined: int = 0
    findings: list[LintFinding] = field(default_factory=list)

    def look(self, things: int) -> None:
        """So many more things were looked at."""
        self.examined += things

    def add(self, finding: LintFinding) -> None:
        """Count a finding, and keep it while there are few."""
        self.found += 1
        if len(self.findings) < KEPT:
            self.findings.append(finding)

    @property
    def full(self) -> bool:
        """Whether further findings are only counted."""
        return len(self.findings) >= KEPT

    def count(self, findings: int) -> None:
        """Count findings without keeping them."""
        self.found += findings

    def take(self, other: Found) -> None:
        """Add what was found elsewhere."""
        self.look(other.examined)
        for finding in other.findings:
            self.add(finding)

    def result(self, lint: Lint, subject: str, why_not: str) -> LintResult:
        """What was found; ``why_not`` says what is missing where nothing was looked at."""
        return LintResult(
            lint=lint,
            found=self.found,
            findings=tuple(self.findings),
            examined=self.examined,
            subject=subject,
            not_applicable="" if self.examined or self.found else why_not,
        )
