"""Lints: what is wrong with a delivery whatever its scores are, found in one pass.

>>> from segcore.lints import Lint, lint
>>> lint("coco:delivery.json", [Lint.SPECK])[Lint.SPECK].found  # doctest: +SKIP
3
"""

from __future__ import annotations

from segcore.lints.findings import KEPT, LintFinding, LintResult
from segcore.lints.names import Lint, LintSettings
from segcore.lints.walk import lint, swapped_classes

__all__ = [
    "KEPT",
    "Lint",
    "LintFinding",
    "LintResult",
    "LintSettings",
    "lint",
    "swapped_classes",
]
