"""Checks of any kind become records: one function a kind, one table of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from segcore_gates.agreement.judge import judge_agreement
from segcore_gates.agreement.rules import AgreementRule
from segcore_gates.format_lock.rule import FormatLockRule, judge_format
from segcore_gates.lints.judge import judge_lint
from segcore_gates.lints.rules import LintRule
from segcore_gates.regression.checks import RegressionRule
from segcore_gates.regression.judging import judge_regression
from segcore_gates.rules import Rule
from segcore_gates.signals.judge import judge_signal
from segcore_gates.signals.rules import SignalRule
from segcore_gates.slices.check import SliceCheck
from segcore_gates.slices.judging import judge_slice
from segcore_gates.verdict import verdict
from segcore_gates.waivers.waiver import waived

if TYPE_CHECKING:
    from segcore_gates.policy_batch import PolicyBatch
    from segcore_gates.records import Record
    from segcore_gates.rules import Check

__all__ = ["judge"]


def judge(check: Check, batch: PolicyBatch, *, strict: bool = False) -> Record:
    """Judge one check of a policy, and apply its waiver.

    Parameters
    ----------
    check : Check
        Of the policy of ``batch``.
    batch : PolicyBatch
    strict : bool
        Let warnings and thin evidence block too.

    Raises
    ------
    UsageError
        An input is not the one the policy pins, cannot be opened, or lacks what the check needs.
    InvalidInputError
        An input was refused.
    """
    record = _JUDGES[type(check)](check, batch, strict)
    policy = batch.policy
    waiver = policy.waivers.get(check.id)
    return record if waiver is None else waived(record, waiver, today=policy.today, strict=strict)


def _rule(rule: Rule, batch: PolicyBatch, strict: bool) -> Record:
    return verdict(rule, batch.evaluation(rule), strict=strict, adjusted_p=batch.adjusted_p(rule))


_JUDGES: Final[Mapping[type[Check], Callable[[Any, PolicyBatch, bool], Record]]] = {
    AgreementRule: judge_agreement,
    FormatLockRule: judge_format,
    RegressionRule: judge_regression,
    Rule: _rule,
    LintRule: judge_lint,
    SignalRule: judge_signal,
    SliceCheck: judge_slice,
}
