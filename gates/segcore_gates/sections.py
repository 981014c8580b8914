"""The sections of a policy: each becomes checks, judged and reported in one order."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from segcore_gates.agreement.resolution import resolve_agreement, with_ceilings
from segcore_gates.conversion.resolution import with_conversion
from segcore_gates.format_lock.rule import resolve_format
from segcore_gates.lints.resolution import resolve_lints
from segcore_gates.regression.checks import resolve_regression
from segcore_gates.signals.resolution import resolve_signals
from segcore_gates.slices.resolution import resolve_slices

if TYPE_CHECKING:
    from segcore_gates.policy import Policy
    from segcore_gates.resolution import Around
    from segcore_gates.rules import Check

__all__ = ["resolve_sections"]


def resolve_sections(policy: Policy, around: Around) -> tuple[Check, ...]:
    """All checks of a policy: what is seen before anything is measured comes first.

    Parameters
    ----------
    policy : Policy
    around : Around
        Its gates are resolved already.
    """
    around = replace(around, rules=with_ceilings(policy.agreement, around))
    around = replace(around, rules=with_conversion(policy.conversion, around))
    rules, agreed = resolve_agreement(policy.gates, around)
    around = replace(around, rules=rules)
    before: tuple[Check, ...] = (
        *resolve_format(policy.format, around),
        *resolve_lints(policy.lints, around),
        *resolve_signals(policy.signals, around),
    )
    after: tuple[Check, ...] = (
        *resolve_slices(policy.slices, around),
        *resolve_regression(policy.regression, around),
    )
    return (*before, *around.rules, *agreed, *after)
