"""How far several annotators of the same images agree, on which classes, and who does not."""

from __future__ import annotations

from segcore.agreement.cause import Cause
from segcore.agreement.ceiling import HumanCeiling
from segcore.agreement.found import Agreement, ClassAgreement
from segcore.agreement.measuring import agree

__all__ = ["Agreement", "Cause", "ClassAgreement", "HumanCeiling", "agree"]
